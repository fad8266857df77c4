// SPDX-License-Identifier: MIT
// Convolutions along time, as plain loops: conv1d, depthwise_conv1d. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/reference/frame.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn { namespace reference {

/// Frames that a convolution makes of so many: floor((frames + 2 padding - taps) / stride) + 1, and none where the
/// filter is longer than sequence and padding together.
constexpr index_t conv1d_frames(index_t frames, index_t taps, index_t stride, index_t padding) noexcept {
  index_t const room = frames + 2 * padding - taps;  // frames that the filter can move on by
  return room < 0 ? 0 : room / stride + 1;
}

/// y[n, t, o] = bias[o] + sum over i, k of weight[o, i, k] x[n, t stride + k - padding, g I / groups + i]
///
/// where i counts the I / groups channels of a group, and g = o / (O / groups) is the group of o.
/// x [N, T, I], y [N, conv1d_frames(T, ...), O], weight [O, I / groups, taps], bias [O] or empty. Frames outside
/// [0, length) of x are zeros. A sequence that ends at its length gives conv1d_frames(length, ...) frames; those of y
/// past them are zeros. Source: torch.nn.Conv1d(I, O, taps, stride, padding, groups=groups) on [N, I, T].
template <class T, class W = T>
constexpr void conv1d(read_only<T> x, tensor_view<T> y, index_t taps, index_t stride, index_t padding, index_t groups,
                      weight_span<W> weight, weight_span<W> bias = {}) {
  // Of one group.
  index_t const inputs = x.shape.channels / groups, outputs = y.shape.channels / groups;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n), frames = conv1d_frames(L, taps, stride, padding);
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t o = 0; o < y.shape.channels; ++o) {
        y(n, t, o) = static_cast<T>(0);
        if (t >= frames) continue;
        T sum = entry_or_zero<T>(bias, o);
        for (index_t i = 0; i < inputs; ++i) {
          for (index_t k = 0; k < taps; ++k) {
            index_t const from = t * stride + k - padding;
            if (from < 0 || from >= L) continue;
            sum = sum + entry<T>(weight, (o * inputs + i) * taps + k) * x(n, from, o / outputs * inputs + i);
          }
        }
        y(n, t, o) = sum;
      }
    }
  }
}

/// y[n, t, c] = bias[c] + sum over k of weight[c, k] x[n, t + k - K / 2, c]
///
/// K = taps, odd; x, y [N, T, C], weight [C, K], bias [C] or empty. Frames outside [0, length) of x are zeros, and so
/// are those of y past a sequence's length. The same as conv1d with padding K / 2 and C groups.
/// Source: torch.nn.Conv1d(C, C, K, padding=K // 2, groups=C) on [N, C, T].
template <class T, class W = T>
constexpr void depthwise_conv1d(read_only<T> x, tensor_view<T> y, index_t taps, weight_span<W> weight,
                                weight_span<W> bias = {}) {
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n);
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t c = 0; c < y.shape.channels; ++c) {
        y(n, t, c) = static_cast<T>(0);
        if (t >= L) continue;
        T sum = entry_or_zero<T>(bias, c);
        for (index_t k = 0; k < taps; ++k) {
          index_t const from = t + k - taps / 2;
          if (from < 0 || from >= L) continue;
          sum = sum + entry<T>(weight, c * taps + k) * x(n, from, c);
        }
        y(n, t, c) = sum;
      }
    }
  }
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
