// SPDX-License-Identifier: MIT
// config.json of a wav2vec 2.0, HuBERT or WavLM checkpoint: what its tensors do not say.
//
//   auto const file = io::safetensors::open("model.safetensors");
//   auto const checkpoint = weights::speech_encoder_weights(file.state_dict());
//   auto const config = io::speech_encoder_config::open("config.json");
//   models::speech_encoder<float> const encoder(checkpoint, config.options_for(checkpoint.sizes));
//
// Needs POSIX and nlohmann/json; for units with the program's common flags, as io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/io/files.hpp>
#include <tshift/io/json_object.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/speech_encoder_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

/// What transformers' Wav2Vec2Config, HubertConfig and WavLMConfig say, as far as inference needs it. A key that is not
/// there has transformers' default; one that is there must agree with the tensors.
class speech_encoder_config {
 public:
  /// Reads a file. @throws file_error  it cannot be read, is no JSON object, or asks for what this library does not have
  static speech_encoder_config open(std::filesystem::path const& path) {
    detail::mapped_file const file(path.string());
    return parse(file.bytes(), path.string());
  }

  /// The same of memory. @param name  what messages call it
  static speech_encoder_config parse(std::span<std::byte const> memory, std::string name = "memory") {
    return speech_encoder_config(detail::json_object::parse(memory, std::move(name)));
  }

  /// "wav2vec2", "hubert" or "wavlm"; empty where it is not said.
  std::string const& model_type() const noexcept { return model_type_; }
  /// The class it was saved from, "HubertForSequenceClassification" for example; empty where it is not said.
  std::string const& architecture() const noexcept { return architecture_; }
  /// Whether a head takes a weighted sum of all hidden states; empty where it is not said.
  std::optional<bool> const& weighted_sum() const noexcept { return weighted_sum_; }
  /// id2label in the order of its numbers; empty where it is not said.
  std::vector<std::string> const& labels() const noexcept { return labels_; }
  /// The file's name.
  std::string const& source() const noexcept { return json_.source(); }

  /// Options for an encoder of these tensors. @throws file_error  a key says something else than the tensors
  speech_encoder_options options_for(weights::speech_encoder_sizes const& sizes) const {
    agree("hidden_size", sizes.width);
    agree("num_hidden_layers", sizes.layers);
    agree("intermediate_size", sizes.hidden);
    agree("num_conv_pos_embeddings", sizes.positional_taps);
    agree("num_conv_pos_embedding_groups", sizes.positional_groups);
    if (sizes.buckets > 0) agree("num_buckets", sizes.buckets);
    agree("conv_dim", sizes.channels);
    agree("conv_kernel", sizes.kernels);
    agree("conv_bias", sizes.conv_bias);
    agree("feat_proj_layer_norm", sizes.projection_norm);
    auto const norm = json_.text("feat_extract_norm");
    if (norm && *norm != (sizes.norm_every_conv ? "layer" : "group")) {
      json_.refuse("feat_extract_norm", "the tensors are those of the other norm");
    }
    if (model_type_ == "wavlm" && sizes.buckets == 0)
      json_.refuse("model_type", "the tensors have no table of positions");
    if (model_type_ != "wavlm" && !model_type_.empty() && sizes.buckets > 0) {
      json_.refuse("model_type", "the tensors are those of a WavLM");
    }
    return options_;
  }

 private:
  explicit speech_encoder_config(detail::json_object json) : json_(std::move(json)) {
    constexpr index_t most = index_t{1} << 28;
    model_type_ = json_.text("model_type").value_or("");
    if (!model_type_.empty() && model_type_ != "wav2vec2" && model_type_ != "hubert" && model_type_ != "wavlm") {
      json_.refuse("model_type", "must be wav2vec2, hubert or wavlm");
    }
    only("hidden_act", "gelu");
    only("feat_extract_activation", "gelu");
    for (char const* const key : {"add_adapter", "conv_pos_batch_norm"}) {
      if (json_.flag(key).value_or(false)) json_.refuse(key, "is not supported, must be false");
    }
    options_.heads = json_.whole("num_attention_heads", 1, most).value_or(options_.heads);
    options_.norm_first = json_.flag("do_stable_layer_norm").value_or(options_.norm_first);
    options_.eps = json_.number("layer_norm_eps").value_or(options_.eps);
    options_.max_distance = json_.whole("max_bucket_distance", 1, index_t{1} << 20).value_or(options_.max_distance);
    options_.strides = json_.wholes("conv_stride", 1, index_t{1} << 20).value_or(options_.strides);
    weighted_sum_ = json_.flag("use_weighted_layer_sum");
    architecture_ = json_.first_text("architectures").value_or("");
    labels_ = json_.numbered_texts("id2label");
  }

  void only(char const* key, std::string_view value) const {
    auto const found = json_.text(key);
    if (found && *found != value) json_.refuse(key, "is not supported, must be " + std::string(value));
  }

  template <class Value>
  void agree(char const* key, Value const& tensors) const {
    if (!json_.agrees(key, tensors)) json_.refuse(key, "the tensors say " + detail::json_object::shown(tensors));
  }

  detail::json_object json_;
  speech_encoder_options options_;
  std::string model_type_, architecture_;
  std::optional<bool> weighted_sum_;
  std::vector<std::string> labels_;
};

}}}}  // namespace tshift::io

#include <tshift/macros/back.hpp>
