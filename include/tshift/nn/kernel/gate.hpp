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

/// The sum of from[first], from[first + step], ..., four of them, in double.
template <class T, class Values>
T sum_of_four(Values const& from, index_t first, index_t step) {
  double sum = 0;
  for (index_t i = 0; i < 4; ++i) sum += static_cast<double>(from[first + i * step]);
  return static_cast<T>(sum);
}

/// a and b = sigmoid(x . row + bias), a of the first row of w [2, count] and b of the second.
template <class T>
struct gate_factors {
  T a, b;

  /// The gate.
  T with(T constant) const noexcept { return a * (b * constant - T(1)) + T(2); }
};

template <class Arch, class T>
gate_factors<T> factors_of_gate(index_t count, T const* x, T const* w, T const (&bias)[2]) noexcept {
  return {T(1) / (T(1) + std::exp(-(dot<Arch>(count, x, w) + bias[0]))),
          T(1) / (T(1) + std::exp(-(dot<Arch>(count, x, w + count) + bias[1])))};
}

/// a (b constant - 1) + 2.
template <class Arch, class T>
T gate(index_t count, T const* x, T const* w, T const (&bias)[2], T constant) noexcept {
  return factors_of_gate<Arch>(count, x, w, bias).with(constant);
}

}}}}  // namespace tshift::nn::kernel
