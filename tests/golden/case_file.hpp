// SPDX-License-Identifier: MIT
// The form that the golden files of models share, see README.md: `cases N`, then for every case the line `case` and lines
// of a word and what it names, then `end`.
#pragma once

#include <cstddef>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#ifndef TSHIFT_GOLDEN_DIR
#error "TSHIFT_GOLDEN_DIR must be defined: the directory with the golden files"
#endif

namespace test_support {

/// What is left of a line.
template <class T>
void read_list(std::istringstream& words, std::vector<T>& to) {
  to.clear();
  for (T each{}; words >> each;) to.push_back(each);
  words.clear();
}

/// The cases of a file. read_line(case, word, words) takes what stands behind the first word of a line, and returns
/// whether it knows the word; `case` comes to it too, and so does `transfer`, which begins another sort of case. A case
/// with a title gets the lines that describe it. Throws a sentence that names the file, and the line that it does not
/// understand; a file that is cut off is one as well.
template <class Case, class ReadLine>
std::vector<Case> read_case_file(std::string const& name, ReadLine const& read_line) {
  std::ifstream file(std::string(TSHIFT_GOLDEN_DIR) + "/" + name);
  if (!file) throw std::runtime_error(name + " cannot be read");
  std::vector<Case> cases;
  std::size_t announced = 0;
  for (std::string line, key; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    words >> key;
    if (key == "cases") {
      for (std::size_t some = 0; words >> some;) announced += some;
      continue;
    }
    if (key == "end") {
      if (cases.size() != announced) throw std::runtime_error(name + ": not as many cases as it says");
      return cases;
    }
    bool const begins = key == "case" || key == "transfer";
    if (begins) cases.emplace_back();
    if (cases.empty()) throw std::runtime_error(name + ": a line before the first case: " + line);
    Case& c = cases.back();
    if (!read_line(c, key, words)) throw std::runtime_error(name + ": unknown line " + line);
    if (!words) throw std::runtime_error(name + ": cannot read " + line);
    if constexpr (requires { c.title; }) {
      bool const describes = key != "y" && key != "loss" && key != "grad";
      if (describes) c.title += begins ? line : ", " + line;
    }
  }
  throw std::runtime_error(name + ": no line `end`");
}

}  // namespace test_support
