// SPDX-License-Identifier: MIT
// `ser train`: a model from labelled sounds or features, group by group.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "folds.hpp"
#include "model_options.hpp"
#include "new_model_options.hpp"
#include "recipe.hpp"
#include "teacher.hpp"
#include "trainer.hpp"
#include "upstream.hpp"

namespace ser {

class train_command {
 public:
  /// Adds itself to the program.
  explicit train_command(CLI::App& program);
  train_command(train_command const&) = delete;
  train_command& operator=(train_command const&) = delete;
  ~train_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  void train() const;
  /// All that decides the result, as JSON.
  std::string config(dataset const& data, upstream const* encoder, std::vector<fold> const& folds) const;
  /// What best.safetensors says of itself.
  std::map<std::string, std::string> about(model_choice const& choice) const;
  std::unique_ptr<trainee<float>> make_model(dataset const& data, upstream const* encoder,
                                             std::string const& fold) const;
  data_options data_from() const;
  /// What becomes of sounds, as options.
  std::string features() const;
  /// Runs an epoch's report.
  void report(epoch_result const& e, double seconds_left) const;

  CLI::App& command_;
  std::string replay_, run_, options_;
  model_options words_;
  new_model_options model_;
  data_options data_;
  front_end_options front_end_;
  feature_form form_;
  transfer_words transfer_;
  training_options how_;
  augmentation changes_;
  index_t folds_ = 0, threads_ = 1, fine_tune_ = 0;
  double encoder_rate_ = 0.1, encoder_dropout_ = 0.1;
  bool resume_ = false, no_dev_ = false, quiet_ = false, as_released_ = false;
};

}  // namespace ser
