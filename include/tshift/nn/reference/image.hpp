// SPDX-License-Identifier: MIT
// Blocks of images [N, T, F, C], as plain loops: conv2d, max_pool, avg_pool, instance_norm. Element (n, t, c, p) of a
// view is channel c of the pixel at frame t and place p. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/options.hpp>
#include <tshift/nn/reference/conv.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn { namespace reference {

/// Windows along an axis of so many pixels: floor((size + before + after - taps) / stride) + 1, and none where the
/// window is longer than pixels and zeros together.
constexpr index_t window_count(index_t size, window_axis const& axis) noexcept {
  return conv1d_frames(size + axis.before + axis.after, axis.taps, axis.stride, 0);
}

/// y[n, t, o, p] = bias[o] + sum over i, k, l of weight[o, i, k, l]
///                 x[n, t time.stride + k - time.before, g I / groups + i, p space.stride + l - space.before]
///
/// where i counts the I / groups channels of a group, and g = o / (O / groups) is the group of o.
/// x [N, T, F, I], y [N, T', F', O] with T' and F' the windows over T and F; weight [O, I / groups, time.taps,
/// space.taps], bias [O] or empty. Pixels outside [0, length) and [0, F) are zeros. A sequence that ends at its length
/// gives the windows over it; frames of y past them are zeros. Source: torch.nn.Conv2d on [N, I, T, F].
template <class T, class W = T>
constexpr void conv2d(read_only<T> x, tensor_view<T> y, conv2d_options const& how, weight_span<W> weight,
                      weight_span<W> bias = {}) {
  // Of one group.
  index_t const inputs = how.inputs / how.groups, outputs = how.outputs / how.groups;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n), frames = window_count(L, how.time);
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t p = 0; p < y.shape.space; ++p) {
        for (index_t o = 0; o < how.outputs; ++o) {
          y(n, t, o, p) = static_cast<T>(0);
          if (t >= frames) continue;
          T sum = entry_or_zero<T>(bias, o);
          for (index_t i = 0; i < inputs; ++i) {
            for (index_t k = 0; k < how.time.taps; ++k) {
              for (index_t l = 0; l < how.space.taps; ++l) {
                index_t const at = t * how.time.stride + k - how.time.before;
                index_t const place = p * how.space.stride + l - how.space.before;
                if (at < 0 || at >= L || place < 0 || place >= x.shape.space) continue;
                T const w = entry<T>(weight, ((o * inputs + i) * how.time.taps + k) * how.space.taps + l);
                sum = sum + w * x(n, at, o / outputs * inputs + i, place);
              }
            }
          }
          y(n, t, o, p) = sum;
        }
      }
    }
  }
}

/// y[n, t, c, p] = the largest of x[n, t time.stride + k, c, p space.stride + l] over k < time.taps, l < space.taps
///
/// x [N, T, F, C], y [N, T', F', C] with T' and F' the windows over T and F, without zeros around the image. A sequence
/// that ends at its length gives the windows over it; frames of y past them are zeros. Source: torch.nn.MaxPool2d.
template <class T>
constexpr void max_pool(read_only<T> x, tensor_view<T> y, window_axis const& time, window_axis const& space) {
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t p = 0; p < y.shape.space; ++p) {
        for (index_t c = 0; c < y.shape.channels; ++c) {
          y(n, t, c, p) = static_cast<T>(0);
          if (t >= window_count(x.length(n), time)) continue;
          T largest = x(n, t * time.stride, c, p * space.stride);
          for (index_t k = 0; k < time.taps; ++k) {
            for (index_t l = 0; l < space.taps; ++l) {
              T const value = x(n, t * time.stride + k, c, p * space.stride + l);
              if (largest < value) largest = value;
            }
          }
          y(n, t, c, p) = largest;
        }
      }
    }
  }
}

/// The same with the mean of each window. Source: torch.nn.AvgPool2d.
template <class T>
constexpr void avg_pool(read_only<T> x, tensor_view<T> y, window_axis const& time, window_axis const& space) {
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t p = 0; p < y.shape.space; ++p) {
        for (index_t c = 0; c < y.shape.channels; ++c) {
          y(n, t, c, p) = static_cast<T>(0);
          if (t >= window_count(x.length(n), time)) continue;
          T sum = static_cast<T>(0);
          for (index_t k = 0; k < time.taps; ++k) {
            for (index_t l = 0; l < space.taps; ++l) sum = sum + x(n, t * time.stride + k, c, p * space.stride + l);
          }
          y(n, t, c, p) = sum / static_cast<T>(time.taps * space.taps);
        }
      }
    }
  }
}

/// y[n, t, c, p] = (x[n, t, c, p] - mean) / sqrt(variance + eps)
///
/// with mean and variance (the biased one) of channel c over all pixels of frames [0, length) of sequence n.
/// x, y [N, T, F, C]; frames of y past a sequence's length are zeros. Source: torch.nn.InstanceNorm2d on [N, C, T, F].
template <class T>
void instance_norm(read_only<T> x, tensor_view<T> y, double eps) {
  using std::sqrt;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n);
    for (index_t c = 0; c < y.shape.channels; ++c) {
      T const count = static_cast<T>(L * x.shape.space);
      T mean = static_cast<T>(0), variance = static_cast<T>(0);
      for (index_t t = 0; t < L; ++t) {
        for (index_t p = 0; p < x.shape.space; ++p) mean = mean + x(n, t, c, p) / count;
      }
      for (index_t t = 0; t < L; ++t) {
        for (index_t p = 0; p < x.shape.space; ++p) {
          T const off = x(n, t, c, p) - mean;
          variance = variance + off * off / count;
        }
      }
      T const deviation = sqrt(variance + static_cast<T>(eps));
      for (index_t t = 0; t < y.shape.time; ++t) {
        for (index_t p = 0; p < y.shape.space; ++p) {
          y(n, t, c, p) = t < L ? (x(n, t, c, p) - mean) / deviation : static_cast<T>(0);
        }
      }
    }
  }
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
