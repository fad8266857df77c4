// SPDX-License-Identifier: MIT
// One row normalised.
#pragma once

#include <cmath>

#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// y = (x - mean) / sqrt(variance + eps) * weight + bias over `count` elements; y may be x. The variance is the mean of
/// the squared differences, taken in a second pass over the row: nothing cancels.
template <class Arch, class T>
void layer_norm(index_t count, T const* x, T const* weight, T const* bias, T eps, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  T const mean = sum_of<Arch>(count, x, [](batch const& v) { return v; }) / static_cast<T>(count);
  batch const middle(mean);
  T const squares = sum_of<Arch>(count, x, [&middle](batch const& v) { return (v - middle) * (v - middle); });
  batch const scale(T(1) / std::sqrt(squares / static_cast<T>(count) + eps));
  map<Arch>(
      count, y,
      [&middle, &scale](batch const& v, batch const& w, batch const& b) {
        return xsimd::fma((v - middle) * scale, w, b);
      },
      x, weight, bias);
}

}}}}  // namespace tshift::nn::kernel
