// SPDX-License-Identifier: MIT
// What the models share: the shift they are configured with, the classifier behind them, and their activations' memory.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/mean_pool.hpp>
#include <tshift/nn/placement.hpp>
#include <tshift/presets.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// x without its lengths: what the released ShiftSER code sees, which computes over the padding as over any frame.
template <class T>
tensor_view<T> as_released(tensor_view<T> const& x) noexcept {
  tensor_view<T> all = x;
  all.lengths = {};
  return all;
}

/// The plan that options mean for so many channels, and where it stands; n_div 0 is no shift anywhere.
struct placed_plan {
  shift_plan plan;  ///< what moves
  placement where;  ///< what it stands before

  placed_plan() = default;
  /// @throws shape_error  the options mean no plan for so many channels
  placed_plan(shift_options const& options, index_t channels)
      : plan(options.n_div == 0
                 ? shift_plan(channels, {})
                 : presets::shiftser(channels, options.n_div, options.towards, options.stride, options.edge)),
        where(options.n_div == 0 ? placement::none : options.where) {
    if (where < placement::none || where > placement::both) {
      detail::fail("shift_options: placement = %d, must be a named placement", static_cast<int>(where));
    }
  }
};

/// A linear layer from a state_dict: `name`.weight [outputs, inputs, 1...] and `name`.bias.
template <class T>
nn::linear<T> take_linear(weights::state_reader<T>& weights, std::string const& name, index_t inputs, index_t outputs) {
  auto const weight = weights.take(name + ".weight", {outputs, inputs});
  return {inputs, outputs, weight, weights.take(name + ".bias", {outputs})};
}

/// The layer norm whose tensors are name.weight and name.bias, of so many channels.
template <class T>
nn::layer_norm<T> take_norm(weights::state_reader<T>& weights, std::string const& name, index_t channels) {
  auto const weight = weights.take(name + ".weight", {channels});
  return {weight, weights.take(name + ".bias", {channels})};
}

/// Applies a row-wise block to x itself.
template <class T, class Block>
void in_place(Block const& block, tensor_view<T> const& x) {
  block.forward(x, x);
}

/// Mean over time, then a linear layer: x [N, T, D] to y [N, 1, classes].
template <class T>
class classifier {
 public:
  classifier() = default;
  /// Takes head.weight [classes, channels] and head.bias [classes].
  classifier(weights::state_reader<T>& weights, index_t channels)
      : head_(take_linear(weights, "head", channels, weights.dimension("head.weight", 0))) {}

  /// Number of logits.
  index_t classes() const noexcept { return head_.outputs(); }
  /// Elements of T that forward needs: one frame for each sequence.
  index_t workspace_size(shape const& x) const {
    return detail::checked_product("classifier", {x.batch, head_.inputs()});
  }

  /// y = head(mean of x). Unchecked: models check before they call it.
  void forward(tensor_view<T const> const& x, tensor_view<T> const& y, std::span<T> workspace) const {
    tensor_view<T> const mean(workspace.data(), {x.shape.batch, 1, head_.inputs()});
    nn::mean_pool(x, mean);
    head_.forward(mean, y);
  }

 private:
  nn::linear<T> head_;
};

/// Checks what every model is called with, before its first write.
template <class T>
void check_model(char const* operation, tensor_view<T const> const& x, index_t channels, tensor_view<T> const& y,
                 index_t classes, std::span<T> workspace, index_t needed) {
  detail::extent const from = detail::check_rows(operation, "x", x, channels);
  detail::extent const to = detail::check_rows(operation, "y", y, classes);
  if (to.dims.batch != from.dims.batch || to.dims.time != 1) {
    detail::fail("%s: y is [%td, %td], must be [%td, 1]", operation, to.dims.batch, to.dims.time, from.dims.batch);
  }
  detail::check_writable(operation, to);
  detail::check_apart(operation, from, to);
  detail::check_workspace(operation, workspace, needed);
}

/// The sum of sizes, none of them negative.
inline index_t checked_sum(char const* operation, std::initializer_list<index_t> sizes) {
  index_t sum = 0;
  for (index_t const size : sizes) {
    if (__builtin_add_overflow(sum, size, &sum)) {
      detail::fail("%s: the workspace must fit in 2^%d - 1 elements", operation, detail::index_bits);
    }
  }
  return sum;
}

/// Two activations [N, T, D] at the front of a workspace, used in turns, and the rest of it.
template <class T>
struct activations {
  tensor_view<T> first, second;  ///< [N, T, D], with the lengths of x
  std::span<T> rest;             ///< of the workspace

  /// @param x  sizes and lengths; its channels must be `channels`
  activations(std::span<T> workspace, tensor_view<T const> const& x, index_t channels)
      : first(workspace.data(), {x.shape.batch, x.shape.time, channels}, layout::ntc, x.lengths),
        second(workspace.data() + first.size(), first.shape, layout::ntc, x.lengths),
        rest(workspace.subspan(static_cast<std::size_t>(2 * first.size()))) {}

  /// The second becomes the first, and the other way round.
  void swap() noexcept {
    tensor_view<T> const other = first;
    first = second;
    second = other;
  }

  /// Elements of T that both take.
  /// @throws shape_error  they are more than an index counts
  static index_t size(char const* operation, shape const& x, index_t channels) {
    return detail::checked_product(operation, {2, x.batch, x.time, channels});
  }
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
