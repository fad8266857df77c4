// SPDX-License-Identifier: MIT
// What stands between the convolutions of a speech encoder and its transformer: a linear layer, and positions.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <string>

#include <tshift/models/parts.hpp>
#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/skip.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// x = W norm(features) + b, to D channels; y = x + gelu(positional convolution of x). Between the two the padding of a
/// masked batch is set to zero. Source: Wav2Vec2FeatureProjection and Wav2Vec2PositionalConvEmbedding of transformers.
template <class T>
class speech_projection {
 public:
  speech_projection() = default;

  /// Takes feature_projection.* and encoder.pos_conv_embed.*.
  speech_projection(weights::state_reader<T>& weights, weights::speech_encoder_sizes const& sizes, T eps) {
    index_t const from = sizes.channels.back(), width = sizes.width;
    if (sizes.projection_norm) norm_ = take_norm(weights, "feature_projection.layer_norm", from, eps);
    projection_ = take_linear(weights, "feature_projection.projection", from, width);
    conv1d_options options;
    options.inputs = options.outputs = width;
    options.taps = sizes.positional_taps;
    options.padding = options.taps / 2;
    options.groups = sizes.positional_groups;
    std::string const part = "encoder.pos_conv_embed.conv.";
    auto const weight = weights.take(part + "weight", {width, width / options.groups, options.taps});
    positional_ = nn::conv1d<T>(options, weight, weights.take(part + "bias", {width}));
  }

  /// y = W norm(x) + b. Unchecked. @param x  written over
  template <class Executor>
  void project(Executor& exec, tensor_view<T> const& x, tensor_view<T> const& y) const {
    nn::arena<T> const none("speech_encoder");
    if (norm_) norm_->compute(exec, nn::as_it_is<T>(x), x, none);
    projection_.compute(exec, nn::as_it_is<T>(x), y, none);
  }

  /// y = x + gelu(positional convolution of x). With an even number of taps that has one frame more, which is cut off.
  /// Unchecked.
  template <class Executor>
  void add_positions(Executor& exec, tensor_view<T> const& x, tensor_view<T> const& y) const {
    using arch = xsimd::default_arch;
    shifted_view<T> const from = nn::as_it_is<T>(x);
    index_t const width = x.shape.channels, each = width / positional_.options().groups;
    auto const split = nn::kernel::split_for<Executor>({x.shape.time, positional_.options().taps * each * width, 8});
    nn::kernel::for_parts(exec, split.parts, [this, &from, &x, &y, &split, width](index_t part) {
      index_t const first = split.begin(part), count = split.end(part) - first;
      nn::kernel::row_sink<T> const to{y.at(0, first, 0), width};
      positional_.rows(from, x.shape.time, first, count, to, nn::kernel::gelu_tile<T, arch>());
      nn::kernel::add_rows<T, arch>(nn::kernel::plain_rows<T>{x.data, width}, width, first, count, to);
    });
  }

 private:
  std::optional<nn::layer_norm<T>> norm_;  // not in DistilHuBERT
  nn::linear<T> projection_;
  nn::conv1d<T> positional_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
