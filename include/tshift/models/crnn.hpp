// SPDX-License-Identifier: MIT
// CRNN: convolutions of several widths over a log-mel image, an LSTM, a summary of its outputs, and a classifier.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/crnn_image.hpp>
#include <tshift/models/lstm_part.hpp>
#include <tshift/models/parts.hpp>
#include <tshift/nn/summary.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// Convolutional and recurrent network over images x [N, T, F, C] of log-mel features, C being 1, or 3 with the deltas:
///
///   for each width k   conv2d(k frames x l bands, "same")    side by side, [norm], f, max-pool 2 x 4
///   body               [S] conv2d(5 x 3, "same"), [norm], f  any number of them
///   frame              linear over the bands and channels of a frame, [norm], f             may be left out
///   lstm               one direction or both
///   summary            last, mean, max, std, attention, or several side by side
///   head               linear, f, linear
///
/// with f the activation and S a temporal shift. y [N, 1, classes]. Lengths of x are honoured: each sequence gives what
/// it gives alone. One with no frame left after the pool gives NaN.
///
/// In the form that Meyer, Xu and Fingscheidt (SLT 2021) describe in their abstract: several kernel widths, a BLSTM, a
/// function that summarises its outputs. Their sizes are not public. Defaults of the options are from Chen 2018 (3-D
/// ACRNN: width 5, 128 filters, five convolutions of 256, frame layer 768, LSTM 128, head 64, LeakyReLU 0.01,
/// attention), and several widths from Aldeneh and Provost 2017; with one width of 5 and attention it is Chen's network.
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). One object serves many threads, each with its workspace.
template <class T>
class crnn : public nn::calls<crnn<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "crnn";  ///< in messages

  /// @param weights  F32, F64, F16 or BF16, read as T and copied. conv.0.J.* for width J, conv.I.* for the body, frame.*,
  ///                 lstm.*_l0[_reverse], attention.weight, .bias and .vector, head.0.*, head.1.*; norms are
  ///                 conv.I.norm.* and frame.norm.*, and are folded into the layers before them. All names may stand
  ///                 behind one prefix. All sizes are read off the tensors
  /// @throws shape_error  a tensor is missing, has another shape or type, has a number that T cannot hold, or is not
  ///                      part of the model; options out of range
  explicit crnn(weights::state_dict const& weights, crnn_options const& options = {}) {
    weights::state_reader<T> reader(name, weights, weights::prefix_of(name, weights, "lstm.weight_hh_l0"));
    f_ = options.image.f;
    image_ = crnn_image<T>(reader, options.image);
    has_frame_ = reader.has("frame.weight");
    if (has_frame_) {
      index_t const outputs = reader.dimension("frame.weight", 0), inputs = reader.dimension("frame.weight", 1);
      frame_ = take_folded(reader, "frame", inputs, outputs, options.image.norm_eps);
    }
    index_t const channels = reader.dimension("lstm.weight_ih_l0", 1);
    if (has_frame_ && channels != frame_.outputs()) {
      detail::fail("crnn: lstm.weight_ih_l0 reads %td channels, frame.weight makes %td", channels, frame_.outputs());
    }
    index_t const wide = has_frame_ ? frame_.inputs() : channels;
    if (image_.outputs() < 1 || wide % image_.outputs() != 0) {
      detail::fail("crnn: a frame of %td channels, must be bands of %td", wide, image_.outputs());
    }
    bands_ = wide / image_.outputs();
    lstm_ = take_lstm(name, reader, "lstm.");
    take_summary(reader, options);
    hidden_ = take_linear(reader, "head.0", summary_.outputs(), reader.dimension("head.0.weight", 0));
    out_ = take_linear(reader, "head.1", hidden_.outputs(), reader.dimension("head.1.weight", 0));
    reader.finish();
  }

  /// Number of channels C of x.
  index_t channels() const noexcept { return image_.inputs(); }
  /// Number of bands F of x that are pooled to as many as the model has: the fewest.
  index_t bands() const noexcept { return image_.bands_for(bands_); }
  /// Number of logits.
  index_t classes() const noexcept { return out_.outputs(); }
  /// Frames that the LSTM reads, of so many of x.
  index_t frames(index_t time) const noexcept { return image_.frames(time); }

  /// What a call needs, for some sequences at a time.
  struct slices {
    T* frames;   ///< what the LSTM reads
    T* outputs;  ///< what it makes
    T* sums;     ///< their summary
    T* image;    ///< bands and channels of a sequence, where a linear layer makes frames of them
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    shape const in = frames_of(x), made{in.batch, in.time, lstm_.outputs()};
    slices s{};
    s.frames = a.take({in.batch, in.time, in.channels});
    s.outputs = a.take({made.batch, made.time, made.channels});
    s.sums = a.take({made.batch, summary_.outputs()});
    s.image = a.take({has_frame_ ? in.time : 0, bands_, image_.outputs()});
    a.lend(image_, shape{1, x.time, x.channels, x.space});
    a.lend(lstm_, in);
    a.lend(summary_, made);
    a.lend([this, &made](nn::arena<T>& b) { layout_answer(b, made.batch); });
    return s;
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    detail::extent const from = detail::check_pixels(name, "x", x, channels());
    detail::extent const to = detail::check_rows(name, "y", y, classes());
    check_bands(x.shape.space);
    if (to.dims.batch != from.dims.batch || to.dims.time != 1) {
      detail::fail("crnn: y is [%td, %td], must be [%td, 1]", to.dims.batch, to.dims.time, from.dims.batch);
    }
    detail::check_writable(name, to);
    detail::check_apart(name, from, to);
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    slices const memory = layout(a, x.shape);
    shape const all = frames_of(x.shape);
    index_t lengths[static_cast<std::size_t>(together)];
    for (index_t begin = 0; begin < x.shape.batch; begin += all.batch) {
      index_t const count = x.shape.batch - begin < all.batch ? x.shape.batch - begin : all.batch;
      for (index_t i = 0; i < count; ++i) {
        lengths[i] = frames(x.length(begin + i));
        make_frames(exec, x, begin + i, {memory.frames + i * all.time * all.channels, {1, lengths[i], all.channels}},
                    memory.image, a);
      }
      std::span<index_t const> const valid(lengths, static_cast<std::size_t>(count));
      tensor_view<T const> const in(memory.frames, {count, all.time, all.channels}, tshift::layout::ntc, valid);
      tensor_view<T> const made(memory.outputs, {count, all.time, lstm_.outputs()}, tshift::layout::ntc, valid);
      tensor_view<T> const sums(memory.sums, {count, 1, summary_.outputs()});
      lstm_.compute(exec, nn::as_it_is(in), made, a);
      summary_.compute(exec, nn::as_it_is<T>(made), sums, a);
      answer(exec, sums, y.slice_sequences(begin, count), a);
    }
  }

  /// Convolutions, frame layer and LSTM as steps of a stream, over images of so many bands.
  /// @throws shape_error  a shift is circular, the LSTM has two directions, or bands are pooled to another number
  std::vector<nn::stream_step> stream_steps(index_t space) const {
    check_bands(space);
    detail::check_streams(name, lstm_.hidden(), lstm_.outputs());
    std::vector<nn::stream_step> steps = image_.stream_steps(space);
    if (has_frame_) steps.push_back({frame_.inputs(), frame_.outputs()});
    steps.push_back({lstm_.inputs(), lstm_.outputs(), {}, lstm_.carried()});
    return steps;
  }
  /// Unchecked.
  void layout_steps(nn::arena<T>& a, shape const& y) const {
    a.lend([this, &y](nn::arena<T>& b) { image_.layout_steps(b, y); });
    a.lend(lstm_, y);
  }
  /// Unchecked: some frames of a step.
  template <class Executor>
  void make_frames(Executor& exec, index_t step, nn::stream_frames<T> const& in, tensor_view<T> const& y,
                   nn::arena<T> a) const {
    shifted_view<T> const x = nn::as_it_is(in.x);
    nn::kernel::frame_rows<T> const rows(x, in.from, y.shape.time);
    if (step < image_.steps()) {
      auto const image = [](auto const& v, index_t channels) {
        auto all = v;
        all.shape.channels = channels;
        all.shape.space = channels > 0 ? v.shape.channels / channels : 0;
        all.strides.space = channels;
        return all;
      };
      return image_.make_frames(exec, step, image(in.x, image_.reads(step)), in.from, image(y, image_.makes(step)), a);
    }
    if (!has_frame_ || step > image_.steps()) return lstm_.resume(exec, rows, y, in.carried, in.frame == 0, a);
    frame_.compute(exec, rows, y, a);
    nn::activate_rows(exec, f_, nn::as_it_is<T>(y), y);
  }
  /// The summary of frames that keep coming, and what adds some.
  nn::kernel::running_summary<T> running(index_t sequences) const { return summary_.running(sequences); }
  /// Unchecked.
  void sum_up(nn::kernel::running_summary<T>& sum, tensor_view<T const> const& frames) const {
    sum.add(frames, summary_.scorer());
  }
  /// What the head makes of a summary first. Unchecked.
  T* layout_answer(nn::arena<T>& a, index_t sequences) const { return a.take({sequences, hidden_.outputs()}); }
  /// Unchecked: logits of a summary.
  template <class Executor>
  void answer(Executor& exec, tensor_view<T const> const& sums, tensor_view<T> const& y, nn::arena<T> a) const {
    tensor_view<T> const middle(layout_answer(a, y.shape.batch), {y.shape.batch, 1, hidden_.outputs()});
    hidden_.compute(exec, nn::as_it_is(sums), middle, a);
    nn::activate_rows(exec, f_, nn::as_it_is<T>(middle), middle);
    out_.compute(exec, nn::as_it_is<T>(middle), y, a);
  }

 private:
  /// Sequences that go through the LSTM at a time.
  static constexpr index_t together = 32;

  /// What the LSTM reads of so many sequences at a time.
  shape frames_of(shape const& x) const noexcept {
    return {x.batch < together ? x.batch : together, frames(x.time), lstm_.inputs()};
  }

  void check_bands(index_t space) const {
    if (image_.bands(space) == bands_) return;
    detail::fail("crnn: x has %td bands, which are pooled to %td, must be %td", space, image_.bands(space), bands_);
  }

  void take_summary(weights::state_reader<T>& reader, crnn_options const& options) {
    auto const kinds = crnn_summary(options, reader.has("attention.weight"));
    index_t const directions = reader.has("lstm.weight_ih_l0_reverse") ? 2 : 1;
    nn::attention_weights<T> attention;
    attention.scorer = options.scorer;
    if (std::count(kinds.begin(), kinds.end(), summary_kind::attention) > 0) {
      index_t const width = reader.dimension("attention.weight", 0);
      attention.weight = reader.take("attention.weight", {width, lstm_.outputs()});
      attention.bias = reader.take("attention.bias", {width});
      attention.vector = reader.take("attention.vector", {width});
    }
    summary_ = nn::summary<T>(lstm_.outputs(), kinds, directions, attention, static_cast<T>(options.summary_eps));
  }

  /// What the LSTM reads of sequence n.
  template <class Executor>
  void make_frames(Executor& exec, tensor_view<T const> const& x, index_t n, tensor_view<T> const& to, T* image,
                   nn::arena<T> a) const {
    if (to.size() == 0) return;
    tensor_view<T const> const one(x.at(n, 0, 0), {1, x.length(n), channels(), x.shape.space}, x.strides);
    shape const pixels{1, to.shape.time, image_.outputs(), bands_};
    image_.compute(exec, one, {has_frame_ ? image : to.data, pixels, tshift::layout::ntsc}, a);
    if (!has_frame_) return;
    tensor_view<T const> const rows(image, {1, to.shape.time, frame_.inputs()});
    frame_.compute(exec, nn::as_it_is(rows), to, a);
    nn::activate_rows(exec, f_, nn::as_it_is<T>(to), to);
  }

  activation f_;
  crnn_image<T> image_;
  index_t bands_ = 0;
  bool has_frame_ = false;
  nn::lstm<T> lstm_;
  nn::summary<T> summary_;
  nn::linear<T> frame_, hidden_, out_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
