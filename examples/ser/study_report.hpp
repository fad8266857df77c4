// SPDX-License-Identifier: MIT
// What the study says: lines for people, tables for its page, pictures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "study_runs.hpp"

namespace ser {

/// What is predicted of a row, for people: "50 exactly" where the proof says so.
std::string prediction_words(study_row const& row);
/// "96.8 ± 1.2", or "96.8" of a single run. @param sign  between both
std::string mean_words(std::vector<double> const& values, char const* sign);

/// The head of the lines, and one of them: task, setting, what was predicted, accuracy, runs.
std::string study_head();
std::string study_line(study_row const& row);

/// Every run on a line of its own.
std::string study_csv(std::vector<study_row> const& rows);

/// Tables in Markdown by the names that they have in a page: direction, voices, events, chance, offsets; those that the
/// rows have something for. Without runs they are empty.
std::map<std::string, std::string> study_tables(std::vector<study_row> const& rows);

/// Of what is predicted to be at chance, how equal the answers to a pair are.
std::string chance_table(std::vector<study_row> const& rows);

/// A page with its tables replaced: each stands between the lines <!-- begin NAME --> and <!-- end NAME -->. An empty
/// page becomes one of all tables.
/// @throws ser_error  it has a name that is not known, or a part without an end
std::string study_page(std::string const& page, std::map<std::string, std::string> const& tables);

/// A task in a picture: of each setting all runs' accuracies, none where it was not run.
struct strokes_panel {
  std::string task;
  double low = 0;  // where its axis begins; it ends at 100
  std::string below;
  std::vector<std::vector<double>> values;
};

/// Settings below each other, tasks side by side.
struct strokes_picture {
  std::string title, below;
  double left = 250;  // where the first axis begins
  std::vector<std::string> words;
  std::vector<strokes_panel> panels;
};

/// Every run as a stroke, and means.
std::string strokes_svg(strokes_picture const& of);

/// Every run of the direction of time as a stroke, and means.
std::string direction_svg(std::vector<study_row> const& rows);
/// Settings by distances of events: accuracy, and what was predicted.
std::string events_svg(std::vector<study_row> const& rows);

}  // namespace ser
