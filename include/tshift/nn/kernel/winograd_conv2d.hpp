// SPDX-License-Identifier: MIT
// Images as Winograd's F(2, 3) along space reads them: of the four pixels that two neighbouring places of y are made of,
// four sums and differences.
#pragma once

#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// S x by pairs of places of y. Pair q reads d[i], pixel 2 q - before + i of a frame, zeros where that is outside.
template <class T>
struct place_pairs {
  using arch = xsimd::default_arch;

  shifted_view<T> const& x;
  index_t before, pairs;

  /// Of frame t of sequence n, d[0] - d[2], d[1] + d[2], d[2] - d[1] and d[1] - d[3] of pair q to to + q channels in each of
  /// four planes.
  void transform(index_t n, index_t t, T* to, index_t plane) const noexcept {
    index_t const places = x.shape().space, step = x.base().strides.space;
    for (index_t i = 0; i < x.runs_per_frame(); ++i) {
      channel_run<T> const run = x.run(n, t, i);
      for (index_t q = 0; q < pairs; ++q) {
        T const* d[4];
        index_t there = 0;
        for (index_t l = 0; l < 4; ++l) {
          index_t const place = 2 * q - before + l;
          bool const inside = run.data != nullptr && place >= 0 && place < places;
          d[l] = inside ? run.data + place * step : nullptr;
          there += inside ? 1 : 0;
        }
        T* const made = to + q * x.shape().channels + run.begin;
        if (there == 4) {
          differences(
              run.count, [&d](index_t l, index_t c, auto const& load) { return load(d[l] + c); }, made, plane);
        } else {
          differences(
              run.count,
              [&d](index_t l, index_t c, auto const& load) { return d[l] != nullptr ? load(d[l] + c) : batch(T(0)); },
              made, plane);
        }
      }
    }
  }

 private:
  using batch = xsimd::batch<T, arch>;
  static constexpr index_t lanes = lanes_of<T, arch>;

  /// @param pixel  pixel(l, c, load) is channels of d[l] from c on, as load reads them
  template <class Pixel>
  static void differences(index_t count, Pixel const& pixel, T* to, index_t plane) noexcept {
    auto const some = [&pixel, to, plane](index_t c, auto const& load, auto const& store) {
      batch const one = pixel(1, c, load), two = pixel(2, c, load);
      store(pixel(0, c, load) - two, to + c);
      store(one + two, to + plane + c);
      store(two - one, to + 2 * plane + c);
      store(one - pixel(3, c, load), to + 3 * plane + c);
    };
    index_t c = 0;
    for (; c + lanes <= count; c += lanes) {
      some(
          c, [](T const* p) { return batch::load_unaligned(p); },
          [](batch const& value, T* p) { value.store_unaligned(p); });
    }
    if (c == count) return;
    some(
        c, [rest = count - c](T const* p) { return load_part<arch>(p, rest, T(0)); },
        [rest = count - c](batch const& value, T* p) { store_part<arch>(value, p, rest); });
  }
};

/// a, b = a + b, a - b for `count` elements.
template <class Arch, class T>
void sum_and_difference(index_t count, T* a, T* b) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  index_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    batch const one = batch::load_unaligned(a + c), two = batch::load_unaligned(b + c);
    (one + two).store_unaligned(a + c);
    (one - two).store_unaligned(b + c);
  }
  for (; c < count; ++c) {
    T const one = a[c], two = b[c];
    a[c] = one + two;
    b[c] = one - two;
  }
}

}}}}  // namespace tshift::nn::kernel
