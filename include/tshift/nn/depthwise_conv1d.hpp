// SPDX-License-Identifier: MIT
// Depthwise convolution along time: each channel has its own small filter.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/depthwise_conv1d.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, c] = bias[c] + sum over k of weight[c, k] x[n, t + k - K / 2, c]
///
/// K odd ("same" padding): frames outside a sequence are zeros, a ragged sequence ends at its length, and frames of y
/// past it are zeros. x, y [N, T, C]. Source: torch.nn.Conv1d(C, C, K, padding=K // 2, groups=C) on [N, C, T].
/// Accuracy: K + 1 roundings per element. Cost: 2 N T C K FLOPs, one read and one write of the tensor. No workspace.
template <class T>
class depthwise_conv1d : public row_calls<depthwise_conv1d<T>, T> {
 public:
  static constexpr char const* name = "depthwise_conv1d";                  ///< in messages
  static constexpr detail::in_place aliasing = detail::in_place::refused;  ///< y is other memory than x
  static constexpr bool reads_neighbours = true;                           ///< a row of y needs K rows of x

  depthwise_conv1d() = default;

  /// @param channels  C >= 0
  /// @param taps      K, odd
  /// @param weight    [C, K] (PyTorch's [C, 1, K]); copied
  /// @param bias      [C], or empty for none; copied
  /// @throws shape_error  a span has another size, or K is even
  depthwise_conv1d(index_t channels, index_t taps, weights::values<T> weight, weights::values<T> bias = {})
      : channels_(channels), taps_(taps) {
    if (taps < 1 || taps % 2 == 0) detail::fail("depthwise_conv1d: %td taps, must be odd", taps);
    index_t const size = detail::checked_product(name, {channels, taps});
    detail::check_weight(name, "weight", weight.size(), size);
    if (!bias.empty()) detail::check_weight(name, "bias", bias.size(), channels);
    weight_ = {static_cast<std::size_t>(size), [channels, taps, &weight](T* to) {
                 for (index_t k = 0; k < taps; ++k) {
                   for (index_t c = 0; c < channels; ++c) *to++ = weight[c * taps + k];
                 }
               }};
    bias_ = {static_cast<std::size_t>(channels), [channels, &bias](T* to) {
               for (index_t c = 0; c < channels; ++c) to[c] = bias.empty() ? T(0) : bias[c];
             }};
  }

  /// Number of channels of x and y.
  index_t channels() const noexcept { return channels_; }
  /// The same.
  index_t inputs() const noexcept { return channels_; }
  /// The same.
  index_t outputs() const noexcept { return channels_; }
  /// Length of a filter, odd.
  index_t taps() const noexcept { return taps_; }

  /// Frames of x before a frame of y that it depends on.
  index_t history() const noexcept { return taps_ / 2; }
  /// Frames of x after it.
  index_t latency() const noexcept { return taps_ / 2; }

  /// Multiply-adds for a row, which take as long as four of a product's each.
  index_t work() const noexcept { return 4 * taps_ * channels_; }
  /// A row needs nothing while it is computed.
  T* scratch(arena<T>&, index_t) const noexcept { return nullptr; }

  /// Unchecked: rows [first, first + count) of these frames to y.
  void rows(kernel::frame_rows<T> const& x, index_t first, index_t count, kernel::row_sink<T> y,
            T* = nullptr) const noexcept {
    kernel::depthwise_rows(x, first, count, taps_, weight_.data(), bias_.data(), y);
  }

 private:
  index_t channels_ = 0, taps_ = 1;
  weights::shared_array<T> weight_, bias_;  // weight: [K, C]
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
