// SPDX-License-Identifier: MIT
// What the models share: the shift they are configured with, the classifier after them, and their activations' memory.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// x without its lengths: what the released ShiftSER code sees, which computes over the padding as over any frame.
template <class T>
tensor_view<T> as_released(tensor_view<T> const& x) noexcept {
  tensor_view<T> all = x;
  all.lengths = {};
  return all;
}

/// A linear layer from a state_dict: `name`.weight [outputs, inputs, 1...] and `name`.bias.
template <class T>
nn::linear<T> take_linear(weights::state_reader<T>& weights, std::string const& name, index_t inputs, index_t outputs) {
  auto const weight = weights.take(name + ".weight", {outputs, inputs});
  return {inputs, outputs, weight, weights.take(name + ".bias", {outputs})};
}

/// The layer norm whose tensors are name.weight and name.bias, of so many channels.
template <class T>
nn::layer_norm<T> take_norm(weights::state_reader<T>& weights, std::string const& name, index_t channels,
                            T eps = T(1e-5)) {
  auto const weight = weights.take(name + ".weight", {channels});
  return {weight, weights.take(name + ".bias", {channels}), eps};
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
  /// One frame for each sequence. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const {
    T* const mean = a.take({x.batch, head_.inputs()});
    return mean;
  }

  /// y = head(mean of x). Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    tensor_view<T> const mean(layout(a, x.shape), {x.shape.batch, 1, head_.inputs()});
    nn::pool_rows(exec, nn::as_it_is<T>(x), mean);
    answer(exec, mean, y, a);
  }

  /// y = head(mean), [N, 1, D] to [N, 1, classes]. Unchecked.
  template <class Executor>
  void answer(Executor& exec, tensor_view<T const> const& mean, tensor_view<T> const& y, nn::arena<T> a) const {
    head_.compute(exec, nn::as_it_is(mean), y, a);
  }

 private:
  nn::linear<T> head_;
};

/// Two activations [N, T, D], used in turns.
template <class T>
struct activations {
  tensor_view<T> first, second;  ///< with the lengths of x

  /// @param memory  of 2 N T D elements
  /// @param x       sizes and lengths; its channels are D
  activations(T* memory, tensor_view<T const> const& x)
      : first(memory, {x.shape.batch, x.shape.time, x.shape.channels}, layout::ntc, x.lengths),
        second(memory + first.size(), first.shape, layout::ntc, x.lengths) {}

  /// The second becomes the first, and the other way round.
  void swap() noexcept {
    tensor_view<T> const other = first;
    first = second;
    second = other;
  }
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
