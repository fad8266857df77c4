// SPDX-License-Identifier: MIT
// Convolution over images: any kernel, stride, zero padding on each side, groups. A product whose rows are windows that
// overlap; neither a window nor an image is copied.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>

#include <tshift/nn/activations.hpp>
#include <tshift/nn/block.hpp>
#include <tshift/nn/images.hpp>
#include <tshift/nn/kernel/conv2d.hpp>
#include <tshift/nn/kernel/thin_conv2d.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses sizes that are no convolution.
inline void check_conv2d(conv2d_options const& o) {
  (void)checked_product("conv2d", {o.inputs, o.outputs});
  check_axis("conv2d", "time", o.time);
  check_axis("conv2d", "space", o.space);
  if (o.groups < 1 || o.inputs % o.groups != 0 || o.outputs % o.groups != 0) {
    fail("conv2d: %td groups, must divide the %td inputs and the %td outputs", o.groups, o.inputs, o.outputs);
  }
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y[n, t, p, o] = f(bias[o] + sum over k, l, i of weight[o, i, k, l]
///                   x[n, t time.stride + k - time.before, p space.stride + l - space.before, g I / groups + i])
///
/// with g the group of o, i in [0, I / groups), and f an activation or none. x [N, T, F, I], y [N, frames(T),
/// places(F), O]: time is the height of an image, space its width. Pixels outside it are zeros; a ragged sequence ends
/// at its length L, has frames(L) frames in y, and frames of y past them are zeros.
/// Source: torch.nn.Conv2d on [N, C, T, F], padding = before = after; TensorFlow's "same" is window_axis::same.
/// Accuracy: sums are taken in T in ascending k, then l, then i: error at most (K L I / groups + 1) * 2^-24 (float) of
/// the sum of magnitudes. Cost: 2 N frames(T) places(F) O K L I / groups FLOPs, at the speed of linear where O fills a
/// few vectors; of a quarter of a vector or less each output is a sum over the lanes of a vector instead. Weights as
/// bf16: those of 32 inputs or fewer in one group, and those of so few outputs, are rounded and kept as T. No workspace.
template <class T>
class conv2d : public calls<conv2d<T>, T> {
 public:
  static constexpr char const* name = "conv2d";  ///< in messages

  conv2d() = default;

  /// @param options  sizes; taps, strides, groups >= 1, zeros >= 0
  /// @param weight   [O, I / groups, time.taps, space.taps], as PyTorch has it where images are [T, F]; copied
  /// @param bias     [O], or empty for none; copied
  /// @param f        applied to every element of y
  /// @throws shape_error  an option is out of range, or a span has another size
  explicit conv2d(conv2d_options const& options, weights::values<T> weight, weights::values<T> bias = {},
                  activation const& f = {})
      : options_(options), f_(f) {
    detail::check_conv2d(options);
    detail::check_activation(name, f);
    index_t const taps = detail::checked_product(name, {options.time.taps, options.space.taps});
    index_t const depth = detail::checked_product(name, {options.inputs / options.groups, taps});
    kernel::conv1d_weights<T> const sizes = operand().packed();
    detail::check_weight(name, "weight", weight.size(), detail::checked_product(name, {options.outputs, depth}));
    if (!bias.empty()) detail::check_weight(name, "bias", bias.size(), options.outputs);
    (void)detail::checked_product(name, {options.groups, depth, sizes.columns()});
    detail::check_stored(name, weight);
    kernel::rounded_values<T> const values{weight};
    if (thin::fits(options)) {
      (void)detail::checked_product(name, {options.outputs, taps, lanes().padded()});
      weight_ = {static_cast<std::size_t>(lanes().size()), [this, &values](T* to) { lanes().pack(values, to); }};
    } else if (weight.how() == stored::bf16 && !kernel::only_rounded(options)) {
      halves_ = {static_cast<std::size_t>(sizes.pairs_size()),
                 [&sizes, &weight](std::uint32_t* to) { sizes.pack(weight, to); }};
    } else {
      weight_ = {static_cast<std::size_t>(sizes.size()), [&sizes, &values](T* to) { sizes.pack(values, to); }};
    }
    bias_ = {static_cast<std::size_t>(sizes.bias_size()), [&sizes, &bias](T* to) {
               sizes.pack_bias([&bias](index_t o) { return bias.empty() ? T(0) : bias[o]; }, to);
             }};
  }

  /// Sizes.
  conv2d_options const& options() const noexcept { return options_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x.
  index_t frames(index_t time) const noexcept { return options_.time.count(time); }
  /// Places of y for so many places of x.
  index_t places(index_t space) const noexcept { return options_.space.count(space); }
  /// The same for so many frames of y alone, whose windows count from frame `from` of `time` of x. Shares the weights.
  conv2d part(index_t from, index_t frames, index_t time) const {
    conv2d some = *this;
    some.options_.time = options_.time.part(from, frames, time);
    return some;
  }

  /// Nothing.
  void layout(arena<T>&, shape const& x) const { (void)detail::checked_product(name, {x.batch, x.time, x.space}); }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    shape const& in = x.shape();
    check_image_call(name, x, inputs(), y, frames(in.time), places(in.space), outputs());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T>) const {
    if (thin::fits(options_)) return lanes().compute(exec, x, y, f_);
    operand().compute(exec, x, y, kernel::activation_tile<T, xsimd::default_arch>{f_});
  }

 private:
  using thin = kernel::thin_conv2d<T, xsimd::default_arch>;

  thin lanes() const noexcept { return {options_, weight_.data(), bias_.data()}; }
  kernel::conv2d_weights<T> operand() const noexcept {
    return {options_, weight_.data(), bias_.data(), {}, 0, halves_.data()};
  }

  conv2d_options options_;
  activation f_;
  weights::shared_array<T> weight_, bias_;  // of each group a packed matrix and its bias; or as thin_conv2d has them
  weights::shared_array<std::uint32_t> halves_;  // or the matrices as bf16
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
