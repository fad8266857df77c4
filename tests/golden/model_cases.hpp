// SPDX-License-Identifier: MIT
// The cases of models.txt, see README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <tshift/nn/residual.hpp>

#include "../support/seeded.hpp"

#ifndef TSHIFT_GOLDEN_DIR
#error "TSHIFT_GOLDEN_DIR must be defined: the directory with the golden files"
#endif

namespace test_support {

inline constexpr std::size_t golden_cases = 843;

struct golden_case {
  std::string title;
  model_sizes model;
  tshift::model_shift shift;
  index_t batch = 0, time = 0;
  std::uint64_t seed = 0, bits = 0;
  std::vector<index_t> lengths;
  std::vector<double> logits;
};

/// The word after `key`, or a sentence about what stands there instead.
template <class Value>
Value value_of(std::map<std::string, Value> const& words, std::string const& word) {
  auto const found = words.find(word);
  if (found == words.end()) throw std::runtime_error("models.txt: unknown word " + word);
  return found->second;
}

inline std::vector<golden_case> read_cases() {
  std::ifstream file(std::string(TSHIFT_GOLDEN_DIR) + "/models.txt");
  if (!file) throw std::runtime_error("models.txt cannot be read");
  static std::map<std::string, tshift::direction> const directions = {
      {"delay", tshift::direction::delay}, {"advance", tshift::direction::advance}, {"both", tshift::direction::both}};
  static std::map<std::string, tshift::placement> const placements = {{"none", tshift::placement::none},
                                                                      {"branch", tshift::placement::branch},
                                                                      {"skip", tshift::placement::skip},
                                                                      {"both", tshift::placement::both}};
  static std::map<std::string, tshift::padding> const paddings = {{"zero", tshift::padding::zero},
                                                                  {"keep", tshift::padding::keep},
                                                                  {"edge", tshift::padding::edge},
                                                                  {"circular", tshift::padding::circular}};
  std::vector<golden_case> cases;
  std::string line;
  std::size_t announced = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "cases") {
      words >> announced;
    } else if (key == "case") {
      cases.emplace_back();
      cases.back().title = line;
    } else if (key == "end") {
      if (cases.size() != announced) throw std::runtime_error("models.txt: not as many cases as it says");
      return cases;
    } else {
      golden_case& c = cases.at(cases.size() - 1);
      if (key == "model") {
        words >> c.model.kind >> c.model.position >> c.model.width >> c.model.length >> c.model.classes;
      } else if (key == "shift") {
        std::string towards, where, edge;
        words >> c.shift.n_div >> towards >> c.shift.stride >> where >> edge;
        c.shift.towards = value_of(directions, towards);
        c.shift.where = value_of(placements, where);
        c.shift.edge = value_of(paddings, edge);
      } else if (key == "input") {
        words >> c.batch >> c.time >> c.seed >> c.bits;
      } else if (key == "lengths") {
        for (index_t length = 0; words >> length;) c.lengths.push_back(length);
        words.clear();
      } else if (key == "y") {
        for (double value = 0; words >> value;) c.logits.push_back(value);
        words.clear();
      } else {
        throw std::runtime_error("models.txt: unknown line " + line);
      }
      if (!words) throw std::runtime_error("models.txt: cannot read " + line);
      if (key != "y" && key != "lengths") c.title += ", " + line;
    }
  }
  throw std::runtime_error("models.txt: no line `end`");
}

}  // namespace test_support
