// SPDX-License-Identifier: MIT
// `ser gradients`: loss and gradients of a batch, to compare with another program's.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "model_options.hpp"
#include "teacher.hpp"

namespace ser {

class gradients_command {
 public:
  /// Adds itself to the program.
  explicit gradients_command(CLI::App& program);
  gradients_command(gradients_command const&) = delete;
  gradients_command& operator=(gradients_command const&) = delete;
  ~gradients_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  template <class T>
  void run_as() const;

  CLI::App& command_;
  model_options words_;
  transfer_words transfer_;
  std::string labels_ = "labels";
  std::vector<double> weights_;
  double smoothing_ = 0;
};

}  // namespace ser
