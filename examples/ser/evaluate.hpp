// SPDX-License-Identifier: MIT
// `ser evaluate`: how good a trained model is on labelled sounds or features.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <tshift/io/safetensors.hpp>
#include <vector>

#include "dataset.hpp"
#include "feature_form.hpp"
#include "model_options.hpp"
#include "network.hpp"
#include "options.hpp"

namespace ser {

class evaluate_command {
 public:
  /// Adds itself to the program.
  explicit evaluate_command(CLI::App& program);
  evaluate_command(evaluate_command const&) = delete;
  evaluate_command& operator=(evaluate_command const&) = delete;
  ~evaluate_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  struct scored {
    dataset data;
    std::vector<float> logits;  // of all samples
  };
  scored score_features(tshift::io::safetensors const& file) const;
  /// Sounds or tensors as the model reads them, with its labels.
  dataset read(tshift::io::safetensors const& file, width_rule const& widths, index_t classes) const;
  /// By a CRNN or a ViT.
  scored score_images(tshift::io::safetensors const& file) const;
  /// By a model with an encoder, sound by sound.
  scored score_sounds() const;

  CLI::App& command_;
  data_options data_;
  front_end_options front_end_;
  feature_form form_;
  model_options words_;
  std::string predictions_, picture_;
};

}  // namespace ser
