// SPDX-License-Identifier: MIT
// Layer normalisation over channels.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <span>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/layer_norm.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, c] = (x[n, t, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c]
///
/// mean and variance (the biased one) over the channels of one frame; every frame, also those past a sequence's
/// length. Source: Ba et al. 2016, arXiv:1607.06450; torch.nn.LayerNorm. Accuracy: about
/// 4e-7 (float) times the largest |x| over the deviation, plus the rounding of y.
/// Cost: one read and one write of the tensor. No workspace.
template <class T>
class layer_norm : public row_calls<layer_norm<T>, T> {
 public:
  static constexpr char const* name = "layer_norm";                        ///< in messages
  static constexpr detail::in_place aliasing = detail::in_place::allowed;  ///< y may be x, if x is not shifted
  static constexpr bool reads_neighbours = false;                          ///< a row of y needs one row of x

  layer_norm() = default;

  /// @param weight  [channels]; copied
  /// @param bias    [channels]; copied
  /// @param eps     > 0, finite; PyTorch's default is 1e-5
  /// @throws shape_error  the spans differ in size, or eps is not positive or not finite
  layer_norm(weights::values<T> weight, weights::values<T> bias, T eps = T(1e-5))
      : weight_(weights::array_of(weight)), bias_(weights::array_of(bias)), eps_(eps) {
    detail::check_weight("layer_norm", "bias", bias.size(), weight.size());
    if (!(eps > 0 && eps <= std::numeric_limits<T>::max()))
      detail::fail("layer_norm: eps = %g, must be > 0 and finite", static_cast<double>(eps));
  }

  /// Number of channels of x and y.
  index_t channels() const noexcept { return static_cast<index_t>(weight_.size()); }
  /// The same.
  index_t inputs() const noexcept { return channels(); }
  /// The same.
  index_t outputs() const noexcept { return channels(); }

  /// About what a row costs, in multiply-adds.
  index_t work() const noexcept { return 8 * channels(); }
  /// A row needs nothing while it is computed.
  T* scratch(arena<T>&, index_t) const noexcept { return nullptr; }

  /// Unchecked: rows [first, first + count) of x to y, which may be the same memory.
  void rows(kernel::row_source<T> x, index_t first, index_t count, kernel::row_sink<T> y, T* = nullptr) const noexcept {
    if (channels() == 0) return;
    kernel::layer_norm_rows<xsimd::default_arch>(x, first, count, channels(), weight_.data(), bias_.data(), eps_, y,
                                                 [](index_t, kernel::row_moments<T> const&) {});
  }

 private:
  weights::shared_array<T> weight_, bias_;
  T eps_ = T(1e-5);
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
