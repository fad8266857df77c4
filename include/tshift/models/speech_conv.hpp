// SPDX-License-Identifier: MIT
// One convolution of a speech encoder, with its norm and GELU.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <string>

#include <tshift/models/parts.hpp>
#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/wave_conv.hpp>
#include <tshift/nn/winograd_conv1d.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// y = gelu(norm(W * x + b)) without padding, the norm over the channels of a frame or left out, or a group norm behind
/// the first. Three taps with stride 2 are winograd_conv1d, a first layer with group norm wave_conv, others conv1d.
/// Source: Wav2Vec2GroupNormConvLayer, Wav2Vec2LayerNormConvLayer and Wav2Vec2NoLayerNormConvLayer of transformers.
template <class T>
class speech_conv {
 public:
  speech_conv() = default;

  /// Takes feature_extractor.conv_layers.N.*, N being `number`.
  speech_conv(weights::state_reader<T>& weights, weights::speech_encoder_sizes const& sizes, index_t stride,
              std::size_t number)
      : options_{.inputs = number == 0 ? 1 : sizes.channels[number - 1],
                 .outputs = sizes.channels[number],
                 .taps = sizes.kernels[number],
                 .stride = stride} {
    if (stride < 1) detail::fail("speech_encoder: stride = %td of convolution %zu, must be >= 1", stride, number);
    std::string const prefix = "feature_extractor.conv_layers." + std::to_string(number);
    auto const weight = weights.take(prefix + ".conv.weight", {options_.outputs, options_.inputs, options_.taps});
    weights::values<T> bias;
    if (sizes.conv_bias) bias = weights.take(prefix + ".conv.bias", {options_.outputs});
    using halving = nn::winograd_conv1d<T>;
    if (number == 0 && !sizes.norm_every_conv) {
      auto const scale = weights.take(prefix + ".layer_norm.weight", {options_.outputs});
      auto const offset = weights.take(prefix + ".layer_norm.bias", {options_.outputs});
      wave_.emplace(options_.taps, stride, weight, scale, offset);  // a bias cancels
    } else if (options_.taps == halving::taps && stride == halving::stride) {
      halving_.emplace(options_.inputs, options_.outputs, weight, bias);
    } else {
      conv_.emplace(options_, weight, bias);
    }
    if (sizes.norm_every_conv) norm_ = take_norm(weights, prefix + ".layer_norm", options_.outputs);
  }

  /// Sizes.
  conv1d_options const& options() const noexcept { return options_; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x.
  index_t frames(index_t time) const noexcept {
    return time < options_.taps ? 0 : (time - options_.taps) / options_.stride + 1;
  }
  /// Frames of x that so many frames of y are made of.
  index_t window(index_t rows) const noexcept { return (rows - 1) * options_.stride + options_.taps; }
  /// So many frames of y in parts.
  nn::kernel::row_split split_of(index_t rows) const noexcept {
    return {rows, options_.taps * options_.inputs * options_.outputs, 8};
  }

  /// The first layer where that has a group norm, which needs all of a sequence; null for others.
  nn::wave_conv<T> const* wave() const noexcept { return wave_ ? &*wave_ : nullptr; }
  /// Whether frames are made in pairs, of which the first is an even one.
  bool in_pairs() const noexcept { return halving_.has_value(); }

  /// Elements that rows writes to beside y.
  index_t scratch_size() const {
    nn::arena<T> counting("speech_encoder");
    if (halving_) halving_->scratch(counting);
    return counting.most();
  }

  /// Unchecked: frames [first, first + count), first even. Not of a wave_conv.
  void rows(tensor_view<T const> const& x, index_t first, index_t count, nn::kernel::row_sink<T> y,
            T* scratch) const noexcept {
    nn::kernel::gelu_tile<T, xsimd::default_arch> const gelu;
    if (halving_) {
      halving_->rows(x, first, count, y, scratch);
    } else if (norm_) {
      conv_->rows(nn::as_it_is<T>(x), first + count, first, count, y);
    } else {
      return conv_->rows(nn::as_it_is<T>(x), first + count, first, count, y, gelu);
    }
    if (norm_) norm_->rows(nn::kernel::plain_rows<T>{y.data, y.stride}, 0, count, y);
    gelu(y.data, y.stride, 0, count, 0, outputs());
  }

 private:
  conv1d_options options_;
  std::optional<nn::wave_conv<T>> wave_;  // one of three
  std::optional<nn::winograd_conv1d<T>> halving_;
  std::optional<nn::conv1d<T>> conv_;
  std::optional<nn::layer_norm<T>> norm_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
