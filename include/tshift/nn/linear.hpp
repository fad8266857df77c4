// SPDX-License-Identifier: MIT
// The linear layer (a pointwise convolution is one).
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/skip.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, o] = bias[o] + sum over i of weight[o, i] x[n, t, i]   (+ skip[n, t, o])
///
/// x [N, T, inputs], y [N, T, outputs], every frame, also those past a sequence's length. Source: torch.nn.Linear.
/// Accuracy: sums are taken in T in ascending i, error at most (inputs + 1) * 2^-24 (float) of the sum of magnitudes.
/// Cost: 2 N T inputs outputs FLOPs; reading through a shift adds nothing. No workspace.
template <class T>
class linear : public adding_row_calls<linear<T>, T> {
 public:
  static constexpr char const* name = "linear";                            ///< in messages
  static constexpr detail::in_place aliasing = detail::in_place::refused;  ///< y is other memory than x
  static constexpr bool reads_neighbours = false;                          ///< a row of y needs one row of x

  linear() = default;

  /// @param inputs   size, >= 0
  /// @param outputs  size, >= 0
  /// @param weight   [outputs, inputs], as PyTorch has it; copied
  /// @param bias     [outputs], or empty for none; copied
  /// @throws shape_error  a span has another size, or bf16 is asked for of double
  linear(index_t inputs, index_t outputs, weights::values<T> weight, weights::values<T> bias = {})
      : matrix_((check_sizes(inputs, outputs, weight, bias), inputs), outputs,
                [inputs, &weight](index_t i, index_t o) { return weight[o * inputs + i]; },
                [&bias](index_t o) { return bias.empty() ? T(0) : bias[o]; }, weight.how()) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return matrix_.rows(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return matrix_.columns(); }

  /// Multiply-adds for a row.
  index_t work() const noexcept { return inputs() * outputs(); }
  /// A row needs nothing while it is computed.
  T* scratch(arena<T>&, index_t) const noexcept { return nullptr; }

  /// Unchecked: rows [first, first + count) of x to y.
  void rows(kernel::row_source<T> x, index_t first, index_t count, kernel::row_sink<T> y, T* = nullptr,
            kernel::row_source<T> const* skip = nullptr) const noexcept {
    if (skip == nullptr) return kernel::gemm<T, arch>(x, first, count, matrix_.operand(), y);
    kernel::gemm<T, arch>(x, first, count, matrix_.operand(), y, kernel::add_skip<T, arch>(*skip, outputs(), 0));
  }

  /// W and b as kernels read them.
  kernel::packed_operand<T> operand() const noexcept { return matrix_.operand(); }

 private:
  using arch = typename kernel::packed_matrix<T>::arch;

  static void check_sizes(index_t inputs, index_t outputs, weights::values<T> const& weight,
                          weights::values<T> const& bias) {
    detail::check_weight("linear", "weight", weight.size(), detail::checked_product("linear", {outputs, inputs}));
    detail::check_stored("linear", weight);
    if (!bias.empty()) detail::check_weight("linear", "bias", bias.size(), outputs);
  }

  kernel::packed_matrix<T> matrix_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
