// SPDX-License-Identifier: MIT
// `ser encode`: the hidden states of a pre-trained encoder.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "encoder.hpp"
#include "sounds.hpp"

namespace ser {

class encode_command {
 public:
  /// Adds itself to the program.
  explicit encode_command(CLI::App& program);
  encode_command(encode_command const&) = delete;
  encode_command& operator=(encode_command const&) = delete;
  ~encode_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  template <class T>
  void run_as() const;
  void compare() const;

  CLI::App& command_;
  sound_options from_;
  encoder_options how_;
  std::string states_ = "all", output_, dump_;
};

}  // namespace ser
