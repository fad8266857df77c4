// SPDX-License-Identifier: MIT
// Rows normalised.
#pragma once

#include <cmath>

#include <tshift/nn/kernel/rows.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Of a row: its mean, and 1 / sqrt(variance + eps).
template <class T>
struct row_moments {
  T mean, scale;
};

/// y = (x - mean) / sqrt(variance + eps) * weight + bias over `count` elements; y may be x. The variance is the mean of
/// the squared differences, taken in a second pass over the row: nothing cancels.
template <class Arch, class T>
row_moments<T> layer_norm(index_t count, T const* x, T const* weight, T const* bias, T eps, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  T const mean = sum_of<Arch>(count, x, [](batch const& v) { return v; }) / static_cast<T>(count);
  batch const middle(mean);
  T const squares = sum_of<Arch>(count, x, [&middle](batch const& v) { return (v - middle) * (v - middle); });
  T const inverse = T(1) / std::sqrt(squares / static_cast<T>(count) + eps);
  batch const scale(inverse);
  map<Arch>(
      count, y,
      [&middle, &scale](batch const& v, batch const& w, batch const& b) {
        return xsimd::fma((v - middle) * scale, w, b);
      },
      x, weight, bias);
  return {mean, inverse};
}

/// Rows [first, first + count) of x, `channels` of each, normalised to y, which may be the same memory.
/// @param keep  keep(row, moments) for each row
template <class Arch, class T, class Keep>
void layer_norm_rows(row_source<T> x, index_t first, index_t count, index_t channels, T const* weight, T const* bias,
                     T eps, row_sink<T> y, Keep const& keep) noexcept {
  row_block<T> table;
  for (row_part const part : row_parts(count)) {
    x.gather(table, first + part.begin, part.count, 0, channels, nullptr);
    for (index_t r = 0; r < part.count; ++r) {
      T* const to = y.data + (part.begin + r) * y.stride;
      T const* const whole = table.pieces == 1 ? table.items[0].row[r] : nullptr;
      if (whole == nullptr) collect(table, r, to);
      keep(first + part.begin + r, layer_norm<Arch>(channels, whole != nullptr ? whole : to, weight, bias, eps, to));
    }
  }
}

}}}}  // namespace tshift::nn::kernel
