// SPDX-License-Identifier: MIT
// Options from a file: NAME = VALUE a line, or NAME alone; # begins a comment.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace ser {

/// The arguments of a program, and behind the command's name those of the file that --options names, but for options that
/// are given anyway.
/// @throws ser_error  the file cannot be read, or has a line that is none
std::vector<std::string> with_options_file(std::vector<std::string> arguments);

/// The options that a command was given, as such a file. @param except  their names, with dashes
std::string options_text(CLI::App const& command, std::vector<std::string> const& except);

}  // namespace ser
