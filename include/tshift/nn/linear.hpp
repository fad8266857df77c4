// SPDX-License-Identifier: MIT
// The linear layer (a pointwise convolution is one).
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/gemm.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, o] = bias[o] + sum over i of weight[o, i] x[n, t, i]
///
/// x [N, T, inputs], y [N, T, outputs], every frame, also those behind a sequence's length. Source: torch.nn.Linear.
/// Accuracy: sums are taken in T in ascending i, error at most (inputs + 1) * 2^-24 (float) of the sum of magnitudes.
/// Cost: 2 N T inputs outputs FLOPs; reading through a shift adds nothing.
template <class T>
class linear {
 public:
  linear() = default;

  /// @param inputs   size, >= 0
  /// @param outputs  size, >= 0
  /// @param weight   [outputs, inputs], as PyTorch has it; copied
  /// @param bias     [outputs], or empty for none; copied
  /// @throws shape_error  a span has another size
  linear(index_t inputs, index_t outputs, weights::values<T> weight, weights::values<T> bias = {})
      : matrix_((check(inputs, outputs, weight, bias), inputs), outputs,
                [&](index_t i, index_t o) { return weight[o * inputs + i]; },
                [&](index_t o) { return bias.empty() ? T(0) : bias[o]; }) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return matrix_.rows(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return matrix_.columns(); }
  /// W and b as they are kept.
  packed_matrix<T> const& matrix() const noexcept { return matrix_; }

  /// @param x  a view or shifted(view, plan)
  /// @param y  other memory than x
  /// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap; before the first write
  void forward(input<T> const& x, tensor_view<T> const& y) const {
    detail::check_block("linear", x, inputs(), y, outputs());
    detail::for_rows(y, [&](index_t first, index_t rows, T* c, index_t stride) {
      matrix_.multiply(x.view(), first, rows, c, stride);
    });
  }

 private:
  static void check(index_t inputs, index_t outputs, weights::values<T> weight, weights::values<T> bias) {
    detail::check_weight("linear", "weight", weight.size(), detail::checked_product("linear", {outputs, inputs}));
    if (!bias.empty()) detail::check_weight("linear", "bias", bias.size(), outputs);
  }

  packed_matrix<T> matrix_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
