// SPDX-License-Identifier: MIT
// The convolutions of wav2vec 2.0, HuBERT and WavLM: from samples to 50 frames a second. A piece of the sequence passes
// all of them before the next one begins, and the output of the first exists for a few hundred frames at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <tshift/models/speech_conv.hpp>
#include <tshift/nn/block.hpp>
#include <tshift/nn/wave_conv.hpp>
#include <tshift/weights/shared_list.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// Convolutions without padding, each with a norm or not, and GELU:
///
///   group norm   behind the first alone, each channel over the frames of its sequence     base models
///   layer norm   behind each, over the channels of a frame                                large models
///
/// x [N, S, 1] samples, y [N, frames(S), C]. A sequence of length L has frames(L) frames, made of its own samples alone;
/// frames of y past them are zeros. Accuracy: as conv1d, winograd_conv1d and wave_conv. Workspace: bounded, however long the
/// sequence.
/// Source: Baevski et al. 2020, arXiv:2006.11477; Wav2Vec2FeatureEncoder of transformers.
template <class T>
class speech_features : public nn::calls<speech_features<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "speech_features";  ///< in messages

  speech_features() = default;

  /// Takes feature_extractor.conv_layers.*.
  /// @param sizes    of the checkpoint
  /// @param strides  one for each convolution, >= 1
  /// @throws shape_error  another number of strides, a stride out of range, or tensors that do not fit
  speech_features(weights::state_reader<T>& weights, weights::speech_encoder_sizes const& sizes,
                  std::vector<index_t> const& strides) {
    auto const count = sizes.kernels.size();
    if (strides.size() != count || count < 2) {
      detail::fail("speech_encoder: %zu strides, must be one for each of the %zu convolutions, two or more",
                   strides.size(), count);
    }
    std::vector<speech_conv<T>> layers;
    for (std::size_t i = 0; i < count; ++i) layers.emplace_back(weights, sizes, strides[i], i);
    layers_ = weights::shared_list<speech_conv<T>>(std::move(layers));
    check_reach();
  }

  /// Number of channels of y.
  index_t outputs() const noexcept { return layers_.back().outputs(); }
  /// The fewest samples that make a frame: 400 of all published models.
  index_t shortest() const noexcept { return needed(0, 1, true); }
  /// Frames of y for so many samples; 0 where there are fewer than shortest().
  index_t frames(index_t samples) const noexcept {
    for (speech_conv<T> const& l : layers_) samples = l.frames(samples);
    return samples;
  }

  /// Samples from one frame to the next: 320 of all published models.
  index_t stride() const noexcept { return layers_[0].options().stride * place_of(0, 1); }
  /// Whether a frame has the same bits in every piece of a sound that begins at one: not with a group norm, which sees the
  /// whole piece, nor where a frame is one of a pair.
  bool frames_are_apart() const noexcept {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].wave() != nullptr || (layers_[i].in_pairs() && place_of(i, 1) % 2 != 0)) return false;
    }
    return true;
  }

  /// What a call needs.
  struct slices {
    T* filters;     ///< of a sequence
    T* rooms;       ///< for each part: scratch of a layer, samples, and frames of the first layer
    T* buffers[2];  ///< frames of the second, fourth, ..., and of the third, fifth, ... layer
    index_t room;   ///< elements of each room
    index_t layer;  ///< of them, scratch of a layer
    index_t wave;   ///< of them, samples
  };

  /// Unchecked.
  slices layout(nn::arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time});
    index_t const most = std::min(frames(x.time), piece);
    slices s{};
    if (most == 0) return s;
    if (auto const* const first = layers_[0].wave()) {
      s.filters = first->filter_room(a);
      nn::arena<T> counting(name);
      first->scratch(counting);
      s.wave = counting.most();
    }
    index_t parts = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      s.layer = std::max(s.layer, layers_[i].scratch_size());
      if (i > 0) parts = std::max(parts, layers_[i].split_of(needed(i, most)).parts);
    }
    speech_conv<T> const& second = layers_[1];
    index_t const block = std::min(needed(1, most), nn::kernel::row_capacity);
    s.room = s.layer + s.wave + detail::checked_product(name, {second.window(block), second.options().inputs});
    s.rooms = a.take({parts, s.room});
    for (std::size_t side = 0; side < 2; ++side) {
      index_t largest = 0;
      for (std::size_t i = 1 + side; i + 1 < layers_.size(); i += 2) {
        largest = std::max(largest, detail::checked_product(name, {needed(i, most), layers_[i].outputs()}));
      }
      s.buffers[side] = a.take({largest});
    }
    return s;
  }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    nn::check_call(name, x, 1, y, frames(x.shape.time), outputs());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    slices const memory = layout(a, x.shape);
    for (index_t n = 0; n < x.shape.batch; ++n) {
      index_t const length = x.length(n), made = frames(length);
      tensor_view<T const> const wave(x.at(n, 0, 0), {1, length, 1}, x.strides);
      typename nn::wave_conv<T>::filters folded{};
      if (auto const* const first = layers_[0].wave(); first != nullptr && made > 0)
        folded = first->filters_of({wave.data, wave.strides.time, length}, memory.filters);
      for (index_t done = 0; done < made; done += piece) {
        index_t const count = std::min(piece, made - done);
        compute_piece(exec, wave, folded, done, count, {y.at(n, done, 0), y.strides.time}, memory);
      }
      for (index_t t = made; t < y.shape.time; ++t) {
        for (index_t c = 0; c < outputs(); ++c) y(n, t, c) = T(0);
      }
    }
  }

 private:
  /// Frames of y that are made together: the last layers read their weights once for so many.
  static constexpr index_t piece = nn::kernel::row_capacity;

  /// Refuses strides and taps of which a frame is made of more samples than there are: products of them must be numbers.
  void check_reach() const {
    constexpr index_t most = index_t{1} << (detail::index_bits > 40 ? 40 : 24);
    index_t samples = 1;
    for (std::size_t i = layers_.size(); i-- > 0;) {
      conv1d_options const& o = layers_[i].options();
      if (o.taps > most || samples > (most - o.taps) / o.stride) {
        detail::fail("speech_encoder: a frame of more than %td samples, by its strides", most);
      }
      samples = layers_[i].window(samples);
    }
  }

  /// Frames of layer i that `count` frames of y are made of; or the samples.
  index_t needed(std::size_t i, index_t count, bool samples = false) const noexcept {
    for (std::size_t last = layers_.size(); last-- > i + (samples ? 0 : 1);) count = layers_[last].window(count);
    return count;
  }

  /// The frame of layer i that frame `first` of y begins with.
  index_t place_of(std::size_t i, index_t first) const noexcept {
    while (++i < layers_.size()) first *= layers_[i].options().stride;
    return first;
  }

  /// Frames [done, done + count) of one sequence.
  template <class Executor>
  void compute_piece(Executor& exec, tensor_view<T const> const& wave, typename nn::wave_conv<T>::filters const& folded,
                     index_t done, index_t count, nn::kernel::row_sink<T> y, slices const& memory) const {
    std::size_t const last = layers_.size() - 1;
    tensor_view<T const> made;  // what the layer before made of this piece
    for (std::size_t i = 1; i <= last; ++i) {
      speech_conv<T> const& l = layers_[i];
      index_t const rows = needed(i, count);
      nn::kernel::row_sink<T> const to =
          i == last ? y : nn::kernel::row_sink<T>{memory.buffers[(i - 1) % 2], l.outputs()};
      auto const split = nn::kernel::split_for<Executor>(l.split_of(rows));
      index_t const begin = place_of(1, done);
      nn::kernel::for_parts(exec, split.parts,
                            [this, &l, &wave, &folded, &memory, &made, &split, &to, i, begin](index_t part) {
                              index_t const first = split.begin(part), some = split.end(part) - first;
                              T* const room = memory.rooms + part * memory.room;
                              if (i > 1) return l.rows(made, first, some, to.from(first), room);
                              first_two(wave, folded, begin + first, some, to.from(first), room, memory);
                            });
      made = {to.data, {1, rows, l.outputs()}};
    }
  }

  /// Rows [first, first + count) of the second layer, through a block at a time of the first.
  void first_two(tensor_view<T const> const& wave, typename nn::wave_conv<T>::filters const& folded, index_t first,
                 index_t count, nn::kernel::row_sink<T> y, T* room, slices const& memory) const noexcept {
    speech_conv<T> const &one = layers_[0], &two = layers_[1];
    T *const samples = room + memory.layer, *const frames = samples + memory.wave;
    for (nn::kernel::row_part const part : nn::kernel::row_parts(count)) {
      index_t const from = (first + part.begin) * two.options().stride, rows = two.window(part.count);
      nn::kernel::row_sink<T> const to{frames, one.outputs()};
      if (auto const* const waves = one.wave()) {
        waves->rows(folded, from, rows, to, samples);
      } else {
        one.rows(wave, from, rows, to, room);
      }
      two.rows(tensor_view<T const>(frames, {1, rows, one.outputs()}), 0, part.count, y.from(part.begin), room);
    }
  }

  weights::shared_list<speech_conv<T>> layers_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
