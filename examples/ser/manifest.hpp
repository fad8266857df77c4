// SPDX-License-Identifier: MIT
// A list of sounds with what is known about them: CSV with a header, or a JSON object a line.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ser {

/// A line: `path` and whatever else it has, label, speaker, session, text.
using manifest_entry = std::map<std::string, std::string>;

/// Whether a file is a manifest, by the end of its name: .csv or .jsonl.
bool is_manifest(std::string const& path);

/// All lines, their paths made relative to the manifest's folder.
/// @throws ser_error  naming file and line: no such file, no `path`, a line of other fields than the header has, no JSON
std::vector<manifest_entry> read_manifest(std::string const& path);

}  // namespace ser
