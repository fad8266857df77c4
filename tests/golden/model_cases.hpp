// SPDX-License-Identifier: MIT
// The cases of models.txt, see README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <tshift/nn/residual.hpp>

#include "../support/seeded.hpp"
#include "case_file.hpp"

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

inline bool read_line(golden_case& c, std::string const& key, std::istringstream& words) {
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
    read_list(words, c.lengths);
  } else if (key == "y") {
    read_list(words, c.logits);
  } else {
    return key == "case";
  }
  return true;
}

inline std::vector<golden_case> read_cases() {
  return read_case_file<golden_case>("models.txt",
                                     [](auto& c, auto const& key, auto& words) { return read_line(c, key, words); });
}

}  // namespace test_support
