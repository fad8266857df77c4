// SPDX-License-Identifier: MIT
// The gate of WavLM's positions, for one head and one frame.
#pragma once

#include <cmath>

#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// sum over i of x[i] w[i], in as many chains as a vector has lanes.
template <class Arch, class T>
T dot(index_t count, T const* x, T const* w) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  batch sum(T(0));
  index_t i = 0;
  for (; i + lanes <= count; i += lanes)
    sum = xsimd::fma(batch::load_unaligned(x + i), batch::load_unaligned(w + i), sum);
  if (i < count)
    sum = xsimd::fma(load_part<Arch>(x + i, count - i, T(0)), load_part<Arch>(w + i, count - i, T(0)), sum);
  return joined(sum, [](T a, T b) { return a + b; });
}

/// a (b constant - 1) + 2 with a, b = sigmoid(x . row + bias), a of the first row of w [2, count] and b of the second.
template <class Arch, class T>
T gate(index_t count, T const* x, T const* w, T const (&bias)[2], T constant) noexcept {
  T const a = T(1) / (T(1) + std::exp(-(dot<Arch>(count, x, w) + bias[0])));
  T const b = T(1) / (T(1) + std::exp(-(dot<Arch>(count, x, w + count) + bias[1])));
  return a * (b * constant - T(1)) + T(2);
}

}}}}  // namespace tshift::nn::kernel
