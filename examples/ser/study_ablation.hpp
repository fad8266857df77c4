// SPDX-License-Identifier: MIT
// What an ablation says: settings by tasks, and which part shows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "study_runs.hpp"

namespace ser {

/// Two settings over the same folds: with less without, of each speaker that is left out, or part of the prompts, the
/// mean over its folds and seeds. Folds of one speaker's voices have the same trainings.
struct study_difference {
  index_t parts = 0;               // such speakers or parts
  double mean = 0, deviation = 0;  // over them, in points
  double chance = 1;               // of one so large by Student's t, both ways, if there were none

  /// Fewer parts are not asked: the differences of two are alike often enough.
  static constexpr index_t fewest = 3;
  /// Whether it is larger than one of a hundred such would be by chance.
  bool shows() const noexcept { return parts >= fewest && chance < 0.01; }
};

/// @param of  the number that is compared
study_difference difference_of(study_row const& with, study_row const& without, double (study_run::*of)() const);

/// The chance that Student's t of so many degrees of freedom is as far from 0 as this.
double chance_of(double t, index_t degrees);

/// Tables in Markdown by the names that they have in a page: results and contributions. Without runs they are empty.
std::map<std::string, std::string> ablation_tables(study_form const& form, std::vector<study_row> const& rows);

/// What was asked and came out, for people: a line for each comparison and task; nothing where a setting was not run.
std::string ablation_lines(study_form const& form, std::vector<study_row> const& rows);

/// Every run of both tasks as a stroke, and means.
std::string ablation_svg(study_form const& form, std::vector<study_row> const& rows);

}  // namespace ser
