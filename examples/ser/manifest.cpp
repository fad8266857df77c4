// SPDX-License-Identifier: MIT
#include "manifest.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "error.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string const& path, std::size_t line, std::string const& why) {
  throw ser_error(one_line(path) + ", line " + std::to_string(line) + ": " + why);
}

/// Records of CSV (RFC 4180): quoted fields may hold commas, line ends, and quotes twice.
class csv_reader {
 public:
  csv_reader(std::string const& path, std::istream& file) : path_(path), file_(file) {
    std::string begin(3, '\0');
    file_.read(begin.data(), 3);
    if (begin == "\xef\xbb\xbf") return;  // a byte order mark
    file_.clear();
    file_.seekg(0);
  }

  /// False at the end.
  bool next(std::vector<std::string>& fields) {
    fields.clear();
    if (file_.peek() == std::char_traits<char>::eof()) return false;
    ++line_;
    started_ = line_;
    fields.emplace_back();
    bool quoted = false, was_quoted = false;
    for (int c = file_.get(); c != std::char_traits<char>::eof(); c = file_.get()) {
      std::string& field = fields.back();
      if (quoted) {
        if (c == '\n') ++line_;
        if (c != '"') {
          field += static_cast<char>(c);
        } else if (file_.peek() == '"') {
          field += static_cast<char>(file_.get());
        } else {
          quoted = false;
        }
      } else if (c == '"' && field.empty() && !was_quoted) {
        quoted = was_quoted = true;
      } else if (c == ',') {
        fields.emplace_back();
        was_quoted = false;
      } else if (c == '\n') {
        return true;
      } else if (c != '\r' || file_.peek() != '\n') {
        if (was_quoted) refuse(path_, line_, "text behind a closing quote");
        field += static_cast<char>(c);
      }
    }
    if (quoted) refuse(path_, started_, "a quote is not closed");
    return true;
  }
  /// Where the last record began.
  std::size_t line() const noexcept { return started_; }

 private:
  std::string const& path_;
  std::istream& file_;
  std::size_t line_ = 0, started_ = 0;
};

std::vector<manifest_entry> read_csv(std::string const& path, std::istream& file) {
  csv_reader reader(path, file);
  std::vector<std::string> names, fields;
  if (!reader.next(names)) refuse(path, 1, "there is no header");
  if (std::ranges::count(names, "path") != 1) refuse(path, 1, "the header must have one column path");
  std::vector<manifest_entry> entries;
  while (reader.next(fields)) {
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != names.size()) {
      refuse(path, reader.line(),
             std::to_string(fields.size()) + " fields, the header has " + std::to_string(names.size()));
    }
    manifest_entry entry;
    for (std::size_t i = 0; i < fields.size(); ++i) entry[names[i]] = std::move(fields[i]);
    if (entry["path"].empty()) refuse(path, reader.line(), "no path");
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<manifest_entry> read_json_lines(std::string const& path, std::istream& file) {
  std::vector<manifest_entry> entries;
  std::string text;
  for (std::size_t line = 1; std::getline(file, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto const json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) refuse(path, line, "no JSON object");
    manifest_entry entry;
    for (auto const& [name, value] : json.items()) {
      if (value.is_string()) entry[name] = value.get<std::string>();
      if (value.is_number()) entry[name] = value.dump();  // a session; what is nested says nothing about a sound
    }
    if (!json.contains("path") || !json["path"].is_string() || entry["path"].empty()) refuse(path, line, "no path");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

bool is_manifest(std::string const& path) { return path.ends_with(".csv") || path.ends_with(".jsonl"); }

std::vector<manifest_entry> read_manifest(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ser_error(one_line(path) + ": " + std::strerror(errno));
  auto entries = path.ends_with(".csv") ? read_csv(path, file) : read_json_lines(path, file);
  if (entries.empty()) throw ser_error(one_line(path) + " names no sounds");
  for (manifest_entry& entry : entries) entry["path"] = (fs::path(path).parent_path() / entry["path"]).string();
  return entries;
}

}  // namespace ser
