// SPDX-License-Identifier: MIT
// Convolution along time, trained: any kernel, stride, zero padding, groups.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/conv1d.hpp>
#include <tshift/train/block.hpp>
#include <tshift/train/kernel/conv1d.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// nn::conv1d with its gradients. With s = t stride + k - padding, for o and i of one group:
///
///   dx[s, i] = sum over t, k, o of W[o, i, k] dy[t, o]    dW[o, i, k] += sum over n, t of dy[t, o] x[s, i]
///   db[o] += sum over n, t of dy[t, o]
///
/// Frames outside a sequence are zeros. A sequence of L frames has frames(L) in y and dy; dy is not read past them, and
/// a sequence without frames gives no gradient. Parameters: `prefix`.weight [O, I / groups, K], `prefix`.bias [O]. Keeps
/// nothing: x is enough. Cost: three products of nn::conv1d's size; windows of x and of dy are read where they lie.
/// Workspace: 384 frames of 768 channels and of a group's outputs, or fewer. Accuracy: an element of dx is one chain of
/// at most K O / groups multiply-adds in T; dW is summed over at most 384 frames in T, and so are those sums. Source:
/// torch.nn.Conv1d on [N, C, T].
template <class T>
class conv1d : public calls<conv1d<T>, T> {
 public:
  static constexpr char const* name = "conv1d";  ///< in messages

  conv1d() = default;

  /// @param prefix   of the parameters' names
  /// @param options  sizes; taps, stride, groups >= 1, padding >= 0
  /// @throws shape_error  an option is out of range, or the names are taken
  conv1d(parameter_table& table, std::string const& prefix, conv1d_options const& options, bool bias = true)
      : options_(checked(options)),
        weight_(table.add(prefix + ".weight", {options.outputs, options.inputs / options.groups, options.taps})),
        bias_(bias ? table.add(prefix + ".bias", {options.outputs}) : place{}), across_(count(forward_size())),
        back_(count(back_size())), biases_(count(across().bias_size())), zeros_(count(back().columns())) {}

  /// Sizes.
  conv1d_options const& options() const noexcept { return options_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x: (time + 2 padding - taps) / stride + 1, rounded down; 0 where x is too short.
  index_t frames(index_t time) const noexcept { return options_.frames(time); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept {
    index_t const weight = weight_.offset + weight_.size, bias = bias_.offset + bias_.size;
    return weight > bias ? weight : bias;
  }
  /// Nothing more to refuse.
  void check_input(input<T> const&) const noexcept {}

  /// Takes new values. Allocates nothing.
  void pack(std::span<T const> values) noexcept {
    T const *const weight = weight_.in(values), *const bias = bias_.in(values);
    across().pack(weight, across_.data());
    across().pack_bias([bias](index_t o) { return bias != nullptr ? bias[o] : T(0); }, biases_.data());
    back().pack(weight, back_.data());
  }

  /// Nothing is kept.
  index_t saved_size(shape const&) const noexcept { return 0; }
  /// Windows of x and dy of a sequence, packed.
  T* layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time});
    return a.take({kernel::gradient_room<T>(frames(x.time), taps_at_once() * across().channels(), across().made())});
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T*, arena<T>) const {
    across().compute(exec, x, y);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const*, shifted_view<T> const& dy, tensor_view<T> const& dx,
                std::span<T> gradients, arena<T> a) const {
    if (dx.data != nullptr) back().compute(exec, x.base(), dy, dx);
    T* const room = layout(a, x.shape());
    kernel::made_lengths<T> const made{x.base(), options_};
    for (index_t n = 0; n < x.shape().batch; ++n) {
      if (made(n) == 0) continue;
      for (index_t g = 0; g < options_.groups; ++g) add_gradients(exec, x, dy, made, n, g, gradients, room);
    }
  }

 private:
  static conv1d_options const& checked(conv1d_options const& options) {
    detail::check_conv1d(options);
    index_t const depth = detail::checked_product(name, {options.inputs / options.groups, options.taps});
    (void)detail::checked_product(name, {depth, options.outputs});
    return options;
  }
  static std::size_t count(index_t n) noexcept { return static_cast<std::size_t>(n); }

  kernel::conv1d_weights<T> across() const noexcept { return {options_, across_.data(), biases_.data()}; }
  kernel::conv1d_back<T> back() const noexcept { return {options_, back_.data(), zeros_.data()}; }
  index_t forward_size() const { return kernel::conv1d_weights<T>{options_, nullptr, nullptr}.size(); }
  index_t back_size() const { return kernel::conv1d_back<T>{options_, nullptr, nullptr}.size(); }

  /// Taps of x whose products with dy are summed together: their panels fit in the L2 cache.
  index_t taps_at_once() const noexcept {
    index_t const each = across().channels(), fit = each > 0 ? kernel::gemm_depth / each : 1;
    return fit < 1 ? 1 : fit < options_.taps ? fit : options_.taps;
  }

  /// Of sequence n and group g.
  template <class Executor>
  void add_gradients(Executor& exec, shifted_view<T> const& x, shifted_view<T> const& dy,
                     kernel::made_lengths<T> const& made, index_t n, index_t g, std::span<T> gradients, T* room) const {
    index_t const each = across().channels(), outputs = across().made(), time = dy.shape().time;
    tensor_view<T const> const frames(static_cast<T const*>(nullptr), shape{1, made(n), 1});
    kernel::frame_rows<T> const all{dy};
    kernel::later_channels<T> const with{all, n * time, g * outputs};
    T* const bias = bias_.in(gradients);
    for (index_t tap = 0; tap < options_.taps; tap += taps_at_once()) {
      index_t const left = options_.taps - tap, some = left < taps_at_once() ? left : taps_at_once();
      kernel::window_rows<T> const windows{x, some, options_.stride, options_.padding - tap, g * each, each, time};
      kernel::later_rows<T> const from{windows, n * time};
      kernel::add_to_taps<T> const add{weight_.in(gradients) + g * outputs * each * options_.taps, each, options_.taps,
                                       tap};
      kernel::add_gradient<Executor, T>(exec, frames, from, some * each, with, outputs, add,
                                        tap == 0 && bias != nullptr ? bias + g * outputs : nullptr, room);
    }
  }

  conv1d_options options_;
  place weight_, bias_;
  kernel::line_vector<T> across_, back_;  // a packed matrix for each group, and one for each group and phase
  kernel::line_vector<T> biases_, zeros_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
