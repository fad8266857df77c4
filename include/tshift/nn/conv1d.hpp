// SPDX-License-Identifier: MIT
// Convolution along time: any kernel, stride, zero padding, groups. A product whose rows are windows of the input that
// overlap; no window is copied.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>

#include <tshift/nn/block.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// The sizes of a convolution along time, named as torch.nn.Conv1d has them.
struct conv1d_options {
  index_t inputs = 0;   ///< channels of x, in_channels
  index_t outputs = 0;  ///< channels of y, out_channels
  index_t taps = 1;     ///< frames that a frame of y is made of, kernel_size
  index_t stride = 1;   ///< frames of x from one frame of y to the next
  index_t padding = 0;  ///< frames of zeros before the first frame and after the last
  index_t groups = 1;   ///< parts of the channels that are apart; divides inputs and outputs
};

}}  // namespace tshift

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
    check_options(options);
    index_t const each = options.inputs / options.groups, made = options.outputs / options.groups;
    index_t const depth = detail::checked_product(name, {each, options.taps});
    detail::check_weight(name, "weight", weight.size(), detail::checked_product(name, {options.outputs, depth}));
    if (!bias.empty()) detail::check_weight(name, "bias", bias.size(), options.outputs);
    depth_ = depth;
    index_t const columns = kernel::padded_columns<T, arch>(made);
    weight_ = {static_cast<std::size_t>(detail::checked_product(name, {options.groups, depth, columns})),
               [&options, &weight, each, made, depth, columns](T* to) {
                 for (index_t g = 0; g < options.groups; ++g) {
                   auto const element = [&options, &weight, each, made, g](index_t k, index_t o) {
                     return weight[((g * made + o) * each + k % each) * options.taps + k / each];
                   };
                   kernel::pack<T, arch>(depth, made, element, to + g * depth * columns);
                 }
               }};
    bias_ = {static_cast<std::size_t>(options.groups * columns), [&options, &bias, made, columns](T* to) {
               for (index_t i = 0; i < options.groups * columns; ++i) {
                 index_t const g = i / columns, o = i % columns;
                 to[i] = o < made && !bias.empty() ? bias[g * made + o] : T(0);
               }
             }};
  }

  /// Sizes.
  conv1d_options const& options() const noexcept { return options_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x: (time + 2 padding - taps) / stride + 1, rounded down; 0 where x is too short.
  index_t frames(index_t time) const noexcept {
    index_t const room = time + 2 * options_.padding - options_.taps;
    return room < 0 ? 0 : room / options_.stride + 1;
  }

  /// Nothing.
  void layout(arena<T>&, shape const& x) const { (void)detail::checked_product(name, {x.batch, x.time}); }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    check_call(name, x.base(), inputs(), y, frames(x.shape().time), outputs());
    detail::check_fill(name, "x", x);
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T>) const {
    auto const split = kernel::split_for<Executor>({y.shape.batch * y.shape.time, depth_ * outputs(), 8});
    kernel::for_parts(exec, split.parts, [this, &x, &y, &split](index_t part) {
      kernel::for_rows(y, split.begin(part), split.end(part),
                       [this, &x, &y](index_t first, index_t count, kernel::row_sink<T> to) {
                         rows(x, y.shape.time, first, count, to);
                         clear_past_lengths(x, y.shape.time, first, count, to);
                       });
    });
  }

  /// Unchecked: rows [first, first + count) of y, of which a sequence has `per_sequence`.
  /// @param finish  what is done to a finished tile of a group, which counts its columns from 0: gelu_tile
  template <class Finish = kernel::keep_sums>
  void rows(shifted_view<T> const& x, index_t per_sequence, index_t first, index_t count, kernel::row_sink<T> y,
            Finish finish = {}) const noexcept {
    index_t const each = inputs() / options_.groups, made = outputs() / options_.groups;
    for (index_t g = 0; g < options_.groups; ++g) {
      kernel::window_rows<T> const windows{x,        options_.taps, options_.stride, options_.padding,
                                           g * each, each,          per_sequence};
      kernel::gemm<T, arch>(windows, first, count, operand(g, made), {y.data + g * made, y.stride}, finish);
    }
  }

 private:
  using arch = typename kernel::packed_matrix<T>::arch;

  static void check_options(conv1d_options const& o) {
    // What sizes are added from must not overflow; nobody convolves over 2^40 frames.
    constexpr index_t most = index_t{1} << (detail::index_bits > 40 ? 40 : 28);
    (void)detail::checked_product(name, {o.inputs, o.outputs});
    if (o.taps < 1) detail::fail("conv1d: %td taps, must be >= 1", o.taps);
    if (o.stride < 1) detail::fail("conv1d: stride = %td, must be >= 1", o.stride);
    if (o.padding < 0) detail::fail("conv1d: padding = %td, must be >= 0", o.padding);
    if (o.taps > most) detail::fail("conv1d: %td taps, must be <= %td", o.taps, most);
    if (o.padding > most) detail::fail("conv1d: padding = %td, must be <= %td", o.padding, most);
    if (o.groups < 1 || o.inputs % o.groups != 0 || o.outputs % o.groups != 0) {
      detail::fail("conv1d: %td groups, must divide the %td inputs and the %td outputs", o.groups, o.inputs, o.outputs);
    }
  }

  /// Zeros where a sequence has no frames.
  void clear_past_lengths(shifted_view<T> const& x, index_t per_sequence, index_t first, index_t count,
                          kernel::row_sink<T> y) const noexcept {
    if (x.base().lengths.empty()) return;
    for (index_t r = 0; r < count; ++r) {
      index_t const n = (first + r) / per_sequence, t = (first + r) % per_sequence;
      if (t < frames(x.base().length(n))) continue;
      for (index_t c = 0; c < outputs(); ++c) y.data[r * y.stride + c] = T(0);
    }
  }

  /// The weights of group g as kernels read them.
  kernel::packed_operand<T> operand(index_t g, index_t made) const noexcept {
    index_t const columns = kernel::padded_columns<T, arch>(made);
    return {weight_.data() + g * depth_ * columns, bias_.data() + g * columns, depth_, made};
  }

  conv1d_options options_;
  index_t depth_ = 0;                       // channels of a window, of one group
  weights::shared_array<T> weight_, bias_;  // a packed matrix and its bias for each group
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
