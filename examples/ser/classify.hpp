// SPDX-License-Identifier: MIT
// `ser classify`: from a sound, or from features of one, to an emotion.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "emotions.hpp"
#include "encoder.hpp"
#include "listen.hpp"
#include "model_options.hpp"
#include "sounds.hpp"
#include "timeline.hpp"

namespace ser {

class classify_command {
 public:
  /// Adds itself to the program.
  explicit classify_command(CLI::App& program);
  classify_command(classify_command const&) = delete;
  classify_command& operator=(classify_command const&) = delete;
  ~classify_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  void classify_features() const;
  void classify_sounds() const;
  void classify_batch(emotion_model& model, encoder_files const& files, sound_options const& from) const;
  void classify_each(emotion_model& model, encoder_files const& files, sound_options const& from, bool alone) const;

  CLI::App& command_;
  std::string input_, tensor_, output_, labels_, picture_;
  timeline_option windows_;
  double unknown_ = 0;
  bool lengths_ = false, time_ = false;
  sound_options sounds_;
  encoder_options how_;
  model_options words_;
};

}  // namespace ser
