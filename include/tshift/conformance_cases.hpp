// SPDX-License-Identifier: MIT
// The cases that the checks of conformance.hpp run, how to choose among them, and what a check says. For tests of your
// own: for_each_case.
#pragma once

#include <tshift/macros/away.hpp>

#include <optional>

#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace conformance {

/// The first element in which two tensors differ, in the order n, t, c, s. True where there is none:
/// `if (auto const found = compare(want, got); !found) std::puts(found.message());`
struct mismatch {
  bool equal = true;                   ///< whether there is none; the rest is meaningless then
  index_t n = 0, t = 0, c = 0, s = 0;  ///< where it is
  char text[256] = "";                 ///< what it is, in a sentence

  /// The sentence.
  char const* message() const noexcept { return text; }
  /// Whether all is well.
  explicit operator bool() const noexcept { return equal; }
};

/// What a check found. True where it passed.
struct report {
  index_t cases = 0;     ///< how many were run
  index_t failed = 0;    ///< how many were wrong
  char first[512] = "";  ///< the first failure: case and element; empty if there was none

  /// Whether something was run and nothing was wrong.
  bool passed() const noexcept { return cases > 0 && failed == 0; }
  /// The same.
  explicit operator bool() const noexcept { return passed(); }
};

/// One case: a tensor, a layout, a plan, and lengths for a ragged batch (null: none).
struct test_case {
  shape dims;              ///< of x and y
  layout order;            ///< of both
  shift_plan plan;         ///< for dims.channels channels
  index_t const* lengths;  ///< dims.batch of them, or null
};

/// Which kinds of case someone's shift is meant to support; everything by default.
/// A kernel for dense [N, T, C] and zeros: scope::only(layout::ntc, padding::zero).without_lengths().
struct scope {
  bool ragged = true;                ///< whether batches with lengths are among them
  std::optional<layout> order = {};  ///< this layout alone
  std::optional<padding> edge = {};  ///< this padding alone

  /// One layout, every padding.
  static constexpr scope only(layout order) noexcept { return {true, order, {}}; }
  /// One padding, every layout.
  static constexpr scope only(padding edge) noexcept { return {true, {}, edge}; }
  /// One of each.
  static constexpr scope only(layout order, padding edge) noexcept { return {true, order, edge}; }
  /// The same without ragged batches.
  constexpr scope without_lengths() const noexcept { return {false, order, edge}; }
};

/// Calls visit(test_case const&) for every built-in case within the scope: every padding and layout; no, one, two and
/// eight folds at both ends and in the middle; offsets of both signs, smaller than, equal to and larger than T; one
/// frame, one channel, nothing at all; sizes around the widths of vector registers; ragged batches.
/// @returns how many
template <class Visit>
index_t for_each_case(Visit visit, scope const& within = {}) {
  constexpr layout layouts[] = {layout::ntcs, layout::ntsc, layout::ncts, layout::tncs};
  constexpr padding paddings[] = {padding::zero, padding::keep, padding::edge, padding::circular};
  constexpr shape shapes[] = {{2, 5, 9, 1},  {1, 1, 4, 1},  {3, 2, 1, 1},  {2, 4, 6, 3},  {1, 7, 16, 1},
                              {2, 3, 17, 2}, {1, 6, 33, 1}, {2, 4, 64, 1}, {1, 9, 65, 1}, {1, 3, 8, 5},
                              {0, 4, 4, 1},  {2, 0, 4, 1},  {2, 4, 0, 1},  {2, 4, 4, 0}};
  constexpr index_t lengths[] = {1, 4, 0};  // for up to three sequences, cut to T
  index_t cases = 0;
  for (shape const& dims : shapes) {
    index_t const C = dims.channels, T = dims.time, third = C / 3, ninth = C / 9;
    for (layout const order : layouts) {
      if (within.order && *within.order != order) continue;
      for (padding const edge : paddings) {
        if (within.edge && *within.edge != edge) continue;
        shift_plan const plans[] = {
            {C, {}, edge},                                           // nothing moves
            {C, {{0, C, 1}}, edge},                                  // everything is delayed
            {C, {{0, C, -2}}, edge},                                 // everything is advanced
            {C, {{0, third, 1}}, edge},                              // the first channels
            {C, {{0, third, 1}, {third, third, -1}}, edge},          // both directions
            {C, {{C - third, third, -1}, {0, third, 2}}, edge},      // the last and the first, out of order
            {C, {{third, third, 3}}, edge},                          // in the middle
            {C, {{0, third, T}, {third, C - third, -T - 1}}, edge},  // as far as the sequence, and further
            {C,                                                      // many folds, many strides
             {{0 * ninth, ninth, -1},
              {1 * ninth, ninth, -2},
              {2 * ninth, ninth, -3},
              {3 * ninth, ninth, -4},
              {4 * ninth, ninth, 1},
              {5 * ninth, ninth, 2},
              {6 * ninth, ninth, 3},
              {7 * ninth, ninth, 4}},
             edge}};
        index_t cut[3] = {};
        for (index_t n = 0; n < 3; ++n) cut[n] = lengths[n] < T ? lengths[n] : T;
        for (shift_plan const& plan : plans) {
          visit(test_case{dims, order, plan, nullptr});
          ++cases;
          if (!within.ragged || dims.batch == 0) continue;
          visit(test_case{dims, order, plan, cut});
          ++cases;
        }
      }
    }
  }
  return cases;
}

}}}}  // namespace tshift::conformance

#include <tshift/macros/back.hpp>
