// SPDX-License-Identifier: MIT
// Networks of one's own, fed frame by frame: what leaves is what they make offline of the whole sequence, bit for bit.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/executor.hpp>
#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/kernel/pipeline.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/stream_checks.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// How a block that works row by row is a step.
template <class T, class Block>
requires row_block<Block, T> stream_step step_of(Block const& block) {
  return {block.inputs(), block.outputs(), window_of(block.history(), block.latency())};
}

/// How a residual block around one is.
template <class T, class F>
requires row_block<F, T> stream_step step_of(wrapped<T, F> const& block) {
  detail::check_streams("wrap", block.plan(), block.where());
  return {block.plan().channels(), block.plan().channels(), window_of(block.history(), block.latency())};
}

/// How a convolution along time is.
template <class T>
stream_step step_of(conv1d<T> const& block) {
  conv1d_options const& o = block.options();
  return {o.inputs, o.outputs, {o.taps, o.stride, o.padding, o.padding}};
}

/// How a layer of one direction is.
/// @throws shape_error  it has two
template <class T>
stream_step step_of(lstm<T> const& layer) {
  detail::check_streams(layer.name, layer.hidden(), layer.outputs());
  return {layer.inputs(), layer.outputs(), {}, layer.carried()};
}

/// Has a row block or a convolution make the frames y that are meant. Unchecked.
template <class T, class Block, class Executor>
void make_frames(Executor& exec, Block const& block, stream_frames<T> const& in, tensor_view<T> const& y, arena<T> a) {
  shifted_view<T> const x = as_it_is(in.x);
  block.compute(exec, kernel::frame_rows<T>(x, in.from, y.shape.time), y, a);
}

/// The same of a residual block.
template <class T, class F, class Executor>
void make_frames(Executor& exec, wrapped<T, F> const& block, stream_frames<T> const& in, tensor_view<T> const& y,
                 arena<T> a) {
  residual(exec, block.block(), block.where(), block.plan(), in.x, y, a, in.from);
}

/// The same of a recurrent layer.
template <class T, class Executor>
void make_frames(Executor& exec, lstm<T> const& layer, stream_frames<T> const& in, tensor_view<T> const& y,
                 arena<T> a) {
  shifted_view<T> const x = as_it_is(in.x);
  layer.resume(exec, kernel::frame_rows<T>(x, in.from, y.shape.time), y, in.carried, in.frame == 0, a);
}

/// Steps one after the other, fed chunk by chunk. A value: it can be copied, moved, saved and restored; copies share the
/// weights. One object serves one thread at a time.
///
///   auto live = stream<float>(1, wrap<float>(linear, placement::branch, plan), norm, conv);   // one sequence
///   n = live.push(x, y);    // any number of frames, also 0; y receives n = ready(frames of x) frames
///   n = live.flush(y);      // the sequence is over: y receives the last n = pending() frames
///
/// Steps: linear, mlp, layer_norm, depthwise_conv1d, chain; wrap of one of these, with any shift but a circular one;
/// conv1d; lstm of one direction. Frames received, one after the other, are what the steps make of the whole sequence,
/// bit for bit, however it is cut. Cost of a frame: offline's, and a copy of it for each step; the weights are read once
/// for each chunk of up to 64 frames. Nothing is allocated after construction.
template <class T, class... Steps>
class streamed {
  static_assert(sizeof...(Steps) > 0, "tshift: a network that is streamed has at least one step");

 public:
  /// @param sequences  N that advance together, >= 0
  /// @param steps      copied, or moved in
  /// @throws shape_error  a step does not read what the one before it makes, or cannot be streamed
  explicit streamed(index_t sequences, Steps... steps)
      : steps_(std::move(steps)...), pipe_("streamed", sequences, list(), scratch(sequences)) {}

  /// Number of channels of x.
  index_t inputs() const noexcept { return pipe_.inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return pipe_.outputs(); }
  /// Frames of x that must follow upon its first for the first of y to leave: the sum of what the steps wait for.
  index_t latency() const noexcept { return pipe_.latency(); }
  /// Frames of x so far.
  index_t received() const noexcept { return pipe_.received(); }
  /// Frames that pushing `frames` more would give.
  index_t ready(index_t frames) const noexcept { return pipe_.ready(frames); }
  /// Frames that flush would give.
  index_t pending() const noexcept { return pipe_.pending(); }
  /// Bytes that it holds besides the weights.
  std::size_t memory_bytes() const noexcept { return static_cast<std::size_t>(pipe_.size()) * sizeof(T); }

  /// Takes a chunk and gives the frames that are due.
  /// @param x  [N, k, inputs], any k >= 0, without lengths
  /// @param y  [N, >= ready(k), outputs], apart from x; its first ready(k) frames are written
  /// @returns  ready(k)
  /// @throws shape_error  before the first write, nothing has changed
  index_t push(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y) {
    detail::run_here exec;
    return push(exec, x, y);
  }
  /// The same, the work of a chunk shared out by an executor; not one bit depends on it.
  template <executor Executor>
  index_t push(Executor&& exec, std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y) {
    detail::check_stream_push("streamed::push", pipe_, x);
    index_t const count = pipe_.ready(x.shape.time);
    detail::check_stream_room("streamed::push", pipe_, count, y, &x);
    give(y, [this, &exec, &x](auto const& room, auto const& done) { pipe_.push(x, runs(exec), room, done); });
    return count;
  }

  /// Ends the sequence: gives the frames held back, and starts anew as reset() does.
  /// @param y  [N, >= pending(), outputs]; its first pending() frames are written
  /// @returns  pending()
  index_t flush(tensor_view<T> const& y) {
    detail::run_here exec;
    return flush(exec, y);
  }
  /// The same, shared out by an executor.
  template <executor Executor>
  index_t flush(Executor&& exec, tensor_view<T> const& y) {
    index_t const count = pipe_.pending();
    detail::check_stream_room<T>("streamed::flush", pipe_, count, y, nullptr);
    give(y, [this, &exec](auto const& room, auto const& done) { pipe_.flush(runs(exec), room, done); });
    pipe_.clear();
    return count;
  }

  /// Forgets everything: the next frame is the first of a sequence.
  void reset() noexcept { pipe_.clear(); }

  /// Bytes of a saved state.
  std::size_t state_bytes() const noexcept { return pipe_.state_bytes(); }
  /// Copies the state out. To go on from it, on a machine of this byte order and instruction set, takes a network with
  /// these steps.
  /// @param to  state_bytes() bytes
  void save(std::span<std::byte> to) const {
    detail::check_saved("streamed::save", to.size(), state_bytes());
    pipe_.save(to.data());
  }
  /// Takes a saved state over.
  /// @throws shape_error  of another size, or of other steps; nothing has changed then
  void restore(std::span<std::byte const> saved) {
    detail::check_saved("streamed::restore", saved.size(), state_bytes());
    detail::check_known("streamed::restore", pipe_, saved.data(), [](index_t) { return true; });
    pipe_.restore(saved.data());
  }

 private:
  std::vector<stream_step> list() const {
    return std::apply([](auto const&... step) { return checked(std::vector<stream_step>{step_of<T>(step)...}); },
                      steps_);
  }
  static std::vector<stream_step> checked(std::vector<stream_step> steps) {
    for (std::size_t i = 1; i < steps.size(); ++i) {
      if (steps[i].inputs != steps[i - 1].outputs) {
        detail::fail("streamed: step %zu reads %td channels, step %zu makes %td", i, steps[i].inputs, i - 1,
                     steps[i - 1].outputs);
      }
    }
    return steps;
  }

  /// What the step that needs most needs.
  index_t scratch(index_t sequences) const {
    (void)detail::checked_product("streamed", {sequences});
    arena<T> counting("streamed");
    auto const lend = [&counting, sequences](auto const& step) {
      counting.lend(block_of(step), shape{sequences, kernel::frames_at_once, step_of<T>(step).inputs});
    };
    std::apply([&lend](auto const&... step) { (lend(step), ...); }, steps_);
    return counting.most();
  }
  template <class F>
  static F const& block_of(wrapped<T, F> const& step) noexcept {
    return step.block();
  }
  template <class Block>
  static Block const& block_of(Block const& step) noexcept {
    return step;
  }

  template <class Executor>
  auto runs(Executor& exec) const {
    return [this, &exec](index_t step, stream_frames<T> const& in, tensor_view<T> const& y, arena<T> a) {
      run_one(exec, step, in, y, a, std::index_sequence_for<Steps...>());
    };
  }
  template <class Executor, std::size_t... I>
  void run_one(Executor& exec, index_t step, stream_frames<T> const& in, tensor_view<T> const& y, arena<T> a,
               std::index_sequence<I...>) const {
    (void)((static_cast<index_t>(I) == step ? (make_frames<T>(exec, std::get<I>(steps_), in, y, a), true) : false) ||
           ...);
  }

  /// Has frames written to y one after the other.
  template <class Move>
  static void give(tensor_view<T> const& y, Move const& move) {
    index_t done = 0;
    move([&y, &done](index_t count) { return y.slice_frames(done, count); },
         [&done](tensor_view<T> const& some) { done += some.shape.time; });
  }

  std::tuple<Steps...> steps_;
  kernel::pipeline<T> pipe_;
};

/// These steps, to be fed frame by frame; see streamed.
template <class T, class... Steps>
streamed<T, Steps...> stream(index_t sequences, Steps... steps) {
  return streamed<T, Steps...>(sequences, std::move(steps)...);
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
