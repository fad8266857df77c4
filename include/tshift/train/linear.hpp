// SPDX-License-Identifier: MIT
// The linear layer, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/block.hpp>
#include <tshift/train/kernel/products.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::linear with its gradients:
///
///   dx[t, i] = sum over o of W[o, i] dy[t, o]    dW[o, i] += sum over n, t of dy[t, o] x[t, i]    db[o] += sum of dy[t, o]
///
/// Parameters: `name`.weight [outputs, inputs], `name`.bias [outputs]. Keeps nothing: x is enough. Cost: three products
/// of nn::linear's size. Accuracy: a sum over a sequence is taken in T, and so are the sums of sequences.
template <class T>
class linear : public frame_calls<linear<T>, T> {
 public:
  static constexpr char const* name = "linear";  ///< in messages

  linear() = default;

  /// @param prefix    of the parameters' names
  /// @param bias      whether there is one
  /// @param trailing  dimensions of size 1 behind those of the weight: 1 for a pointwise convolution
  /// @throws shape_error  a size is negative, or the names are taken
  linear(parameter_table& table, std::string const& prefix, index_t inputs, index_t outputs, bool bias = true,
         index_t trailing = 0)
      : weight_(table.add(prefix + ".weight", shape_of(inputs, outputs, trailing))),
        bias_(bias ? table.add(prefix + ".bias", {outputs}) : place{}), matrix_(inputs, outputs) {}

  /// The same from parameters that are in a table; neighbours of the same width may be one matrix.
  linear(place weight, place bias, index_t inputs, index_t outputs)
      : weight_(weight), bias_(bias), matrix_(inputs, outputs) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return matrix_.inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return matrix_.outputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    index_t const weight = weight_.offset + weight_.size, bias = bias_.offset + bias_.size;
    return weight > bias ? weight : bias;
  }

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept { matrix_.pack(weight_.in(values), bias_.in(values)); }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// x and dy of a sequence, packed.
  T* layout(arena<T>& a, shape const& x) const {
    return a.take({kernel::gradient_room<T>(x.time, inputs(), outputs())});
  }

  /// Unchecked: y = W x + b (+ skip).
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>,
           kernel::row_source<T> const* skip = nullptr) const {
    kernel::multiply<Executor, T>(exec, kernel::frame_rows<T>{x}, matrix_.across(), y, skip);
  }

  /// Unchecked: dx = W' dy (+ skip), and the parameters' gradients.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients, arena<T> a, kernel::row_source<T> const* skip = nullptr) const {
    kernel::frame_rows<T> const from{x}, with{dy};
    if (dx.data != nullptr) kernel::multiply_back<Executor, T>(exec, x.base(), with, matrix_.back(), dx, skip);
    add_gradients(exec, x.base(), from, with, gradients, layout(a, x.shape()));
  }

  /// Unchecked: of the parameters alone.
  /// @param frames  shape and lengths
  /// @param room    what layout takes
  template <class Executor>
  void add_gradients(Executor& exec, tensor_view<T const> const& frames, kernel::row_source<T> x,
                     kernel::row_source<T> dy, std::span<T> gradients, T* room) const {
    kernel::add_gradient(exec, frames, x, inputs(), dy, outputs(),
                         kernel::add_to_matrix<T>{weight_.in(gradients), inputs()}, bias_.in(gradients), room);
  }

  /// Both packings.
  kernel::matrix<T> const& matrix() const noexcept { return matrix_; }

 private:
  static std::vector<index_t> shape_of(index_t inputs, index_t outputs, index_t trailing) {
    std::vector<index_t> shape{outputs, inputs};
    shape.insert(shape.end(), static_cast<std::size_t>(trailing), 1);
    return shape;
  }

  place weight_, bias_;
  kernel::matrix<T> matrix_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
