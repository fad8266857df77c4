// SPDX-License-Identifier: MIT
// Blocks that look at one frame at a time, as plain loops: linear, gelu, layer_norm, mlp. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn { namespace reference {

/// Weights as the definitions take them: of type W, in PyTorch's order; a vector or an array converts to it.
template <class W>
using weight_span = std::type_identity_t<std::span<W const>>;

/// The input of a definition, [N, T, C] with lengths; a view that could be written, too, converts to it.
template <class T>
using read_only = std::type_identity_t<tensor_view<T const>>;

/// weight[i], as the number type that is computed in.
template <class T, class W>
constexpr T entry(std::span<W const> weight, index_t i) {
  return static_cast<T>(weight[static_cast<std::size_t>(i)]);
}

/// bias[i], or 0 where there is no bias.
template <class T, class W>
constexpr T entry_or_zero(std::span<W const> bias, index_t i) {
  return bias.empty() ? static_cast<T>(0) : entry<T>(bias, i);
}

/// y[n, t, o] = bias[o] + sum over i of weight[o, i] x[n, t, i]
///
/// x [N, T, I], y [N, T, O], weight [O, I], bias [O] or empty. Source: torch.nn.Linear.
template <class T, class W = T>
constexpr void linear(read_only<T> x, tensor_view<T> y, weight_span<W> weight, weight_span<W> bias = {}) {
  index_t const I = x.shape.channels;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t o = 0; o < y.shape.channels; ++o) {
        T sum = entry_or_zero<T>(bias, o);
        for (index_t i = 0; i < I; ++i) sum = sum + entry<T>(weight, o * I + i) * x(n, t, i);
        y(n, t, o) = sum;
      }
    }
  }
}

/// x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 of one number, Phi being the normal distribution.
///
/// Written with erfc(-v) = 1 + erf(v), which does not cancel for negative x.
/// Source: Hendrycks, Gimpel 2016, arXiv:1606.08415; torch.nn.functional.gelu(approximate="none").
template <class T>
T gelu(T x) {
  using std::erfc, std::sqrt;
  T const two = static_cast<T>(2);
  return x * (erfc(-x / sqrt(two)) / two);
}

/// y[n, t, c] = gelu(x[n, t, c])
template <class T>
void gelu(read_only<T> x, tensor_view<T> y) {
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t c = 0; c < y.shape.channels; ++c) y(n, t, c) = gelu(T(x(n, t, c)));
    }
  }
}

/// y[n, t, c] = (x[n, t, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c]
///
/// with mean and variance (the biased one: the mean square of the deviations) over the channels of the frame.
/// x, y [N, T, C], weight, bias [C]. Source: Ba et al. 2016, arXiv:1607.06450; torch.nn.LayerNorm.
template <class T, class W = T>
void layer_norm(read_only<T> x, tensor_view<T> y, weight_span<W> weight, weight_span<W> bias,
                std::type_identity_t<W> eps) {
  using std::sqrt;
  index_t const C = y.shape.channels;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      T mean = static_cast<T>(0), variance = static_cast<T>(0);
      for (index_t c = 0; c < C; ++c) mean = mean + x(n, t, c) / static_cast<T>(C);
      for (index_t c = 0; c < C; ++c) {
        T const off = x(n, t, c) - mean;
        variance = variance + off * off / static_cast<T>(C);
      }
      T const deviation = sqrt(variance + static_cast<T>(eps));
      for (index_t c = 0; c < C; ++c) {
        y(n, t, c) = (x(n, t, c) - mean) / deviation * entry<T>(weight, c) + entry<T>(bias, c);
      }
    }
  }
}

/// y = second(gelu(first(x))), the perceptron of a transformer
///
/// x [N, T, I], y [N, T, O]; the first layer has weight1 [H, I] and bias1 [H] or empty, the second weight2 [O, H] and
/// bias2 [O] or empty. Source: Vaswani et al. 2017, arXiv:1706.03762, with GELU.
template <class T, class W = T>
void mlp(read_only<T> x, tensor_view<T> y, index_t hidden, weight_span<W> weight1, weight_span<W> bias1,
         weight_span<W> weight2, weight_span<W> bias2) {
  std::vector<T> memory(static_cast<std::size_t>(y.shape.batch * y.shape.time * hidden));
  tensor_view<T> const middle(memory.data(), {y.shape.batch, y.shape.time, hidden});
  linear<T, W>(x, middle, weight1, bias1);
  gelu<T>(middle, middle);
  linear<T, W>(middle, y, weight2, bias2);
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
