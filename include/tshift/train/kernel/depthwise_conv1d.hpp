// SPDX-License-Identifier: MIT
// The gradient of small filters, one for each channel: products of dy with x some frames earlier or later, summed over
// time, vectorised over channels.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/depthwise_conv1d.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/train/kernel/chunks.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// sums[j * stride + c] += sum over f < Frames of dy[f][c] x[f + j][c], j < Taps. Each row is loaded once.
template <class Arch, index_t Frames, index_t Taps, class T>
void tap_products(index_t count, T const* const* x, T const* const* dy, T* sums, index_t stride) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  index_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    batch sum[static_cast<std::size_t>(Taps)], g[static_cast<std::size_t>(Frames)];
#pragma GCC unroll 8
    for (index_t j = 0; j < Taps; ++j) sum[j] = batch::load_unaligned(sums + j * stride + c);
#pragma GCC unroll 8
    for (index_t f = 0; f < Frames; ++f) g[f] = batch::load_unaligned(dy[f] + c);
#pragma GCC unroll 16
    for (index_t i = 0; i < Frames + Taps - 1; ++i) {
      batch const v = batch::load_unaligned(x[i] + c);
#pragma GCC unroll 8
      for (index_t j = 0; j < Taps; ++j) {
        if (i - j >= 0 && i - j < Frames) sum[j] = xsimd::fma(g[i - j], v, sum[j]);
      }
    }
#pragma GCC unroll 8
    for (index_t j = 0; j < Taps; ++j) sum[j].store_unaligned(sums + j * stride + c);
  }
  if (c == count) return;
  auto const load = [c, count](T const* p) { return load_part<Arch>(p + c, count - c, T(0)); };
#pragma GCC unroll 1  // unrolled, tails cost compilers seconds: every element is a choice
  for (index_t j = 0; j < Taps; ++j) {
    batch rest = load(sums + j * stride);
#pragma GCC unroll 1
    for (index_t f = 0; f < Frames; ++f) rest = xsimd::fma(load(dy[f]), load(x[f + j]), rest);
    store_part<Arch>(rest, sums + j * stride + c, count - c);
  }
}

/// The same for taps known at run time, in [1, Taps].
template <class Arch, index_t Frames, class T, index_t Taps = taps_at_once>
void tap_products(index_t taps, index_t count, T const* const* x, T const* const* dy, T* sums,
                  index_t stride) noexcept {
  if constexpr (Taps > 1) {
    if (taps < Taps) return tap_products<Arch, Frames, T, Taps - 1>(taps, count, x, dy, sums, stride);
  }
  tap_products<Arch, Frames, Taps>(count, x, dy, sums, stride);
}

/// Frames of x and of dy, with x's length.
template <class T>
struct filter_back {
  shifted_view<T> const& x;
  shifted_view<T> const& dy;
  index_t taps;

  /// sums[j * C + c] += sum over t in [first, first + frames) of dy[n, t, c] x[n, t + j - taps / 2, c] for j < taps,
  /// sums[taps * C + c] += sum of dy[n, t, c], frames of x outside [0, length) being zero.
  /// @param frames  at most frames_together
  template <class Arch>
  void add(index_t n, index_t first, index_t frames, index_t length, T* sums) const noexcept {
    for (index_t i = 0; i < x.runs_per_frame(); ++i) {
      for (index_t k = 0; k < dy.runs_per_frame(); ++k) {
        auto const &run = x.segment(i), &above = dy.segment(k);
        overlap_of_runs both(run.begin, run.count, above.begin, above.count);
        for (; !both.empty(); both.begin += gemm_depth) {  // no more channels than there are zeros
          index_t const count = both.size() < gemm_depth ? both.size() : gemm_depth;
          add_channels<Arch>(n, first, frames, length, i, k, both.begin, count, sums + both.begin);
        }
      }
    }
  }

 private:
  /// Of channels [begin, begin + count), which lie in run i of x and run k of dy.
  template <class Arch>
  void add_channels(index_t n, index_t first, index_t frames, index_t length, index_t i, index_t k, index_t begin,
                    index_t count, T* sums) const noexcept {
    index_t const channels = x.shape().channels;
    T const* above[static_cast<std::size_t>(frames_together)];
    for (index_t f = 0; f < frames; ++f) above[f] = channel_at(dy, n, first + f, k, begin, zeros<T>);
    T const* here[static_cast<std::size_t>(frames_together + taps_at_once)];
    for (index_t tap = 0; tap < taps; tap += taps_at_once) {
      index_t const some = taps - tap < taps_at_once ? taps - tap : taps_at_once;
      for (index_t f = 0; f < frames + some - 1; ++f) {
        index_t const t = first + f + tap - taps / 2;
        here[f] = t >= 0 && t < length ? channel_at(x, n, t, i, begin, zeros<T>) : zeros<T>;
      }
      T* const to = sums + tap * channels;
      if (frames == frames_together) {
        tap_products<Arch, frames_together, T>(some, count, here, above, to, channels);
      } else {
        for (index_t f = 0; f < frames; ++f) tap_products<Arch, 1, T>(some, count, here + f, above + f, to, channels);
      }
    }
    T* const all = sums + taps * channels;
    for (index_t f = 0; f < frames; ++f) {
      map<Arch>(
          count, all, [](auto const& a, auto const& b) { return a + b; }, all, above[f]);
    }
  }
};

}}}}  // namespace tshift::train::kernel
