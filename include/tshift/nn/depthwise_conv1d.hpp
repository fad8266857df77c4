// SPDX-License-Identifier: MIT
// Depthwise convolution along time: each channel has its own small filter.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/input.hpp>
#include <tshift/weights/values.hpp>
#include <tshift/nn/kernel/aligned.hpp>
#include <tshift/nn/kernel/depthwise_conv1d.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, c] = bias[c] + sum over k of weight[c, k] x[n, t + k - K / 2, c]
///
/// K odd ("same" padding): frames outside a sequence are zeros, a ragged sequence ends at its length, and frames of y
/// behind it are zeros. x, y [N, T, C]. Source: torch.nn.Conv1d(C, C, K, padding=K // 2, groups=C) on [N, C, T].
/// Accuracy: K + 1 roundings per element. Cost: 2 N T C K FLOPs, one read and one write of the tensor.
template <class T>
class depthwise_conv1d {
 public:
  depthwise_conv1d() = default;

  /// @param channels  C >= 0
  /// @param taps      K, odd
  /// @param weight    [C, K] (PyTorch's [C, 1, K]); copied
  /// @param bias      [C], or empty for none; copied
  /// @throws shape_error  a span has another size, or K is even
  depthwise_conv1d(index_t channels, index_t taps, weights::values<T> weight, weights::values<T> bias = {})
      : channels_(channels), taps_(taps) {
    if (taps < 1 || taps % 2 == 0) detail::fail("depthwise_conv1d: %td taps, must be odd", taps);
    index_t const size = detail::checked_product("depthwise_conv1d", {channels, taps});
    detail::check_weight("depthwise_conv1d", "weight", weight.size(), size);
    if (!bias.empty()) detail::check_weight("depthwise_conv1d", "bias", bias.size(), channels);
    weight_.resize(static_cast<std::size_t>(size));
    for (index_t c = 0; c < channels; ++c) {
      for (index_t k = 0; k < taps; ++k) {
        weight_[static_cast<std::size_t>(k * channels + c)] = weight[c * taps + k];
      }
    }
    bias_.assign(static_cast<std::size_t>(channels), T(0));
    bias.copy_to(bias_.data(), 0, bias.size());
  }

  depthwise_conv1d(depthwise_conv1d const&) = default;
  depthwise_conv1d(depthwise_conv1d&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  depthwise_conv1d& operator=(depthwise_conv1d const& other) { return *this = depthwise_conv1d(other); }
  depthwise_conv1d& operator=(depthwise_conv1d&&) noexcept = default;
  ~depthwise_conv1d() = default;

  /// Number of channels of x and y.
  index_t channels() const noexcept { return channels_; }
  /// Length of a filter, odd.
  index_t taps() const noexcept { return taps_; }

  /// @param x  a view or shifted(view, plan)
  /// @param y  other memory than x
  /// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap; before the first write
  void forward(input<T> const& x, tensor_view<T> const& y) const {
    detail::check_block("depthwise_conv1d", x, channels_, y, channels_);
    for (index_t n = 0; n < y.shape.batch; ++n) {
      for (index_t t = 0; t < y.shape.time; ++t) frame(x.view(), n, t, y.at(n, t, 0));
    }
  }

  /// Frame t of sequence n into channels() elements at y. Unchecked.
  void frame(shifted_view<T> const& x, index_t n, index_t t, T* y) const noexcept {
    if (t < x.base().length(n)) {
      kernel::depthwise_frame<T, xsimd::default_arch>(x, n, t, taps_, weight_.data(), bias_.data(), y);
    } else {
      for (index_t c = 0; c < channels_; ++c) y[c] = T(0);
    }
  }

 private:
  index_t channels_ = 0, taps_ = 1;
  kernel::aligned_vector<T> weight_, bias_;  // weight: [K, C]
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
