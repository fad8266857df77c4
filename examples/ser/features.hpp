// SPDX-License-Identifier: MIT
// ser features: sounds in, log-mel features out.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "feature_form.hpp"
#include "options.hpp"
#include "sounds.hpp"

namespace ser {

class features_command {
 public:
  explicit features_command(CLI::App& program);

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  /// The command, once it has the options that are not the front end's.
  CLI::App& with_files();
  template <class T>
  void run_as() const;

  CLI::App& command_;
  sound_options from_;
  std::string output_, picture_;
  bool colours_ = true;
  front_end_options front_end_;
  feature_form form_;
};

}  // namespace ser
