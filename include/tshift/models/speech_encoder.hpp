// SPDX-License-Identifier: MIT
// wav2vec 2.0, HuBERT and WavLM: from samples at 16 kHz to 50 frames a second that know what is said, how, and by whom.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/hidden_states.hpp>
#include <tshift/models/speech_features.hpp>
#include <tshift/models/speech_layer.hpp>
#include <tshift/models/speech_projection.hpp>
#include <tshift/weights/speech_encoder_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// speech_features, a norm and a linear layer to D channels; x + gelu(positional convolution of x); L transformer layers.
///
///   auto const checkpoint = weights::speech_encoder_weights(file.state_dict());
///   models::speech_encoder<float> const encoder(checkpoint, {.heads = 12, .norm_first = false});   // base
///   std::vector<float> y(N * encoder.frames(S) * encoder.channels());
///   encoder.forward(tensor_view(samples, {N, S, 1}), tensor_view(y, {N, encoder.frames(S), D}), workspace);
///   auto const ninth = encoder.with(hidden_states<float>::one(9));     // shares the weights
///
/// x [N, S, 1], mono samples at 16 kHz, normalised where the checkpoint wants it (preprocessor_config.json: do_normalize);
/// y [N, frames(S), D], or [(L + 1) N, frames(S), D] with hidden_states::all().
/// Lengths of x, in samples, are honoured: each sequence gives what it gives alone, bit for bit; frames of y past its own
/// are zeros. Padded batches as others compute them: as_released(x), which knows no lengths, and with_mask(rule).
/// Accuracy: within 1e-5 of PyTorch (relative L2, float). Workspace: [3, frames(S), D] and what a layer needs; no
/// [T, T] matrix, and nothing grows with N. One object serves many threads, each with its workspace.
/// Source: Baevski et al. 2020, arXiv:2006.11477; Hsu et al. 2021, arXiv:2106.07447; Chen et al. 2022, arXiv:2110.13900.
template <class T>
class speech_encoder : public nn::calls<speech_encoder<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "speech_encoder";  ///< in messages

  /// @param checkpoint  of weights::speech_encoder_weights; F32, F64, F16 or BF16, read as T and copied
  /// @param options     of its config.json
  /// @throws shape_error  a tensor is missing, has another shape or type, or is not part of the model; an option is out of
  ///                      range or does not fit the tensors
  speech_encoder(weights::speech_encoder_checkpoint const& checkpoint, speech_encoder_options const& options)
      : states_(hidden_states<T>::last()) {
    weights::speech_encoder_sizes const& sizes = checkpoint.sizes;
    check_options(options, sizes);
    channels_ = sizes.width;
    norm_first_ = options.norm_first;
    T const eps = static_cast<T>(options.eps);
    weights::state_reader<T> reader(name, checkpoint.encoder);
    features_ = speech_features<T>(reader, sizes, options.strides);
    projection_ = speech_projection<T>(reader, sizes, eps);
    norm_ = take_norm(reader, "encoder.layer_norm", channels_, eps);
    nn::bucketed_distances<T> distances;
    if (sizes.buckets > 0) {
      auto const table =
          reader.take("encoder.layers.0.attention.rel_attn_embed.weight", {sizes.buckets, options.heads});
      distances = {options.heads, options.max_distance, table};
    }
    std::vector<speech_layer<T>> layers;
    for (index_t i = 0; i < sizes.layers; ++i) {
      layers.emplace_back(reader, sizes, i, options.heads, norm_first_, eps, distances);
    }
    layers_ = weights::shared_list<speech_layer<T>>(std::move(layers));
    reader.finish();
    states_.fit(this->layers(), channels_);
  }

  /// Number of channels D of y.
  index_t channels() const noexcept { return channels_; }
  /// Number of transformer layers L.
  index_t layers() const noexcept { return static_cast<index_t>(layers_.size()); }
  /// The fewest samples a sequence may have: 400 of all published models, 25 milliseconds.
  index_t shortest() const noexcept { return features_.shortest(); }
  /// Frames of so many samples: (samples - 400) / 320 + 1 of all published models.
  index_t frames(index_t samples) const noexcept { return features_.frames(samples); }
  /// Frames that belong to a sequence of so many samples, in a batch padded to `padded`.
  index_t frames(index_t samples, index_t padded, frame_rule rule) const noexcept {
    if (rule == frame_rule::conv) return frames(samples);
    index_t const all = frames(padded), each = all > 0 ? padded / all : 1, covered = (samples + each - 1) / each;
    return covered < all ? covered : all;
  }

  /// The convolutions, of which frames are made.
  speech_features<T> const& features() const noexcept { return features_; }

  /// The same encoder, whose forward writes these states. Shares the weights.
  /// @throws shape_error  it has no such state, or another number of them than there are weights
  speech_encoder with(hidden_states<T> const& states) const {
    speech_encoder other = *this;
    other.states_ = states;
    other.states_.fit(layers(), channels_);
    return other;
  }

  /// Which states forward writes.
  hidden_states<T> const& states() const noexcept { return states_; }

  /// The same encoder computing padded batches as transformers, torchaudio and fairseq do, given lengths: padding is part
  /// of all convolutions and of the group norm; frames past those of the sequence, by the rule, are set to zero after the
  /// projection, and are computed but not attended to. A sequence then depends on how far it is padded.
  speech_encoder with_mask(frame_rule rule) const {
    if (rule != frame_rule::conv && rule != frame_rule::reshape) {
      detail::fail("speech_encoder: rule = %d, must be a named frame_rule", static_cast<int>(rule));
    }
    speech_encoder other = *this;
    other.mask_ = rule;
    return other;
  }

  /// Three activations of one sequence, and what its parts need. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time});
    shape const wave{1, x.time, 1}, made{1, frames(x.time), channels_};
    T* const memory = a.take({3, made.time, channels_});
    a.lend([this, &wave, &made](nn::arena<T>& inside) {
      inside.take({made.time, features_.outputs()});
      features_.layout(inside, wave);
    });
    for (speech_layer<T> const& layer : layers_) a.lend(layer, made);
    return memory;
  }

  /// Refuses what does not fit, and sequences that are too short for one frame.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    detail::extent const from = detail::check_rows(name, "x", x, 1), to = detail::check_rows(name, "y", y, channels_);
    check_lengths(x);
    index_t const batch = detail::checked_product(name, {states_.copies(), x.shape.batch}), made = frames(x.shape.time);
    if (to.dims.batch != batch || to.dims.time != made) {
      detail::fail("speech_encoder: y is [%td, %td], must be [%td, %td]", to.dims.batch, to.dims.time, batch, made);
    }
    detail::check_writable(name, to);
    detail::check_apart(name, from, to);
  }

  /// Refuses sequences that are too short for one frame.
  void check_lengths(tensor_view<T const> const& x) const {
    for (index_t n = 0; n < x.shape.batch; ++n) {
      if (x.length(n) >= shortest()) continue;
      detail::fail("speech_encoder: sequence %td has %td samples, must have >= %td", n, x.length(n), shortest());
    }
  }
  /// Frames that are computed of a sequence: of all its samples, or of its own alone. Unchecked.
  index_t frames_of(tensor_view<T const> const& x, index_t n) const noexcept {
    return frames(mask_ ? x.shape.time : x.length(n));
  }
  /// Those of them that are attended to. Unchecked.
  index_t own_frames_of(tensor_view<T const> const& x, index_t n) const noexcept {
    return mask_ ? frames(x.length(n), x.shape.time, *mask_) : frames(x.length(n));
  }

  /// Unchecked: the states of frames [1, T, C] that features() made of a sequence, dense.
  template <class Executor>
  void compute_states(Executor& exec, tensor_view<T const> const& frames, tensor_view<T> const& y,
                      nn::arena<T> a) const {
    index_t const made = frames.shape.time;
    T* const memory = a.take({3, made, channels_});
    nn::arena<T> inside = a;
    T* const copy = inside.take({made, frames.shape.channels});
    std::copy_n(frames.data, frames.size(), copy);
    states_of(exec, {copy, frames.shape}, made, y, 0, memory, a);
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    auto* const memory = layout(a, x.shape);
    for (index_t n = 0; n < x.shape.batch; ++n) {
      tensor_view<T const> wave = x.slice_sequences(n, 1);
      index_t const made = frames_of(x, n);
      wave.lengths = {};
      if (!mask_) wave.shape.time = x.length(n);
      compute_one(exec, wave, made, own_frames_of(x, n), y, n, memory, a);
      for (index_t copy = 0; copy < states_.copies(); ++copy) {
        for (index_t t = made; t < y.shape.time; ++t) {
          T* const row = y.at(copy * x.shape.batch + n, t, 0);
          for (index_t c = 0; c < channels_; ++c) row[c] = T(0);
        }
      }
    }
  }

 private:
  static void check_options(speech_encoder_options const& o, weights::speech_encoder_sizes const& sizes) {
    if (o.heads < 1 || sizes.width % o.heads != 0) {
      detail::fail("speech_encoder: %td heads, must divide the %td channels", o.heads, sizes.width);
    }
    if (sizes.heads > 0 && o.heads != sizes.heads) {
      detail::fail("speech_encoder: %td heads, must be the %td of the table of positions", o.heads, sizes.heads);
    }
    if (!(o.eps > 0 && o.eps <= static_cast<double>(std::numeric_limits<T>::max()))) {
      detail::fail("speech_encoder: eps = %g, must be > 0 and finite", o.eps);
    }
  }

  /// One sequence, of `made` frames, of which `valid` are its own.
  template <class Executor>
  void compute_one(Executor& exec, tensor_view<T const> const& wave, index_t made, index_t valid,
                   tensor_view<T> const& y, index_t n, T* memory, nn::arena<T> a) const {
    shape const narrow{1, made, features_.outputs()};
    nn::arena<T> inside = a;
    tensor_view<T> const frames(inside.take({made, narrow.channels}), narrow);
    features_.compute(exec, wave, frames, inside);
    states_of(exec, frames, valid, y, n, memory, a);
  }

  /// The states of a sequence's frames, of which `valid` are its own. They are written over, and may lie in a.
  template <class Executor>
  void states_of(Executor& exec, tensor_view<T> const& frames, index_t valid, tensor_view<T> const& y, index_t n,
                 T* memory, nn::arena<T> a) const {
    shape const dims{1, frames.shape.time, channels_};
    tensor_view<T> const x(memory, dims), spare[2] = {{memory + dims.size(), dims}, {memory + 2 * dims.size(), dims}};
    projection_.project(exec, frames, spare[0]);
    for (index_t i = valid * channels_; i < x.size(); ++i) spare[0].data[i] = T(0);
    projection_.add_positions(exec, spare[0], x);
    if (!norm_first_) norm_.compute(exec, nn::as_it_is<T>(x), x, a);
    for (index_t k = 0;; ++k) {
      if (k == layers() && norm_first_) norm_.compute(exec, nn::as_it_is<T>(x), x, a);
      states_.write(exec, k, x, y, n, spare[0]);
      if (k == states_.until()) return;
      layers_[static_cast<std::size_t>(k)].compute(exec, x, spare, valid, a);
    }
  }

  index_t channels_ = 0;
  bool norm_first_ = false;
  speech_features<T> features_;
  speech_projection<T> projection_;
  nn::layer_norm<T> norm_;
  weights::shared_list<speech_layer<T>> layers_;
  hidden_states<T> states_;
  std::optional<frame_rule> mask_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
