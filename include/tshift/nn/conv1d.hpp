// SPDX-License-Identifier: MIT
// Convolution along time: any kernel, stride, zero padding, groups. A product whose rows are windows of the input that
// overlap; no window is copied.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/conv1d.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses sizes that are no convolution.
inline void check_conv1d(conv1d_options const& o) {
  // What sizes are added from must not overflow; nobody convolves over 2^40 frames.
  constexpr index_t most = index_t{1} << (index_bits > 40 ? 40 : 28);
  (void)checked_product("conv1d", {o.inputs, o.outputs});
  if (o.taps < 1) fail("conv1d: %td taps, must be >= 1", o.taps);
  if (o.stride < 1) fail("conv1d: stride = %td, must be >= 1", o.stride);
  if (o.padding < 0) fail("conv1d: padding = %td, must be >= 0", o.padding);
  if (o.taps > most) fail("conv1d: %td taps, must be <= %td", o.taps, most);
  if (o.padding > most) fail("conv1d: padding = %td, must be <= %td", o.padding, most);
  if (o.groups < 1 || o.inputs % o.groups != 0 || o.outputs % o.groups != 0) {
    fail("conv1d: %td groups, must divide the %td inputs and the %td outputs", o.groups, o.inputs, o.outputs);
  }
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, o] = bias[o] + sum over k, i of weight[o, i, k] x[n, t stride + k - padding, g I / groups + i]
///
/// with g the group of o and i in [0, I / groups). Frames outside a sequence are zeros; a ragged sequence ends at its
/// length L, has frames(L) frames in y, and frames of y past them are zeros. x [N, T, I], y [N, frames(T), O].
/// Source: torch.nn.Conv1d on [N, C, T]. Accuracy: sums are taken in T in ascending k, then i: error at most
/// (K I / groups + 1) * 2^-24 (float) of the sum of magnitudes. Cost: 2 N frames(T) O K I / groups FLOPs, at the speed of
/// linear where I / groups fills a few vectors; nothing is copied. Channels that are groups of their own cost a whole
/// vector each: depthwise_conv1d is made for those. No workspace.
template <class T>
class conv1d : public calls<conv1d<T>, T> {
 public:
  static constexpr char const* name = "conv1d";  ///< in messages

  conv1d() = default;

  /// @param options  sizes; taps, stride, groups >= 1, padding >= 0
  /// @param weight   [O, I / groups, K], as PyTorch has it; copied
  /// @param bias     [O], or empty for none; copied
  /// @throws shape_error  an option is out of range, or a span has another size
  explicit conv1d(conv1d_options const& options, weights::values<T> weight, weights::values<T> bias = {})
      : options_(options) {
    detail::check_conv1d(options);
    kernel::conv1d_weights<T> const sizes = operand();
    index_t const depth = detail::checked_product(name, {sizes.channels(), options.taps});
    detail::check_weight(name, "weight", weight.size(), detail::checked_product(name, {options.outputs, depth}));
    if (!bias.empty()) detail::check_weight(name, "bias", bias.size(), options.outputs);
    (void)detail::checked_product(name, {options.groups, depth, sizes.columns()});
    detail::check_stored(name, weight);
    auto const packed = [&sizes, &weight](auto* to) { sizes.pack(weight, to); };
    if (weight.how() == stored::bf16) {
      halves_ = {static_cast<std::size_t>(sizes.pairs_size()), packed};
    } else {
      weight_ = {static_cast<std::size_t>(sizes.size()), packed};
    }
    bias_ = {static_cast<std::size_t>(sizes.bias_size()), [&sizes, &bias](T* to) {
               sizes.pack_bias([&bias](index_t o) { return bias.empty() ? T(0) : bias[o]; }, to);
             }};
  }

  /// Sizes.
  conv1d_options const& options() const noexcept { return options_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x: (time + 2 padding - taps) / stride + 1, rounded down; 0 where x is too short.
  index_t frames(index_t time) const noexcept { return options_.frames(time); }

  /// Nothing.
  void layout(arena<T>&, shape const& x) const { (void)detail::checked_product(name, {x.batch, x.time}); }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    check_call(name, x.base(), inputs(), y, frames(x.shape().time), outputs());
    detail::check_fill(name, "x", x);
  }

  /// Unchecked. y may be some frames alone, whose windows count from frame x.from on.
  template <class Executor>
  void compute(Executor& exec, kernel::frame_rows<T> const& x, tensor_view<T> const& y, arena<T>) const {
    kernel::conv1d_weights<T> some = operand();
    some.options.padding -= x.from;
    some.compute(exec, x.x, y);
  }

  /// Unchecked: rows [first, first + count) of y, of which a sequence has `per_sequence`.
  /// @param finish  what is done to a finished tile of a group, which counts its columns from 0: gelu_tile
  template <class Finish = kernel::keep_sums>
  void rows(shifted_view<T> const& x, index_t per_sequence, index_t first, index_t count, kernel::row_sink<T> y,
            Finish finish = {}) const noexcept {
    operand().rows(x, per_sequence, first, count, y, finish);
  }

 private:
  kernel::conv1d_weights<T> operand() const noexcept {
    return {options_, weight_.data(), bias_.data(), halves_.data()};
  }

  conv1d_options options_;
  weights::shared_array<T> weight_, bias_;       // a packed matrix and its bias for each group,
  weights::shared_array<std::uint32_t> halves_;  // or the matrices as bf16
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
