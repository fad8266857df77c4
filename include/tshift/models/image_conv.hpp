// SPDX-License-Identifier: MIT
// A convolution of a model of images, by the block that computes it fastest.
#pragma once

#include <tshift/macros/away.hpp>

#include <optional>

#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/winograd_conv2d.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// nn::conv2d, or nn::winograd_conv2d where it fits and channels are enough for what it saves: the 5 x 3 of a CRNN's body,
/// the 3 x 3 of a ViT's stem.
template <class T>
class image_conv {
 public:
  /// Channels of x and of y below which products cost less than sums and differences (measured, Sapphire Rapids).
  static constexpr index_t least = 16;

  /// As nn::conv2d.
  explicit image_conv(conv2d_options const& options, weights::values<T> weight, weights::values<T> bias = {},
                      activation const& f = {})
      : options_(options) {
    if (nn::winograd_conv2d<T>::fits(options) && options.inputs >= least && options.outputs >= least) {
      winograd_.emplace(options, weight, bias, f);
    } else {
      conv_.emplace(options, weight, bias, f);
    }
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }

  /// What the block takes. Unchecked.
  // cppcheck-suppress constParameter  // the block takes memory from it
  void layout(nn::arena<T>& a, shape const& x) const {
    if (winograd_) winograd_->layout(a, x);
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    winograd_ ? winograd_->compute(exec, x, y, a) : conv_->compute(exec, x, y, a);
  }

  /// Along time.
  window_axis const& time() const noexcept { return options_.time; }

  /// What the block takes for so many frames alone. Unchecked.
  // cppcheck-suppress constParameter  // the block takes memory from it
  void layout_part(nn::arena<T>& a, shape const& x, index_t frames) const {
    if (winograd_) winograd_->part(0, frames, x.time).layout(a, x);
  }

  /// Unchecked: some frames of y alone, whose windows count from frame `from` of x.
  template <class Executor>
  void compute_part(Executor& exec, shifted_view<T> const& x, index_t from, tensor_view<T> const& y,
                    nn::arena<T> a) const {
    index_t const frames = y.shape.time, known = x.shape().time;
    if (winograd_) {
      winograd_->part(from, frames, known).compute(exec, x, y, a);
    } else {
      conv_->part(from, frames, known).compute(exec, x, y, a);
    }
  }

 private:
  conv2d_options options_;
  std::optional<nn::conv2d<T>> conv_;  // one of two
  std::optional<nn::winograd_conv2d<T>> winograd_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
