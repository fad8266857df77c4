// SPDX-License-Identifier: MIT
// A whole model for sounds: an encoder, whatever head stands behind it, and what its classes are called.
#pragma once

#include <map>
#include <span>
#include <string>
#include <tshift/models/sequence_head.hpp>
#include <tshift/models/speech_encoder.hpp>
#include <variant>
#include <vector>

#include "encoder.hpp"
#include "model_options.hpp"
#include "network.hpp"

namespace ser {

/// exp(y) over their sum.
std::vector<double> softmax(std::span<float const> y);

/// The likeliest label, or "unknown" where it is less likely than that, or no number.
std::string verdict_of(std::vector<std::string> const& labels, std::span<double const> probabilities,
                       double unknown_below);
/// "name: verdict (label 0.123, ...)"; without a verdict "name: label 0.123, ..."
std::string verdict_line(std::string const& name, std::vector<std::string> const& labels, std::string const& verdict,
                         std::span<double const> values);
/// What classes are called: as asked for, or as a file says, or by their numbers.
/// @throws usage_error  other classes are asked for than there are
std::vector<std::string> labels_for(std::vector<std::string> const& asked,
                                    std::map<std::string, std::string> const& metadata, index_t classes);

class emotion_model {
 public:
  /// @param words   the shift options, for ShiftSER's models behind the encoder
  /// @param labels  comma-separated; empty: those of the file's metadata, or of config.json, or numbers
  /// @throws usage_error, ser_error, file_error, shape_error
  emotion_model(encoder_options const& how, encoder_files const& files, model_options const& words,
                std::string const& labels);

  std::vector<std::string> const& labels() const noexcept { return labels_; }
  /// Whether y are values of their own, and no logits.
  bool regression() const noexcept;
  index_t classes() const;
  /// Channels of `feature`, the mean over time of what the head reads.
  index_t channels() const noexcept { return encoder_.channels(); }
  index_t shortest() const noexcept { return encoder_.shortest(); }
  /// Whether the head's positions serve a sound of so many samples.
  bool fits(index_t samples) const;
  /// Whether a sound's padding is computed over as if it were its own.
  bool whole_rows() const noexcept { return padded_ && !prepared_.lengths; }
  /// What was recognised, on one line.
  std::string const& description() const noexcept { return description_; }

  struct result {
    std::vector<float> y, feature;
  };
  /// Of one sound. @param x  [1, samples, 1], with its length where it is part of a padded batch
  result run(tshift::tensor_view<float const> x);
  /// Of what the encoder made of a sound. @param states  [1, frames, D]
  result answer(tshift::tensor_view<float const> const& states);
  tshift::models::speech_encoder<float> const& encoder() const noexcept { return encoder_; }

  /// Softmax of logits; of a regression its values.
  std::vector<double> values_of(std::span<float const> y) const;
  /// As verdict_of.
  std::string verdict(std::span<double const> probabilities, double unknown_below) const {
    return verdict_of(labels_, probabilities, unknown_below);
  }

 private:
  bool padded_;
  prepared_encoder<float> prepared_;
  tshift::models::speech_encoder<float> encoder_;
  std::variant<tshift::models::sequence_head<float>, network> head_;
  std::vector<std::string> labels_;
  std::string description_;
  std::vector<float> states_, workspace_;  // kept from sound to sound
};

}  // namespace ser
