// SPDX-License-Identifier: MIT
// The committed inputs, and a target run over them without a fuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

struct corpus_input {
  std::string place;  // file and line
  std::vector<std::uint8_t> bytes;
};

/// Every line of the folder's files: hexadecimal digits, then a comment after '#'.
inline std::vector<corpus_input> corpus(std::filesystem::path const& folder) {
  std::vector<corpus_input> inputs;
  for (std::filesystem::directory_entry const& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    if (!file) throw std::runtime_error(entry.path().string() + " cannot be read");
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      std::string const place = entry.path().filename().string() + ":" + std::to_string(number);
      std::string const digits = line.substr(0, line.find_first_of(" #"));
      if (digits.empty()) continue;
      if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
        throw std::runtime_error(place + " is not pairs of hexadecimal digits");
      }
      std::vector<std::uint8_t> bytes;
      for (std::size_t i = 0; i < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
      }
      inputs.push_back({place, std::move(bytes)});
    }
  }
  return inputs;
}

/// What the target says of an input; "" if every promise is kept.
template <class Target>
std::string finding(Target target, std::vector<std::uint8_t> const& bytes) {
  try {
    target(bytes);
  } catch (std::exception const& error) {
    return error.what();
  }
  return "";
}

/// A program for a target that the unit tests cannot hold.
/// @param least  how many inputs there are at least, so that none is lost unnoticed
template <class Target>
int run_corpus(Target target, int count, char const* const* arguments, std::size_t least) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", arguments[0]);
    return 2;
  }
  std::size_t inputs = 0, findings = 0;
  for (corpus_input const& input : corpus(arguments[1])) {
    ++inputs;
    std::string const found = finding(target, input.bytes);
    if (found.empty()) continue;
    ++findings;
    std::fprintf(stderr, "%s: %s\n", input.place.c_str(), found.c_str());
  }
  std::printf("%zu inputs, %zu findings\n", inputs, findings);
  if (inputs < least) std::fprintf(stderr, "there must be %zu inputs or more\n", least);
  return inputs >= least && findings == 0 ? 0 : 1;
}

}  // namespace fuzz
