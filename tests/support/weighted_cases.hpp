// SPDX-License-Identifier: MIT
// What the tests of the weighted shifts share: tensors in every memory order with something around them, and offsets of
// every kind.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>

#include "cases.hpp"
#include "random.hpp"

namespace test_support {

/// Numbers in [-1, 1), those of a float.
template <class T>
T drawn(random_bits& random) {
  return static_cast<T>(static_cast<float>(random() >> 40) * 0x1p-23f - 1);
}

template <class T>
std::vector<T> drawn_list(index_t size, random_bits& random, double factor = 1) {
  std::vector<T> list(static_cast<std::size_t>(size));
  for (T& each : list) each = static_cast<T>(factor) * drawn<T>(random);
  return list;
}

/// A tensor in one of the memory orders, dense or with gaps, which hold `around`.
template <class T>
class spaced_tensor {
 public:
  spaced_tensor(tshift::shape const& dims, T around, random_bits& random) : around_(around) {
    index_t const a = random.in(0, 2), b = random.in(0, 3), c = random.in(0, 1);
    tshift::layout const order = layouts[random.in(0, 3)];
    tshift::shape const wide{dims.batch + c, dims.time + a, dims.channels + b, dims.space};
    memory_.assign(static_cast<std::size_t>(wide.size()), around_);
    view = tshift::tensor_view<T>(memory_.data(), wide, order)
               .slice_sequences(c, dims.batch)
               .slice_frames(a, dims.time)
               .slice_channels(b, dims.channels);
    if (random.chance(4) && dims.time > 0 && view.data != nullptr) {  // backwards in time
      view.data = view.at(0, dims.time - 1, 0);
      view.strides.time = -view.strides.time;
    }
  }

  template <class F>
  void fill(F const& f) {
    tshift::reference::for_each_element(
        view.shape, [&](index_t n, index_t t, index_t c, index_t s) { view(n, t, c, s) = f(n, t, c, s); });
  }

  /// Whether the gaps are as they were. Writes over the elements.
  bool gaps_untouched() {
    fill([this](index_t, index_t, index_t, index_t) { return around_; });
    return std::all_of(memory_.begin(), memory_.end(), [this](T each) { return each == around_; });
  }

  tshift::tensor_view<T> view;

 private:
  T around_;
  std::vector<T> memory_;
};

/// Offsets: a little around 0, anywhere, beyond the sequence, integers, all the same, or a mixture.
template <class T>
std::vector<T> draw_offsets(index_t channels, index_t time, random_bits& random) {
  index_t const kind = random.in(0, 5);
  auto const reach = static_cast<T>(time + 2);
  T const common = reach * drawn<T>(random);
  std::vector<T> offsets;
  for (index_t c = 0; c < channels; ++c) {
    T const here = drawn<T>(random);
    switch (kind == 5 ? random.in(0, 4) : kind) {
      case 0: offsets.push_back(here); break;
      case 1: offsets.push_back(3 * here); break;
      case 2: offsets.push_back(reach * here); break;
      case 3: offsets.push_back(std::floor(reach * here)); break;
      default: offsets.push_back(common);
    }
  }
  return offsets;
}

inline std::vector<index_t> draw_frames(index_t N, index_t T, random_bits& random) {
  std::vector<index_t> lengths;
  if (random.chance(3)) return lengths;
  for (index_t n = 0; n < N; ++n) lengths.push_back(random.chance(5) ? 0 : random.in(0, T));
  return lengths;
}

/// The largest difference; infinite where one is NaN and the other not.
template <class T>
double distance(tshift::tensor_view<T> const& a, tshift::tensor_view<T> const& b) {
  double worst = 0;
  tshift::reference::for_each_element(a.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    auto const x = static_cast<double>(a(n, t, c, s)), y = static_cast<double>(b(n, t, c, s));
    if (std::isnan(x) && std::isnan(y)) return;
    double const off = std::fabs(x - y);
    worst = off <= worst ? worst : std::isnan(off) ? std::numeric_limits<double>::infinity() : off;
  });
  return worst;
}

/// <a, b> over the frames inside sequences.
template <class T>
double inner_product(tshift::tensor_view<T> const& a, tshift::tensor_view<T> const& b,
                     std::vector<index_t> const& lengths) {
  double sum = 0;
  tshift::reference::for_each_element(a.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    if (!lengths.empty() && t >= lengths[static_cast<std::size_t>(n)]) return;
    sum += static_cast<double>(a(n, t, c, s)) * static_cast<double>(b(n, t, c, s));
  });
  return sum;
}

}  // namespace test_support
