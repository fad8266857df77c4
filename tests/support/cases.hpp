// SPDX-License-Identifier: MIT
// What the loops over many cases share: names, sentences, counting.
#pragma once

#include <span>
#include <string>

#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace test_support {

using tshift::index_t;

inline constexpr tshift::layout layouts[] = {tshift::layout::ntcs, tshift::layout::ntsc, tshift::layout::ncts,
                                             tshift::layout::tncs};
inline constexpr tshift::padding paddings[] = {tshift::padding::zero, tshift::padding::keep, tshift::padding::edge,
                                               tshift::padding::circular};

inline std::string name(tshift::layout order) {
  constexpr char const* names[] = {"ntcs", "ntsc", "ncts", "tncs"};
  return names[static_cast<int>(order)];
}

inline std::string name(tshift::padding edge) {
  constexpr char const* names[] = {"zero", "keep", "edge", "circular"};
  return names[static_cast<int>(edge)];
}

inline std::string describe(tshift::shape const& dims, tshift::shift_plan const& plan,
                            std::span<index_t const> lengths = {}) {
  std::string text = "N=" + std::to_string(dims.batch) + " T=" + std::to_string(dims.time) +
                     " C=" + std::to_string(dims.channels) + " S=" + std::to_string(dims.space) + ", padding " +
                     name(plan.edge()) + ", folds";
  for (tshift::fold const& f : plan.folds()) {
    text += " {" + std::to_string(f.begin) + ", " + std::to_string(f.count) + ", " + std::to_string(f.offset) + "}";
  }
  if (!lengths.empty()) text += ", lengths";
  for (index_t const length : lengths) text += " " + std::to_string(length);
  return text;
}

/// Counts cases and keeps the first failure's sentence: an assertion for each case would take most of the time.
struct tally {
  index_t cases = 0;
  index_t failed = 0;
  std::string first;

  /// @param sentence  called for the first failure only
  template <class Sentence>
  void count(bool good, Sentence sentence) {
    ++cases;
    if (!good && failed++ == 0) first = sentence();
  }
};

}  // namespace test_support

/// Demands that no case failed and that there were exactly this many, so that none is dropped unnoticed.
#define REQUIRE_ALL(result, number_of_cases)      \
  do {                                            \
    INFO((result).first);                         \
    REQUIRE((result).failed == 0);                \
    REQUIRE((result).cases == (number_of_cases)); \
  } while (false)
