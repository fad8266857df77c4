// SPDX-License-Identifier: MIT
// Layer normalisation over channels.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/input.hpp>
#include <tshift/weights/values.hpp>
#include <tshift/nn/kernel/aligned.hpp>
#include <tshift/nn/kernel/layer_norm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, c] = (x[n, t, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c]
///
/// mean and variance (the biased one) over the channels of one frame; every frame, also those behind a sequence's
/// length. Source: Ba et al. 2016, arXiv:1607.06450; torch.nn.LayerNorm. Accuracy: about
/// 4e-7 (float) times the largest |x| over the deviation, plus the rounding of y.
/// Cost: one read and one write of the tensor.
template <class T>
class layer_norm {
 public:
  layer_norm() = default;

  /// @param weight  [channels]; copied
  /// @param bias    [channels]; copied
  /// @param eps     > 0; PyTorch's default is 1e-5
  /// @throws shape_error  the spans differ in size, or eps is not positive
  layer_norm(weights::values<T> weight, weights::values<T> bias, T eps = T(1e-5))
      : weight_(static_cast<std::size_t>(weight.size())), bias_(static_cast<std::size_t>(bias.size())), eps_(eps) {
    weight.copy_to(weight_.data(), 0, weight.size());
    bias.copy_to(bias_.data(), 0, bias.size());
    detail::check_weight("layer_norm", "bias", bias.size(), channels());
    if (!(eps > 0)) detail::fail("layer_norm: eps = %g, must be > 0", static_cast<double>(eps));
  }

  layer_norm(layer_norm const&) = default;
  layer_norm(layer_norm&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  layer_norm& operator=(layer_norm const& other) { return *this = layer_norm(other); }
  layer_norm& operator=(layer_norm&&) noexcept = default;
  ~layer_norm() = default;

  /// Number of channels of x and y.
  index_t channels() const noexcept { return static_cast<index_t>(weight_.size()); }

  /// @param x  a view or shifted(view, plan)
  /// @param y  other memory than x, or x itself if it is not shifted
  /// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap otherwise
  void forward(input<T> const& x, tensor_view<T> const& y) const {
    detail::check_block("layer_norm", x, channels(), y, channels(), detail::in_place::allowed);
    for (index_t n = 0; n < y.shape.batch; ++n) {
      for (index_t t = 0; t < y.shape.time; ++t) {
        T* const to = y.at(n, t, 0);
        T const* const whole = x.is_shifted() ? nullptr : x.base().at(n, t, 0);
        if (whole == nullptr) collect(x.view(), n, t, to);
        row(whole != nullptr ? whole : to, to);
      }
    }
  }

  /// One frame: channels() elements at x and y, which may be one place. Unchecked.
  void row(T const* x, T* y) const noexcept {
    if (channels() == 0) return;
    kernel::layer_norm<xsimd::default_arch>(channels(), x, weight_.data(), bias_.data(), eps_, y);
  }

 private:
  static void collect(shifted_view<T> const& x, index_t n, index_t t, T* to) noexcept {
    for (channel_run<T> const run : x.runs(n, t)) {
      for (index_t c = 0; c < run.count; ++c) to[run.begin + c] = run.data != nullptr ? run.data[c] : T(0);
    }
  }

  kernel::aligned_vector<T> weight_, bias_;
  T eps_ = T(1e-5);
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
