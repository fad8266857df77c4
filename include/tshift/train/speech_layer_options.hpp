// SPDX-License-Identifier: MIT
// What a transformer layer of wav2vec 2.0, HuBERT and WavLM is made with.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/train/gated_positions.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of a speech encoder's layer. The defaults are those of the base models.
struct speech_layer_sizes {
  index_t channels = 768;   ///< D
  index_t hidden = 3072;    ///< of the perceptron
  index_t heads = 12;       ///< of the attention
  bool norm_first = false;  ///< whether the norms stand before the two parts (do_stable_layer_norm) or behind them
  double eps = 1e-5;        ///< of the norms
};

/// Shares of a speech encoder's layer that are dropped in training. wav2vec 2.0 base and its kin are trained with 0.1.
struct speech_layer_dropout {
  double hidden = 0;     ///< in [0, 1): of what the attention and the perceptron each add to what passes them by
  double attention = 0;  ///< in [0, 1): of the attention's weights, behind the softmax
};

/// WavLM's table of distances, by its name in checkpoints, where it belongs to the first layer and all layers read it.
///
/// It is one parameter: give it to each layer that is trained, and each adds its part to the one gradient. That is the
/// gradient of the encoder if all of its layers are among them. Where the lower ones are not, what they would add is
/// missing, and they would go on with the old table; then keep it as it is:
///
///   table.set_trains("encoder.layers.0.attention.rel_attn_embed.", false);
///
/// Of this one parameter the gradient's last bits depend on how a batch is cut, where two layers or more add to it: one
/// layer's sequences come after the other's. They depend neither on threads nor on padding.
/// @param buckets       distances that are told apart
/// @param max_distance  from there on all distances are one
/// @throws shape_error  a size is out of range, or the name is taken
template <class T>
bucketed_distances<T> speech_distances(parameter_table& table, index_t heads = 12, index_t buckets = 320,
                                       index_t max_distance = 800) {
  return {table, "encoder.layers.0.attention.rel_attn_embed.weight", heads, buckets, max_distance};
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
