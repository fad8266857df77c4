// SPDX-License-Identifier: MIT
// What the study says: lines for people, tables for its page, pictures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "study_runs.hpp"

namespace ser {

/// The head of the lines, and one of them: task, setting, what was predicted, accuracy, runs.
std::string study_head();
std::string study_line(study_row const& row);

/// Every run on a line of its own.
std::string study_csv(std::vector<study_row> const& rows);

/// Tables in Markdown by the names that they have in a page: direction, voices, events, chance, offsets; those that the
/// rows have something for. Without runs they are empty.
std::map<std::string, std::string> study_tables(std::vector<study_row> const& rows);

/// A page with its tables replaced: each stands between the lines <!-- begin NAME --> and <!-- end NAME -->. An empty
/// page becomes one of all tables.
/// @throws ser_error  it has a name that is not known, or a part without an end
std::string study_page(std::string const& page, std::map<std::string, std::string> const& tables);

/// Every run of the direction of time as a stroke, and means.
std::string direction_svg(std::vector<study_row> const& rows);
/// Settings by distances of events: accuracy, and what was predicted.
std::string events_svg(std::vector<study_row> const& rows);

}  // namespace ser
