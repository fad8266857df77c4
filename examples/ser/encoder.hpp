// SPDX-License-Identifier: MIT
// A pre-trained encoder as commands use it: its files, what is done to the samples before it, and to padding.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <optional>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <tshift/io/speech_encoder_config.hpp>
#include <tshift/models/speech_encoder.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <vector>

#include "sounds.hpp"

namespace ser {

enum class normalisation { unset, none, utterance, batch };
enum class masking { automatic, on, off };

/// What the command line says about an encoder.
struct encoder_options {
  std::string weights, config;
  tshift::stored stored = tshift::stored::full;
  normalisation normalise = normalisation::unset;
  std::optional<double> eps;
  masking mask = masking::automatic;
  std::optional<tshift::frame_rule> frames;
  bool as_released = false;

  void add_to(CLI::App& app);
  /// The files that are read: weights, config.json, preprocessor_config.json.
  std::vector<std::string> files() const;
  /// Whether padding is computed over.
  bool padded() const noexcept {
    return as_released || mask != masking::automatic || frames == tshift::frame_rule::reshape;
  }
};

/// The files of an encoder, read.
struct encoder_files {
  tshift::weights::speech_encoder_checkpoint checkpoint;
  tshift::io::speech_encoder_config config;
  std::map<std::string, std::string> metadata;  ///< of the weights
  std::vector<std::string> labels;              ///< of that, `labels`, between commas; may be none
  bool normalise = false;                       ///< preprocessor_config.json: do_normalize; false where there is none
  std::optional<bool> mask;                     ///< preprocessor_config.json: return_attention_mask
  std::string says_so;                          ///< that file, empty where there is none

  explicit encoder_files(encoder_options const& from);

 private:
  encoder_files(encoder_options const& from, tshift::io::safetensors const& file);
};

/// What is done to the samples of a sound, and why.
struct sample_norm {
  normalisation kind = normalisation::none;
  double eps = 0;
  std::string why;

  /// @throws usage_error  --normalize-eps where nothing is normalised
  sample_norm(encoder_options const& how, encoder_files const& files);
  /// The same for the user.
  std::string text() const;
};

/// The text between commas.
std::vector<std::string> split_labels(std::string const& text);

/// Samples as the encoder wants them. @return what was done, for the user
/// @param padding  whether a sound's padding belongs to it: of a batch that is computed as released and not masked
template <class T>
std::string normalise(waves<T>& sounds, encoder_options const& how, encoder_files const& files, bool padding);

/// The encoder, with or without a mask, and whether it is to see the lengths.
template <class T>
struct prepared_encoder {
  tshift::models::speech_encoder<T> encoder;
  bool lengths = true;
  tshift::frame_rule rule = tshift::frame_rule::conv;

  prepared_encoder(encoder_options const& how, encoder_files const& files);
  /// Frames of a sound of so many samples, in a batch of rows of `padded`.
  index_t frames(index_t samples, index_t padded) const { return encoder.frames(samples, padded, rule); }
};

}  // namespace ser
