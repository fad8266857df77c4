// SPDX-License-Identifier: MIT
// The CRNN, trained: convolutions of several widths over a log-mel image, an LSTM, a summary of its outputs, a
// classifier.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

#include <tshift/train/crnn_frames.hpp>
#include <tshift/train/crnn_head.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::crnn with its gradients: x [N, T, F, C], y [N, 1, classes]. Parameters by its names, without norms: a batch
/// norm is trained as the layer it is folded into, and crnn_checkpoint.hpp folds those of a checkpoint. A sequence of
/// which the pool leaves no frame gives NaN, and no gradient.
///
/// In the form that Meyer, Xu and Fingscheidt (SLT 2021) describe in their abstract; their sizes are not public. Keeps
/// what its layers make, of all sequences in the padded length. They go through the convolutions one by one, through
/// the rest some at a time. Logits are those of models::crnn within rounding: that has a faster algorithm for some
/// convolutions.
template <class T>
class crnn : public calls<crnn<T>, T> {
 public:
  static constexpr char const* name = "crnn";  ///< in messages

  crnn() = default;

  /// Registers its parameters.
  /// @param options  what is no tensor; summary empty: attention where sizes have it, else mean and max
  /// @throws shape_error  a size or an option is out of range
  explicit crnn(parameter_table& table, crnn_sizes const& sizes = {}, crnn_options const& options = {})
      : frames_(table, sizes, options.image), head_(table, frames_.outputs(), sizes, options) {}

  /// Number of channels C of x.
  index_t inputs() const noexcept { return frames_.inputs(); }
  /// Number of logits.
  index_t outputs() const noexcept { return head_.outputs(); }
  /// Frames that the LSTM reads, of so many of x.
  index_t steps(index_t time) const noexcept { return frames_.frames(time); }
  /// One frame for each sequence,
  index_t frames(index_t) const noexcept { return 1; }
  /// and one place.
  index_t places(index_t) const noexcept { return 1; }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return head_.parameters_end(); }
  /// What the convolutions refuse.
  void check_input(input<T> const& x) const { frames_.check_input(x); }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    frames_.pack(values);
    head_.pack(values);
  }

  /// What the LSTM reads, and what both halves keep.
  index_t saved_size(shape const& x) const {
    shape const made = made_of(x, x.batch);
    return detail::checked_product(name, {made.batch, made.time, made.channels}) + frames_.saved_size(x) +
           head_.saved_size(made);
  }

  /// The gradient of what the LSTM reads of some sequences. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    shape const made = made_of(x, x.batch < together ? x.batch : together);
    T* const din = a.take({made.batch, made.time, made.channels});
    a.lend(frames_, shape{made.batch, x.time, x.channels, x.space});
    a.lend(head_, made);
    return din;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    layout(a, x.shape());
    index_t lengths[static_cast<std::size_t>(together)];
    for (index_t begin = 0; begin < x.shape().batch; begin += together) {
      group const g(*this, x, begin, lengths);
      tensor_view<T> const in(saved + g.in, g.made, tshift::layout::ntc, g.valid());
      if (g.made.time == 0) {
        for (index_t n = begin; n < begin + g.made.batch; ++n) {
          std::fill_n(y.at(n, 0, 0), outputs(), std::numeric_limits<T>::quiet_NaN());
        }
        continue;
      }
      frames_.run(exec, nn::as_it_is(g.x), in, saved + g.frames, a);
      head_.run(exec, nn::as_it_is<T>(in), y.slice_sequences(begin, g.made.batch), saved + g.head, a);
    }
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    T* const room = layout(a, x.shape());
    index_t lengths[static_cast<std::size_t>(together)];
    for (index_t begin = 0; begin < x.shape().batch; begin += together) {
      group const g(*this, x, begin, lengths);
      tensor_view<T const> const in(saved + g.in, g.made, tshift::layout::ntc, g.valid());
      tensor_view<T> const din(room, g.made, tshift::layout::ntc, g.valid());
      tensor_view<T> const to = dx.data != nullptr ? dx.slice_sequences(begin, g.made.batch) : dx;
      if (g.made.time == 0) {
        for (index_t i = 0; i < g.made.batch && to.data != nullptr; ++i) kernel::clear_frames(to, i, 0, x.shape().time);
        continue;
      }
      shifted_view<T> const above = dy.slice_sequences(begin, g.made.batch);
      head_.run_back(exec, nn::as_it_is(in), saved + g.head, above, din, gradients, a);
      frames_.run_back(exec, nn::as_it_is(g.x), saved + g.frames, nn::as_it_is<T>(din), to, gradients, a);
    }
  }

 private:
  /// Sequences that go through the LSTM at a time.
  static constexpr index_t together = 32;

  shape made_of(shape const& x, index_t sequences) const noexcept {
    return {sequences, steps(x.time), frames_.outputs()};
  }

  /// Some sequences, and where what is kept of them begins.
  struct group {
    tensor_view<T const> x;
    shape made;
    index_t in, frames, head;
    index_t const* lengths;  // of what the LSTM reads

    group(crnn const& model, shifted_view<T> const& all, index_t begin, index_t* of_each) : lengths(of_each) {
      shape const& dims = all.shape();
      index_t const rest = dims.batch - begin;
      x = all.base().slice_sequences(begin, rest < together ? rest : together);
      made = model.made_of(dims, x.shape.batch);
      // What is kept of a sequence is as much whatever stands beside it.
      shape const before{begin, dims.time, dims.channels, dims.space};
      shape const whole = model.made_of(dims, dims.batch), some = model.made_of(dims, begin);
      in = some.size();
      frames = whole.size() + model.frames_.saved_size(before);
      head = whole.size() + model.frames_.saved_size(dims) + model.head_.saved_size(some);
      for (index_t i = 0; i < made.batch; ++i) of_each[i] = model.steps(x.length(i));
    }
    std::span<index_t const> valid() const noexcept { return {lengths, static_cast<std::size_t>(made.batch)}; }
  };

  crnn_frames<T> frames_;
  crnn_head<T> head_;
};

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
