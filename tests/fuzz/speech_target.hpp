// SPDX-License-Identifier: MIT
// Bytes are read as changes to a small checkpoint of a speech encoder and its head, in one of three spellings, and to its
// config.json. Either these are refused, with a shape_error or a file_error of one line; or an encoder is made of them,
// which gives frames that do not depend on the sequence beside, and a head behind it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/io/speech_encoder_config.hpp>
#include <tshift/models/sequence_head.hpp>
#include <tshift/models/speech_encoder.hpp>

#include "support.hpp"

namespace fuzz {

namespace weights = tshift::weights;
namespace models = tshift::models;

/// A name, and its sizes in turns: no two tensors of the same shape have the same bytes.
struct named_shape {
  std::string name;
  std::vector<index_t> shape;
};

/// An encoder of width 4 with two layers, as transformers spells it.
inline std::vector<named_shape> small_checkpoint(bool every_norm, bool bias, bool gated, bool folded) {
  std::vector<named_shape> all;
  auto const add = [&all](std::string name, std::vector<index_t> shape) {
    all.push_back({std::move(name), std::move(shape)});
  };
  auto const module = [&add](std::string const& name, std::vector<index_t> shape) {
    index_t const outputs = shape[0];
    add(name + ".weight", std::move(shape));
    add(name + ".bias", {outputs});
  };
  for (index_t i = 0; i < 2; ++i) {
    std::string const prefix = "feature_extractor.conv_layers." + std::to_string(i);
    add(prefix + ".conv.weight", {3, i == 0 ? 1 : 3, i == 0 ? 4 : 2});
    if (bias) add(prefix + ".conv.bias", {3});
    if (every_norm || i == 0) module(prefix + ".layer_norm", {3});
  }
  module("feature_projection.layer_norm", {3});
  module("feature_projection.projection", {4, 3});
  std::string const positional = "encoder.pos_conv_embed.conv.";
  add(positional + "bias", {4});
  if (folded) {
    add(positional + "weight", {4, 2, 3});
  } else {
    add(positional + "weight_g", {1, 1, 3});
    add(positional + "weight_v", {4, 2, 3});
  }
  module("encoder.layer_norm", {4});
  for (index_t i = 0; i < 2; ++i) {
    std::string const layer = "encoder.layers." + std::to_string(i) + ".";
    for (char const* part : {"q_proj", "k_proj", "v_proj", "out_proj"}) module(layer + "attention." + part, {4, 4});
    module(layer + "layer_norm", {4});
    module(layer + "feed_forward.intermediate_dense", {5, 4});
    module(layer + "feed_forward.output_dense", {4, 5});
    module(layer + "final_layer_norm", {4});
    if (!gated) continue;
    add(layer + "attention.gru_rel_pos_const", {1, 2, 1, 1});
    module(layer + "attention.gru_rel_pos_linear", {8, 2});
    if (i == 0) add(layer + "attention.rel_attn_embed.weight", {8, 2});
  }
  return all;
}

inline std::string drawn_config(byte_source& from) {
  static constexpr char const* keys[] = {"num_attention_heads",
                                         "do_stable_layer_norm",
                                         "conv_stride",
                                         "layer_norm_eps",
                                         "hidden_size",
                                         "num_hidden_layers",
                                         "intermediate_size",
                                         "conv_dim",
                                         "conv_kernel",
                                         "conv_bias",
                                         "feat_extract_norm",
                                         "model_type",
                                         "hidden_act",
                                         "use_weighted_layer_sum",
                                         "id2label",
                                         "max_bucket_distance",
                                         "num_buckets",
                                         "num_conv_pos_embeddings",
                                         "feat_proj_layer_norm",
                                         "architectures"};
  static constexpr char const* values[] = {"2",
                                           "1",
                                           "4",
                                           "0",
                                           "-1",
                                           "true",
                                           "false",
                                           "null",
                                           "[2, 1]",
                                           "[3, 3]",
                                           "[4, 2]",
                                           "\"group\"",
                                           "\"layer\"",
                                           "\"wavlm\"",
                                           "\"hubert\"",
                                           "\"gelu\"",
                                           "1e-5",
                                           "1e400",
                                           "5",
                                           "3",
                                           "8",
                                           "18446744073709551615",
                                           "{\"0\": \"a\"}",
                                           "{}",
                                           "[]",
                                           "[\"x\"]",
                                           "{\"1\": \"a\"}",
                                           "[[[[]]]]",
                                           "\"\\u0000\"",
                                           "1000",
                                           "12.5",
                                           "[1000000, 1000000]"};
  std::string text = "{\"conv_stride\": [2, 1], \"num_attention_heads\": 2";
  for (index_t left = from.below(6); left > 0; --left) {
    text += std::string(", \"") + keys[from.below(std::size(keys))] + "\": " + values[from.below(std::size(values))];
  }
  text += "}";
  for (index_t left = from.one_in(8) ? 1 + from.below(3) : 0; left > 0; --left) {  // no JSON for long
    text[static_cast<std::size_t>(from.below(static_cast<index_t>(text.size())))] = static_cast<char>(from.byte());
  }
  return text;
}

/// One line of text where the call is refused; empty where it is not. Other exceptions are findings.
template <class Call>
bool refused_by_either(Call call) {
  try {
    return refused(call);
  } catch (tshift::file_error const& error) {
    require_sentence(error.what());
    return true;
  }
}

inline void check_encoder(models::speech_encoder<float> const& encoder, weights::state_dict const& rest) {
  index_t const S = encoder.shortest() + 3;
  if (encoder.shortest() > 4000) return;
  std::vector<float> samples(static_cast<std::size_t>(2 * S));
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<float>(i * 37 % 101) / 101 - 0.5f;
  index_t const lengths[] = {encoder.shortest(), S};
  index_t const D = encoder.channels(), frames = encoder.frames(S);
  tshift::tensor_view<float const> const x(samples.data(), {2, S, 1}, tshift::layout::ntc, lengths);
  std::vector<float> y(static_cast<std::size_t>(2 * frames * D)), alone(y.size()),
      workspace = encoder.make_workspace(x.shape);
  encoder.forward(x, tshift::tensor_view<float>(y.data(), {2, frames, D}), workspace);
  encoder.forward(tshift::tensor_view<float const>(samples.data() + S, {1, S, 1}),
                  tshift::tensor_view<float>(alone.data(), {1, frames, D}), workspace);
  for (index_t i = 0; i < frames * D; ++i) {
    float const together = y[static_cast<std::size_t>(frames * D + i)];
    require(std::isfinite(together), "a frame is not finite");
    require(together == alone[static_cast<std::size_t>(i)], "a sequence depends on the one beside it");
  }
  refused([&rest, D] { (void)models::sequence_head<float>(rest, D); });
}

inline void speech_input(std::span<std::uint8_t const> bytes) {
  byte_source from(bytes);
  unsigned const kind = from.byte();
  auto tensors = small_checkpoint((kind & 1u) != 0, (kind & 2u) != 0, (kind & 4u) != 0, (kind & 8u) != 0);
  static constexpr char const* prefixes[] = {"", "hubert.", "wavlm.", "pretrain.", "model.", "other."};
  std::string const prefix = prefixes[from.below(std::size(prefixes))];
  for (named_shape& each : tensors) each.name.insert(0, prefix);
  if (from.one_in(2)) {
    for (char const* name : {"projector.weight", "projector.bias", "classifier.weight", "classifier.bias"}) {
      tensors.push_back(
          {name, std::string_view(name).ends_with("bias") ? std::vector<index_t>{4} : std::vector<index_t>{4, 4}});
    }
  }
  std::string const config = drawn_config(from);
  static constexpr char const* parts[] = {".conv",      "encoder.", "attention.", "weight", "layers.1",
                                          "quantizer.", "0",        "\n",         "bias",   "_g"};
  for (index_t left = from.below(5); left > 0; --left) {
    auto const count = static_cast<index_t>(tensors.size());
    named_shape& one = tensors[static_cast<std::size_t>(from.below(count))];
    switch (from.below(7)) {
      case 0: tensors.erase(tensors.begin() + (&one - tensors.data())); break;
      case 1:
        one.shape[static_cast<std::size_t>(from.below(static_cast<index_t>(one.shape.size())))] = from.below(12);
        break;
      case 2: one.shape.push_back(from.below(3)); break;
      case 3: one.name += parts[from.below(std::size(parts))]; break;
      case 4:
        one.name.insert(static_cast<std::size_t>(from.below(static_cast<index_t>(one.name.size()))),
                        parts[from.below(std::size(parts))]);
        break;
      case 5:
        one.name[static_cast<std::size_t>(from.below(static_cast<index_t>(one.name.size())))] =
            static_cast<char>(from.byte());
        break;
      default: tensors.push_back(tensors[static_cast<std::size_t>(from.below(count))]); break;
    }
    if (tensors.empty()) return;
  }
  auto const type = from.one_in(8) ? weights::dtype::f16 : weights::dtype::f32;
  // 0.25 in both types, so that any piece of it is numbers; a tensor of its own begins at a place of its own.
  static std::vector<float> const numbers = [] {
    std::vector<float> values(1u << 16);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 29 % 64) / 64 - 0.4f;
    return values;
  }();
  refused_by_either([&] {
    weights::state_dict dict("memory");
    for (named_shape const& each : tensors) {
      index_t size = type == weights::dtype::f16 ? 2 : 4;
      for (index_t const one : each.shape) size *= one;
      if (size > 1 << 17) return;
      dict.add(weights::tensor(each.name, type, each.shape,
                               std::as_bytes(std::span(numbers)).first(static_cast<std::size_t>(size))));
    }
    auto const checkpoint = weights::speech_encoder_weights(dict);
    require(weights::holds_speech_encoder(dict), "what is taken apart holds an encoder");
    auto const read = tshift::io::speech_encoder_config::parse(std::as_bytes(std::span(config)), "config.json");
    models::speech_encoder<float> const encoder(checkpoint, read.options_for(checkpoint.sizes));
    if (type == weights::dtype::f32) check_encoder(encoder, checkpoint.rest);
  });
}

}  // namespace fuzz
