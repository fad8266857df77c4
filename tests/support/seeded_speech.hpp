// SPDX-License-Identifier: MIT
// Checkpoints of speech encoders from a seed, with the names that transformers uses, equal to the last bit to what
// tests/golden/speech.py gives PyTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tshift/weights/state_dict.hpp>

#include "seeded.hpp"

namespace test_support {

/// As `Sizes` of speech.py.
struct speech_sizes {
  std::vector<index_t> channels, kernels, strides;
  bool norm_every = false, bias = false, first = false, projection_norm = true;
  index_t width = 0, layers = 0, heads = 0, hidden = 0, taps = 0, groups = 0, buckets = 0, distance = 0;
  double eps = 1e-5;
};

/// wav2vec 2.0 and HuBERT base, or large.
inline speech_sizes published_sizes(bool large) {
  speech_sizes s;
  s.channels = std::vector<index_t>(7, 512);
  s.kernels = {10, 3, 3, 3, 3, 2, 2};
  s.strides = {5, 2, 2, 2, 2, 2, 2};
  s.norm_every = s.bias = s.first = large;
  s.width = large ? 1024 : 768;
  s.layers = large ? 24 : 12;
  s.heads = large ? 16 : 12;
  s.hidden = 4 * s.width;
  s.taps = 128;
  s.groups = 16;
  return s;
}

/// Names and shapes of all tensors.
inline std::vector<std::pair<std::string, std::vector<index_t>>> tensors_of(speech_sizes const& s) {
  std::vector<std::pair<std::string, std::vector<index_t>>> tensors;
  auto const add = [&tensors](std::string name, std::vector<index_t> shape) {
    tensors.emplace_back(std::move(name), std::move(shape));
  };
  auto const module = [&add](std::string const& name, std::vector<index_t> shape) {
    index_t const outputs = shape[0];
    add(name + ".weight", std::move(shape));
    add(name + ".bias", {outputs});
  };
  for (std::size_t i = 0; i < s.kernels.size(); ++i) {
    std::string const prefix = "feature_extractor.conv_layers." + std::to_string(i) + ".";
    add(prefix + "conv.weight", {s.channels[i], i == 0 ? 1 : s.channels[i - 1], s.kernels[i]});
    if (s.bias) add(prefix + "conv.bias", {s.channels[i]});
    if (s.norm_every || i == 0) module(prefix + "layer_norm", {s.channels[i]});
  }
  if (s.projection_norm) module("feature_projection.layer_norm", {s.channels.back()});
  module("feature_projection.projection", {s.width, s.channels.back()});
  add("encoder.pos_conv_embed.conv.bias", {s.width});
  add("encoder.pos_conv_embed.conv.weight_g", {1, 1, s.taps});
  add("encoder.pos_conv_embed.conv.weight_v", {s.width, s.width / s.groups, s.taps});
  module("encoder.layer_norm", {s.width});
  for (index_t i = 0; i < s.layers; ++i) {
    std::string const prefix = "encoder.layers." + std::to_string(i) + ".";
    if (s.buckets > 0) {
      add(prefix + "attention.gru_rel_pos_const", {1, s.heads, 1, 1});
      module(prefix + "attention.gru_rel_pos_linear", {8, s.width / s.heads});
      if (i == 0) add(prefix + "attention.rel_attn_embed.weight", {s.buckets, s.heads});
    }
    for (char const* part : {"k_proj", "v_proj", "q_proj", "out_proj"}) {
      module(prefix + "attention." + part, {s.width, s.width});
    }
    module(prefix + "layer_norm", {s.width});
    module(prefix + "feed_forward.intermediate_dense", {s.hidden, s.width});
    module(prefix + "feed_forward.output_dense", {s.width, s.hidden});
    module(prefix + "final_layer_norm", {s.width});
  }
  return tensors;
}

template <class T>
tshift::weights::state_dict seeded_speech(speech_sizes const& sizes, std::uint64_t seed) {
  tshift::weights::state_dict weights;
  for (auto const& [name, shape] : tensors_of(sizes)) weights.add_owned(name, shape, seeded<T>(name, shape, seed));
  return weights;
}

}  // namespace test_support
