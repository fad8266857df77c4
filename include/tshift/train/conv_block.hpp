// SPDX-License-Identifier: MIT
// The branch of ShiftCNN's blocks, trained.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/train/depthwise_conv1d.hpp>
#include <tshift/train/layer_norm.hpp>
#include <tshift/train/mlp.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::conv_block with its gradients: y = mlp(norm(depthwise_conv1d(x)))   (+ skip).
///
/// Keeps the convolution's output, what the norm keeps, and the perceptron's h: 1 + 4 times x where the hidden layer is
/// four times as wide. Parameters: prefix.0 (the convolution), .2 (the norm), .4 and .6 (the pointwise convolutions).
template <class T>
class conv_block : public frame_calls<conv_block<T>, T> {
 public:
  static constexpr char const* name = "conv_block";  ///< in messages

  conv_block() = default;
  /// Registers its parameters.
  conv_block(parameter_table& table, std::string const& prefix, index_t channels, index_t taps, index_t hidden)
      : conv_(table, prefix + ".0", channels, taps), norm_(table, prefix + ".2", channels) {
    linear<T> first(table, prefix + ".4", channels, hidden, true, 1);
    mlp_ = {std::move(first), linear<T>(table, prefix + ".6", hidden, channels, true, 1)};
  }

  /// Number of channels of x and y.
  index_t inputs() const noexcept { return conv_.inputs(); }
  /// The same.
  index_t outputs() const noexcept { return inputs(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return mlp_.parameters_end(); }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    conv_.pack(values);
    norm_.pack(values);
    mlp_.pack(values);
  }

  /// The convolution's output, and what the others keep.
  index_t saved_size(shape const& x) const { return kept(x).size; }

  /// [N, T, D].
  struct slices {
    T* normed;  ///< what the perceptron reads
    T* dn;      ///< its gradient
    T* dz;      ///< that of the convolution's output
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    slices s{a.take({x.batch, x.time, x.channels}), a.take({x.batch, x.time, x.channels}),
             a.take({x.batch, x.time, x.channels})};
    a.lend(conv_, x);
    a.lend(norm_, x);
    a.lend(mlp_, x);
    return s;
  }

  /// Unchecked: y = f(x) (+ skip).
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a,
           kernel::row_source<T> const* skip = nullptr) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    tensor_view<T> const z = like(x, saved), normed = like(x, memory.normed);
    conv_.run(exec, x, z, nullptr, a);
    norm_.run(exec, nn::as_it_is<T>(z), normed, saved + at.norm, a);
    mlp_.run(exec, nn::as_it_is<T>(normed), y, saved + at.h, a, skip);
  }

  /// Unchecked: dx = J' dy (+ skip), and the parameters' gradients.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a,
                kernel::row_source<T> const* skip = nullptr) const {
    slices const memory = layout(a, x.shape());
    places const at = kept(x.shape());
    tensor_view<T const> const z = like(x, saved);
    tensor_view<T> const normed = like(x, memory.normed), dn = like(x, memory.dn), dz = like(x, memory.dz);
    norm_.run(exec, nn::as_it_is<T>(z), normed, nullptr, a);
    mlp_.run_back(exec, nn::as_it_is<T>(normed), saved + at.h, dy, dn, gradients, a);
    norm_.run_back(exec, nn::as_it_is<T>(z), saved + at.norm, nn::as_it_is<T>(dn), dz, gradients, a);
    conv_.run_back(exec, x, nullptr, nn::as_it_is<T>(dz), dx, gradients, a, skip);
  }

 private:
  /// Where in `saved` what is kept begins, behind the convolution's output; and its size.
  struct places {
    index_t norm, h, size;
  };
  places kept(shape const& x) const {
    index_t const norm = detail::checked_product(name, {x.batch, x.time, inputs()}), h = norm + norm_.saved_size(x);
    return {norm, h, h + mlp_.saved_size(x)};
  }

  depthwise_conv1d<T> conv_;
  layer_norm<T> norm_;
  mlp<T> mlp_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
