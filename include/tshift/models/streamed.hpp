// SPDX-License-Identifier: MIT
// Models fed frame by frame: running logits while the speaker is still talking.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/executor.hpp>
#include <tshift/nn/kernel/pipeline.hpp>
#include <tshift/nn/kernel/running_mean.hpp>
#include <tshift/nn/stream_checks.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// A model whose frames can be made one after the other: shift_cnn, shift_lstm and crnn of one direction, shiftformer
/// without attention.
template <class Model>
concept streams = requires(Model const& model, nn::arena<typename Model::element_type>& a, shape const& x) {
  model.layout_steps(a, x);
};

/// A model fed chunk by chunk. A value: it can be copied, moved, saved and restored; copies share the weights. One object
/// serves one thread at a time.
///
///   models::streamed live(models::shift_cnn<float>(weights));   // one sequence
///   live.push(x, y);    // any number of frames; y: the logits of all frames that have left the network
///   live.flush(y);      // the sequence is over: its logits. The next frame is the first of another
///
/// A frame leaves once latency() more have come, because blocks look ahead: y is what the model makes offline of the
/// frames that have left, as they are in the whole sequence. After flush these are all of it. Up to the mean over time
/// they are offline's bit for bit, however the sequence is cut; the mean, or a crnn's summary, is made of running sums in
/// double, closer to its definition than offline's in T, and does not drift. Cost of a frame: offline's, and a copy of it
/// for each block; weights are read once for each chunk of up to 64 frames. Nothing is allocated after construction.
/// @tparam Model  shift_cnn, shift_lstm, shiftformer, crnn
template <class Model>
class streamed {
  static_assert(streams<Model>, "tshift: this model needs the whole sequence, and cannot be streamed");

 public:
  using T = typename Model::element_type;  ///< float or double

  /// @param model      shares its weights
  /// @param sequences  N that advance together, >= 0
  /// @param bands      of a crnn: F of the images; 0: its bands()
  /// @throws shape_error  attention, a backward direction or a circular shift needs the end of a sequence
  explicit streamed(Model model, index_t sequences = 1, index_t bands = 0)
      : model_(std::move(model)), space_(space_of(model_, bands)),
        pipe_(Model::name, sequences, steps(), scratch(sequences)), sum_(sum_of(model_, sequences, pipe_.outputs())),
        answer_(static_cast<std::size_t>(detail::checked_product(Model::name, {sequences, sum_.outputs()}))),
        scratch_(static_cast<std::size_t>(answer_scratch(sequences))) {}

  /// The model.
  Model const& model() const noexcept { return model_; }
  /// Frames of x that must follow upon its first for that one to leave.
  index_t latency() const noexcept { return pipe_.latency(); }
  /// Frames of x so far.
  index_t received() const noexcept { return pipe_.received(); }
  /// Frames that have left: those the logits are of.
  index_t answered() const noexcept { return pipe_.made(); }
  /// Bytes that it holds besides the weights.
  std::size_t memory_bytes() const noexcept {
    return sizeof(T) * (static_cast<std::size_t>(pipe_.size()) + answer_.size() + scratch_.size()) + sum_.state_bytes();
  }

  /// Takes a chunk.
  /// @param x  [N, k, D], of a crnn [N, k, F, C]; any k >= 0, without lengths
  /// @returns  the number of frames that leave
  /// @throws shape_error  sizes disagree, or the sequence becomes longer than the model's positions serve; nothing has
  ///                      changed then
  index_t push(std::type_identity_t<tensor_view<T const>> const& x) {
    detail::run_here exec;
    return push(exec, x);
  }
  /// The same, the work of a chunk shared out by an executor; not one bit depends on it.
  template <executor Executor>
  index_t push(Executor&& exec, std::type_identity_t<tensor_view<T const>> const& x) {
    check_push(x);
    index_t const before = pipe_.made();
    pipe_.push(x, runs(exec), memory_inside(), adds());
    return pipe_.made() - before;
  }
  /// The same, then answer(y).
  index_t push(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y) {
    check_push(x);
    check_answer("push", y);
    index_t const left = push(x);
    answer(y);
    return left;
  }

  /// The logits of the frames that have left; NaN where none has.
  /// @param y  [N, 1, classes]
  void answer(tensor_view<T> const& y) {
    check_answer("answer", y);
    give(y);
  }

  /// Ends the sequence: the frames held back leave, y receives its logits, and it starts anew as reset() does.
  /// @returns  the number of frames that were held back
  index_t flush(tensor_view<T> const& y) {
    check_answer("flush", y);
    detail::run_here exec;
    index_t const before = pipe_.made();
    pipe_.flush(runs(exec), memory_inside(), adds());
    index_t const left = pipe_.made() - before;
    give(y);
    reset();
    return left;
  }

  /// Forgets everything: the next frame is the first of a sequence.
  void reset() noexcept {
    pipe_.clear();
    sum_.clear();
  }

  /// Bytes of a saved state.
  std::size_t state_bytes() const noexcept { return pipe_.state_bytes() + sum_.state_bytes(); }
  /// Copies the state out. To go on from it, on a machine of this byte order and instruction set, takes a model with
  /// these sizes and this shift.
  /// @param to  state_bytes() bytes
  void save(std::span<std::byte> to) const {
    detail::check_saved(Model::name, to.size(), state_bytes());
    pipe_.save(to.data());
    sum_.save(to.data() + pipe_.state_bytes());
  }
  /// Takes a saved state over.
  /// @throws shape_error  of another size, or of another model; nothing has changed then
  void restore(std::span<std::byte const> saved) {
    detail::check_saved(Model::name, saved.size(), state_bytes());
    std::byte const* const sums = saved.data() + pipe_.state_bytes();
    detail::check_known(Model::name, pipe_, saved.data(),
                        [this, sums](index_t made) { return sum_.knows(sums, made); });
    pipe_.restore(saved.data());
    sum_.restore(sums);
  }

 private:
  /// The mean of frames, where a model has nothing else.
  static auto sum_of(Model const& model, index_t sequences, [[maybe_unused]] index_t channels) {
    if constexpr (requires { model.running(sequences); }) {
      return model.running(sequences);
    } else {
      return nn::kernel::running_mean<T>(sequences, channels);
    }
  }

  /// What the step that needs most needs.
  index_t scratch(index_t sequences) const {
    (void)detail::checked_product(Model::name, {sequences});
    nn::arena<T> counting(Model::name);
    model_.layout_steps(counting, {sequences, nn::kernel::frames_at_once, 0, space_});
    return counting.most();
  }

  /// What a head of several layers needs.
  index_t answer_scratch([[maybe_unused]] index_t sequences) const {
    nn::arena<T> counting(Model::name);
    if constexpr (requires { model_.layout_answer(counting, sequences); }) model_.layout_answer(counting, sequences);
    return counting.most();
  }

  static index_t space_of([[maybe_unused]] Model const& model, [[maybe_unused]] index_t bands) noexcept {
    if constexpr (requires { model.bands(); }) {
      return bands == 0 ? model.bands() : bands;
    } else {
      return 1;
    }
  }
  std::vector<nn::stream_step> steps() const {
    if constexpr (requires { model_.stream_steps(space_); }) {
      return model_.stream_steps(space_);
    } else {
      return model_.stream_steps();
    }
  }

  void check_push(tensor_view<T const> const& x) const {
    detail::check_stream_push(Model::name, pipe_, x, space_);
    if constexpr (requires { model_.longest(); }) {
      index_t const longest = model_.longest();
      if (longest >= 0 && x.shape.time > longest - pipe_.received()) {
        detail::fail("%s: %td frames after %td, the model's positions serve at most %td", Model::name, x.shape.time,
                     pipe_.received(), longest);
      }
    }
  }
  void check_answer(char const* call, tensor_view<T> const& y) const {
    detail::check_alive(Model::name, pipe_);
    detail::extent const to = detail::check_rows(Model::name, "y", y, model_.classes());
    if (to.dims.batch != pipe_.sequences() || to.dims.time != 1) {
      detail::fail("%s: %s gives y [%td, 1], it is [%td, %td]", Model::name, call, pipe_.sequences(), to.dims.batch,
                   to.dims.time);
    }
    detail::check_writable(Model::name, to);
  }

  template <class Executor>
  auto runs(Executor& exec) const {
    return [this, &exec](index_t step, nn::stream_frames<T> const& in, tensor_view<T> const& y, nn::arena<T> a) {
      model_.make_frames(exec, step, in, y, a);
    };
  }
  static auto memory_inside() {
    return [](index_t) { return tensor_view<T>(); };
  }
  auto adds() {
    return [this](tensor_view<T> const& frames) {
      if constexpr (requires { model_.sum_up(sum_, frames); }) {
        model_.sum_up(sum_, frames);
      } else {
        sum_.add(frames);
      }
    };
  }
  void give(tensor_view<T> const& y) {
    sum_.value(answer_.data());
    detail::run_here exec;
    model_.answer(exec, tensor_view<T const>(answer_.data(), {pipe_.sequences(), 1, sum_.outputs()}), y,
                  nn::arena<T>(Model::name, scratch_));
  }

  Model model_;
  index_t space_;  // pixels of a frame
  nn::kernel::pipeline<T> pipe_;
  decltype(sum_of(std::declval<Model const&>(), 0, 0)) sum_;
  std::vector<T> answer_, scratch_;  // what sum_ gives, and what the head needs
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
