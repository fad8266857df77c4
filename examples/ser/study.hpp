// SPDX-License-Identifier: MIT
// `ser study`: what a shift brings, and what the parts of two other systems, shown from nothing but Debian's packages.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <vector>

#include "study_runs.hpp"

namespace ser {

class study_command {
 public:
  /// Adds itself to the program.
  explicit study_command(CLI::App& program);
  study_command(study_command const&) = delete;
  study_command& operator=(study_command const&) = delete;
  ~study_command() = default;

  CLI::App const& app() const { return command_; }
  /// @throws ser_error, usage_error, file_error, shape_error
  void run() const;

 private:
  /// The study that is asked for. @throws usage_error  two are, or an option is another's
  study_form form() const;
  /// Whether --only and --quick leave a setting of a task.
  bool is_wanted(std::string const& task, study_setting const& setting) const;
  study_task events_task(index_t distance) const;
  /// Of recordings: direction, or voices.
  study_task spoken_task(std::string const& name, study_form const& form, spoken_sounds const& sounds) const;
  /// Lines of a table: what was run, on what, how long.
  std::string facts(std::vector<study_row> const& rows, std::string const& sounds, double seconds) const;
  /// The study's page with its tables, those of the folder or new. @throws ser_error
  std::string page_of(study_form const& form, std::vector<study_row> const& rows, std::string const& about) const;
  void write(study_form const& form, std::vector<study_row> const& rows, std::string const& about) const;

  CLI::App& command_;
  std::vector<std::string> only_;
  std::string sounds_ = "/usr/share/asterisk/sounds", folder_;
  index_t folds_ = 0, seeds_ = 0, epochs_ = 0;  // 0: not asked for
  index_t pairs_ = 800, threads_ = 1;
  bool quick_ = false, crnn_ = false, vit_ = false;
};

}  // namespace ser
