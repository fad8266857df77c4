// SPDX-License-Identifier: MIT
// Who wrote a checkpoint of wav2vec 2.0, HuBERT or WavLM, and how each of them calls its parts.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <string>
#include <string_view>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Whose names a speech encoder's tensors have.
enum class speech_encoder_family : unsigned char {
  transformers,  ///< Hugging Face's, SpeechBrain's and audeering's too
  torchaudio,    ///< PyTorch's, ShiftSER's too
  fairseq        ///< fairseq's, unilm's, Microsoft's and s3prl's
};

}}}}  // namespace tshift::weights

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A part of the encoder. Those from q_proj on are parts of a layer.
enum class encoder_part : unsigned char {
  projection_norm,
  projection,
  positional,
  norm,
  layers,
  q_proj,
  k_proj,
  v_proj,
  out_proj,
  attention_norm,
  intermediate,
  output,
  final_norm,
  gate,
  gate_constant,
  bias_table
};

/// What it is called: a column for each speech_encoder_family, a row for each encoder_part, in their order.
inline constexpr char const* encoder_part_names[][3] = {
    {"feature_projection.layer_norm", "encoder.feature_projection.layer_norm", "layer_norm"},
    {"feature_projection.projection", "encoder.feature_projection.projection", "post_extract_proj"},
    {"encoder.pos_conv_embed.conv", "encoder.transformer.pos_conv_embed.conv", "encoder.pos_conv.0"},
    {"encoder.layer_norm", "encoder.transformer.layer_norm", "encoder.layer_norm"},
    {"encoder.layers.", "encoder.transformer.layers.", "encoder.layers."},
    {"attention.q_proj", "attention.q_proj", "self_attn.q_proj"},
    {"attention.k_proj", "attention.k_proj", "self_attn.k_proj"},
    {"attention.v_proj", "attention.v_proj", "self_attn.v_proj"},
    {"attention.out_proj", "attention.out_proj", "self_attn.out_proj"},
    {"layer_norm", "layer_norm", "self_attn_layer_norm"},
    {"feed_forward.intermediate_dense", "feed_forward.intermediate_dense", "fc1"},
    {"feed_forward.output_dense", "feed_forward.output_dense", "fc2"},
    {"final_layer_norm", "final_layer_norm", "final_layer_norm"},
    {"attention.gru_rel_pos_linear", "attention.gru_rel_pos_linear", "self_attn.grep_linear"},
    {"attention.gru_rel_pos_const", "attention.gru_rel_pos_const", "self_attn.grep_a"},
    {"attention.rel_attn_embed", "attention.rel_attn_embed", "self_attn.relative_attention_bias"}};

inline constexpr char const* encoder_family_names[] = {"transformers", "torchaudio", "fairseq"};

/// What may stand before the encoder's names: of models with a head (transformers; torchaudio's for pretraining),
/// of SpeechBrain, of fairseq's files and of torchaudio's models that normalise, of ShiftSER, of fairseq's models for CTC.
inline constexpr std::string_view encoder_prefixes[] = {
    "", "wav2vec2.", "hubert.", "wavlm.", "model.", "pretrain.", "w2v_encoder.w2v_model."};

/// Names that one family alone has, two for each, so that a file without one of them is still known.
inline constexpr std::string_view encoder_marks[3][2] = {{"feature_projection.", "encoder.pos_conv_embed."},
                                                         {"encoder.feature_projection.", "encoder.transformer."},
                                                         {"post_extract_proj.", "encoder.pos_conv."}};

/// What pretraining, and heads for text, leave in a file. Names that end with '.' mean all that begin with them.
inline constexpr std::string_view encoder_leftovers[] = {
    "masked_spec_embed", "mask_time_emb_vector", "mask_emb",    "label_embs_concat", "quantizer.", "project_hid.",
    "project_q.",        "final_proj.",          "target_glu.", "lm_head.",          "aux.",       "mask_generator.",
    "logit_generator.",  "w2v_encoder.proj."};

/// How one checkpoint calls the parts.
struct encoder_naming {
  weights::speech_encoder_family family = weights::speech_encoder_family::transformers;
  std::string_view prefix{};

  /// The part of the encoder, or of layer `layer`.
  std::string of(encoder_part part, index_t layer = -1) const {
    std::string name(prefix);
    if (layer >= 0) name.append(column(encoder_part::layers)).append(std::to_string(layer)).append(".");
    return name.append(column(part));
  }

  /// What all layers of convolutions begin with.
  std::string convs() const { return std::string(prefix).append("feature_extractor.conv_layers."); }
  /// A convolution.
  std::string conv(index_t i) const { return convs() + std::to_string(i) + (is_fairseq() ? ".0" : ".conv"); }
  /// The norm behind it. fairseq's name says whether all layers have one, or the first alone.
  std::string conv_norm(index_t i, bool every_layer) const {
    char const* const end = !is_fairseq() ? ".layer_norm" : every_layer ? ".2.1" : ".2";
    return convs() + std::to_string(i) + end;
  }
  /// torchaudio's WavLM: q, k and v as one tensor, a level further down.
  std::string stacked(index_t layer) const {
    return of(encoder_part::layers) + std::to_string(layer) + ".attention.attention.";
  }

  bool is_fairseq() const noexcept { return family == weights::speech_encoder_family::fairseq; }

 private:
  char const* column(encoder_part part) const noexcept {
    return encoder_part_names[static_cast<std::size_t>(part)][static_cast<std::size_t>(family)];
  }
};

/// Calls found(naming) for each way in which a name can be one of an encoder's.
template <class Found>
void for_each_naming(std::string_view full, Found const& found) {
  for (std::string_view const prefix : encoder_prefixes) {
    if (!full.starts_with(prefix)) continue;
    std::string_view const name = full.substr(prefix.size());
    for (std::size_t i = 0; i < 3; ++i) {
      if (!name.starts_with(encoder_marks[i][0]) && !name.starts_with(encoder_marks[i][1])) continue;
      found(encoder_naming{static_cast<weights::speech_encoder_family>(i), prefix});
    }
  }
}

/// How a checkpoint calls the parts.
/// @throws shape_error  if none of its names is an encoder's, or if there are two encoders
inline encoder_naming recognise_encoder(weights::state_dict const& checkpoint) {
  encoder_naming found;
  weights::tensor const* first = nullptr;
  auto const meet = [&found, &first, &checkpoint](weights::tensor const& each, encoder_naming const& naming) {
    if (first == nullptr) {
      first = &each;
      found = naming;
    }
    std::string const one = shown_name(first->name), other = shown_name(each.name);
    std::string const in = shown_place(checkpoint.source(), each.byte);
    if (found.family != naming.family) {
      fail("speech_encoder: %s is a name of %s, %s one of %s%s", one.c_str(),
           encoder_family_names[static_cast<std::size_t>(found.family)], other.c_str(),
           encoder_family_names[static_cast<std::size_t>(naming.family)], in.c_str());
    }
    if (found.prefix != naming.prefix) {
      fail("speech_encoder: %s and %s are of two encoders%s", one.c_str(), other.c_str(), in.c_str());
    }
  };
  for (weights::tensor const& each : checkpoint) {
    for_each_naming(each.name, [&meet, &each](encoder_naming const& naming) { meet(each, naming); });
  }
  if (first == nullptr) {
    std::string const in = checkpoint.source().empty() ? "" : " in " + shown_source(checkpoint.source());
    fail("speech_encoder: no tensor of a wav2vec 2.0, HuBERT or WavLM encoder%s", in.c_str());
  }
  return found;
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Whether any tensor is an encoder's, by its name: what speech_encoder_weights would take apart, or say what is wrong with.
inline bool holds_speech_encoder(state_dict const& checkpoint) {
  bool holds = false;
  for (tensor const& each : checkpoint) {
    detail::for_each_naming(each.name, [&holds](detail::encoder_naming const&) { holds = true; });
  }
  return holds;
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
