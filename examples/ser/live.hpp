// SPDX-License-Identifier: MIT
// `ser live`: the emotion of a sound while it is still going on.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>

#include "encoder.hpp"
#include "listen.hpp"
#include "live_input.hpp"
#include "model_options.hpp"
#include "sounds.hpp"

namespace ser {

class live_command {
 public:
  /// Adds itself to the program.
  explicit live_command(CLI::App& program);
  live_command(live_command const&) = delete;
  live_command& operator=(live_command const&) = delete;
  ~live_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  std::unique_ptr<live_input> input_at(int rate) const;
  void hear_windows() const;
  void hear_frames(tshift::io::safetensors const& file) const;

  CLI::App& command_;
  std::string simulate_, labels_;
  double every_ = 1, unknown_ = 0, pace_ = 1;
  bool json_ = false;
  std::optional<sample_format> format_;
  int rate_ = 0, channels_ = 1;  // rate 0: the model's
  encoder_options how_;
  timeline_option windows_;
  sound_options sounds_;
  model_options words_;
};

}  // namespace ser
