// SPDX-License-Identifier: MIT
// A depthwise convolution along time, a frame at a time, vectorised over channels. The taps are other frames of the
// input, so that a shift of it only changes pointers.
#pragma once

#include <cstddef>
#include <type_traits>

#include <tshift/nn/kernel/rows.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Taps that are summed in registers before the sum is stored.
inline constexpr index_t taps_at_once = 8;

/// y[c] = (First ? bias[c] : y[c]) + sum over i < Taps of weight[i][c] x[i][c].
template <class Arch, bool First, index_t Taps, class T>
void sum_taps(index_t count, T const* const* x, T const* const* weight, T const* bias, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  index_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    batch sum = batch::load_unaligned(First ? bias + c : y + c);
#pragma GCC unroll 8
    for (index_t i = 0; i < Taps; ++i) {
      sum = xsimd::fma(batch::load_unaligned(weight[i] + c), batch::load_unaligned(x[i] + c), sum);
    }
    sum.store_unaligned(y + c);
  }
  if (c < count) {
    auto const load = [&](T const* p) { return load_part<Arch>(p + c, count - c, T(0)); };
    batch sum = load(First ? bias : y);
#pragma GCC unroll 1  // unrolled, the tails of up to eight taps take clang 14 20 s, for every element is a choice
    for (index_t i = 0; i < Taps; ++i) sum = xsimd::fma(load(weight[i]), load(x[i]), sum);
    store_part<Arch>(sum, y + c, count - c);
  }
}

template <class Arch, bool First, class T, index_t Taps = taps_at_once>
void sum_taps(index_t taps, index_t count, T const* const* x, T const* const* weight, T const* bias, T* y) noexcept {
  if constexpr (Taps > 0) {
    if (taps < Taps) return sum_taps<Arch, First, T, Taps - 1>(taps, count, x, weight, bias, y);
  }
  sum_taps<Arch, First, Taps>(count, x, weight, bias, y);
}

/// Frame t of sequence n: y[c] = bias[c] + sum over k of weight[k * C + c] x[n, t + k - taps / 2, c], frames outside
/// [0, length) being zero. y: C elements.
template <class T, class Arch>
void depthwise_frame(shifted_view<T> const& x, index_t n, index_t t, index_t length, index_t taps, T const* weight,
                     T const* bias, T* y) noexcept {
  index_t const channels = x.shape().channels, half = taps / 2;
  index_t const from = t < half ? half - t : 0;                               // the first tap inside the sequence
  index_t const until = length - t + half < taps ? length - t + half : taps;  // one past the last
  T const* rows[taps_at_once];
  T const* factors[taps_at_once];
  for (index_t i = 0; i < x.runs_per_frame(); ++i) {
    channel_run<T> const run = x.run(n, t, i);
    index_t tap = from;
    bool first = true;
    do {  // once also if there is nothing to sum: the bias is written
      index_t found = 0;
      for (; tap < until && found < taps_at_once; ++tap) {
        T const* const source = x.run(n, t + tap - half, i).data;
        if (source == nullptr) continue;  // zeros
        rows[found] = source;
        factors[found++] = weight + tap * channels + run.begin;
      }
      if (first) {
        sum_taps<Arch, true>(found, run.count, rows, factors, bias + run.begin, y + run.begin);
      } else {
        sum_taps<Arch, false>(found, run.count, rows, factors, bias + run.begin, y + run.begin);
      }
      first = false;
    } while (tap < until);
  }
}

/// Rows [first, first + count) of y, which are these frames; those past a sequence's length are zeros.
template <class T>
void depthwise_rows(std::type_identity_t<frame_rows<T>> const& frames, index_t first, index_t count, index_t taps,
                    T const* weight, T const* bias, row_sink<T> y) noexcept {
  shifted_view<T> const& x = frames.x;
  for (index_t r = 0; r < count; ++r) {
    index_t const n = (first + r) / frames.count, t = frames.from + (first + r) % frames.count;
    index_t const length = x.base().length(n);
    T* const to = y.data + r * y.stride;
    if (t < length) {
      depthwise_frame<T, xsimd::default_arch>(x, n, t, length, taps, weight, bias, to);
    } else {
      for (index_t c = 0; c < x.shape().channels; ++c) to[c] = T(0);
    }
  }
}

}}}}  // namespace tshift::nn::kernel
