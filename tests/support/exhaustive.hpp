// SPDX-License-Identifier: MIT
// The exhaustive set of small cases that shift and shift_inplace are held to.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/reference.hpp>

#include "cases.hpp"
#include "random.hpp"

namespace test_support {

/// Offsets -4..4 times five ways to lay folds: first, middle, last, all channels, two in opposite directions.
template <class Visit>
void for_each_plan(index_t channels, Visit visit) {
  index_t const some = (channels + 2) / 3, begin = channels / 4, half = channels / 2;
  index_t const second = std::min(some, channels - some);
  for (index_t offset = -4; offset <= 4; ++offset) {
    for (tshift::padding const edge : paddings) {
      visit(tshift::shift_plan(channels, {{0, some, offset}}, edge));
      visit(tshift::shift_plan(channels, {{begin, half, offset}}, edge));
      visit(tshift::shift_plan(channels, {{channels - some, some, offset}}, edge));
      visit(tshift::shift_plan(channels, {{0, channels, offset}}, edge));
      visit(tshift::shift_plan(channels, {{0, some, offset}, {some, second, -offset}}, edge));
    }
  }
}

/// Every fold that fits, some offsets.
template <class Visit>
void for_each_fold(index_t channels, Visit visit) {
  for (index_t begin = 0; begin <= channels; ++begin) {
    for (index_t count = 0; count <= channels - begin; ++count) {
      for (index_t const offset : {-3, -1, 1, 2}) {
        for (tshift::padding const edge : paddings) {
          visit(tshift::shift_plan(channels, {{begin, count, offset}}, edge));
        }
      }
    }
  }
}

/// No lengths, and two ragged batches; for one sequence its first length of each.
template <class Visit>
void for_each_raggedness(tshift::shape const& dims, Visit visit) {
  index_t const time = dims.time;
  index_t const uneven[] = {time - time / 3, time / 2}, short_ones[] = {std::min<index_t>(time, 1), 0};
  auto const batch = static_cast<std::size_t>(dims.batch);
  visit(std::span<index_t const>());
  visit(std::span<index_t const>(uneven, batch));
  visit(std::span<index_t const>(short_ones, batch));
}

/// A tensor in all four layouts.
template <class T>
class in_all_layouts {
 public:
  /// The same elements in each layout.
  in_all_layouts(tshift::shape const& dims, std::vector<T> const& values) : dims_(dims) {
    for (tshift::layout const order : layouts) {
      auto& memory = memory_[static_cast<int>(order)];
      memory.resize(static_cast<std::size_t>(dims.batch * dims.time * dims.channels * dims.space) + slack);
      std::memcpy(memory.data() + (memory.size() - slack), values.data(), slack * sizeof(T));
      std::size_t next = 0;
      tshift::tensor_view<T> const to = view(order);
      tshift::reference::for_each_element(
          dims, [&](index_t n, index_t t, index_t c, index_t s) { to(n, t, c, s) = values[next++]; });
    }
  }

  tshift::tensor_view<T> view(tshift::layout order, std::span<index_t const> lengths = {}) {
    return {memory_[static_cast<int>(order)].data(), dims_, order, lengths};
  }

  /// Takes over all bytes of a tensor of the same shape.
  void copy(in_all_layouts const& from, tshift::layout order) {
    auto& memory = memory_[static_cast<int>(order)];
    std::memcpy(memory.data(), from.memory_[static_cast<int>(order)].data(), memory.size() * sizeof(T));
  }

  /// Same elements, and the same bytes behind them.
  bool same(in_all_layouts const& other, tshift::layout order) const {
    auto const& memory = memory_[static_cast<int>(order)];
    return std::memcmp(memory.data(), other.memory_[static_cast<int>(order)].data(), memory.size() * sizeof(T)) == 0;
  }

 private:
  static constexpr std::size_t slack = 8;  // elements behind the tensor that must stay as they are
  tshift::shape dims_;
  std::vector<T> memory_[4];
};

/// Elements of the largest small case, and a little more.
inline constexpr index_t most_elements = 2 * 9 * 17 * 3 + 8;

/// The sentence for a case that failed.
template <class T>
std::string first_difference(std::string const& operation, in_all_layouts<T>& want, in_all_layouts<T>& got,
                             tshift::layout order, tshift::shift_plan const& plan, std::span<index_t const> lengths) {
  auto const found = tshift::conformance::compare<T>(want.view(order), got.view(order));
  return operation + ", " + describe(got.view(order).shape, plan, lengths) + ": " +
         (found.equal ? "bytes behind the tensor were written" : found.message());
}

}  // namespace test_support
