// SPDX-License-Identifier: MIT
// For anyone who wrote a shift of their own (a CUDA kernel, a torch operator, a port): cases that find the usual
// mistakes, and a comparison that names the first wrong element. Needs no test framework and prints nothing.
//
//   auto const report = tshift::conformance::check<float>([](auto x, auto y, auto const& plan) { my_shift(...); });
//   if (!report.passed()) std::puts(report.first);
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include <tshift/plan.hpp>
#include <tshift/reference.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace conformance {

/// The first element in which two tensors differ, in the order n, t, c, s.
struct mismatch {
  bool equal = true;                   ///< whether there is none; the rest is meaningless then
  index_t n = 0, t = 0, c = 0, s = 0;  ///< where it is
  char text[256] = "";                 ///< what it is, in a sentence

  /// The sentence.
  char const* message() const noexcept { return text; }
};

namespace detail {

/// "1.5" for a number, "bytes 0x..." for anything else.
template <class T>
void describe(T const& value, char* to, std::size_t size) {
  if constexpr (std::is_unsigned_v<T>) {
    std::snprintf(to, size, "%llu", static_cast<unsigned long long>(value));
  } else if constexpr (std::is_integral_v<T>) {
    std::snprintf(to, size, "%lld", static_cast<long long>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    std::snprintf(to, size, "%.9g", static_cast<double>(value));
  } else {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, std::addressof(value), sizeof(T));
    int used = std::snprintf(to, size, "bytes ");
    for (std::size_t i = 0; i < sizeof(T) && i < 16; ++i) {
      used += std::snprintf(to + used, size - static_cast<std::size_t>(used), "%02x", unsigned{bytes[i]});
    }
  }
}

}  // namespace detail

/// Compares bit for bit, so that NaN payloads and signed zeros count.
/// @param want  in any layout
/// @param got   of the same shape, in its own layout
template <class T>
mismatch compare(std::type_identity_t<tensor_view<T const>> want, tensor_view<T> got) {
  mismatch result;
  if (!(want.shape == got.shape)) {
    result.equal = false;
    std::snprintf(result.text, sizeof result.text, "shape is [%td, %td, %td, %td], want [%td, %td, %td, %td]",
                  got.shape.batch, got.shape.time, got.shape.channels, got.shape.space, want.shape.batch,
                  want.shape.time, want.shape.channels, want.shape.space);
    return result;
  }
  reference::for_each_element(want.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes are what is compared
    if (!result.equal || std::memcmp(want.at(n, t, c, s), got.at(n, t, c, s), sizeof(T)) == 0) return;
    char is[48], should[48];
    detail::describe(*got.at(n, t, c, s), is, sizeof is);
    detail::describe(*want.at(n, t, c, s), should, sizeof should);
    result.equal = false;
    result.n = n;
    result.t = t;
    result.c = c;
    result.s = s;
    std::snprintf(result.text, sizeof result.text, "first wrong element [n=%td, t=%td, c=%td, s=%td] is %s, want %s", n,
                  t, c, s, is, should);
  });
  return result;
}

/// One case: a tensor, a layout, a plan, and lengths for a ragged batch (null: none).
struct test_case {
  shape dims;              ///< of x and y
  layout order;            ///< of both
  shift_plan plan;         ///< for dims.channels channels
  index_t const* lengths;  ///< dims.batch of them, or null
};

/// Which kinds of case someone's shift is meant to support; everything by default.
struct scope {
  bool ragged = true;                    ///< lengths
  bool all_layouts = true;               ///< false: `only_layout` alone
  layout only_layout = layout::ntc;      ///< where not all are asked for
  bool all_paddings = true;              ///< false: `only_padding` alone
  padding only_padding = padding::zero;  ///< where not all are asked for
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
      if (!within.all_layouts && order != within.only_layout) continue;
      for (padding const edge : paddings) {
        if (!within.all_paddings && edge != within.only_padding) continue;
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

/// What check() found.
struct report {
  index_t cases = 0;     ///< how many were run
  index_t failed = 0;    ///< how many were wrong
  char first[512] = "";  ///< the first failure: case and element; empty if there was none

  /// Whether something was run and nothing was wrong.
  bool passed() const noexcept { return cases > 0 && failed == 0; }
};

/// Runs a shift over all cases of the scope and compares with the reference. Inputs are random bytes of a fixed seed
/// (numbers: 1 to 100), outputs start as other bytes (numbers: 101 to 127), so that what is never written shows.
/// @param mine  called as mine(tensor_view<T const> x, tensor_view<T> y, shift_plan const&); fill is T{}
template <class T, class Shift>
report check(Shift&& mine, scope const& within = {}) {
  report result;
  std::uint32_t state = 0x9e3779b9u;
  auto const next = [&state] {
    state = state * 1664525u + 1013904223u;
    return static_cast<unsigned char>(state >> 24);
  };
  auto const random = [&next](T& value, int least, int count) {
    if constexpr (std::is_arithmetic_v<T>) {
      value = static_cast<T>(next() % count + least);
    } else {
      unsigned char bytes[sizeof(T)];
      for (unsigned char& b : bytes) b = next();
      std::memcpy(std::addressof(value), bytes, sizeof(T));
    }
  };
  result.cases = for_each_case(
      [&](test_case const& one) {
        auto const size = static_cast<std::size_t>(one.dims.batch * one.dims.time * one.dims.channels * one.dims.space);
        std::unique_ptr<T[]> const x(new T[size]), want(new T[size]), got(new T[size]);
        for (std::size_t i = 0; i < size; ++i) {
          random(x[i], 1, 100);
          random(want[i], 101, 27);  // numbers that no input has
          random(got[i], 101, 27);
        }
        std::span<index_t const> lengths;
        if (one.lengths != nullptr) lengths = {one.lengths, static_cast<std::size_t>(one.dims.batch)};
        tensor_view<T const> const input(x.get(), one.dims, one.order, lengths);
        tensor_view<T> const output(got.get(), one.dims, one.order, lengths);
        tensor_view<T> const expected(want.get(), one.dims, one.order, lengths);
        reference::shift(input, expected, one.plan);
        mine(input, output, one.plan);
        mismatch const found = compare(expected, output);
        if (found.equal) return;
        if (result.failed++ > 0) return;
        constexpr char const* layouts[] = {"ntcs", "ntsc", "ncts", "tncs"};
        constexpr char const* paddings[] = {"zero", "keep", "edge", "circular"};
        int used = std::snprintf(result.first, sizeof result.first, "N=%td T=%td C=%td S=%td %s, padding %s%s, folds",
                                 one.dims.batch, one.dims.time, one.dims.channels, one.dims.space,
                                 layouts[static_cast<int>(one.order)], paddings[static_cast<int>(one.plan.edge())],
                                 one.lengths != nullptr ? ", ragged" : "");
        for (fold const& f : one.plan.folds()) {
          auto const left = sizeof result.first - static_cast<std::size_t>(used);
          if (left < 284) break;  // room for the element
          used += std::snprintf(result.first + used, left, " {%td, %td, %+td}", f.begin, f.count, f.offset);
        }
        std::snprintf(result.first + used, sizeof result.first - static_cast<std::size_t>(used), ": %s", found.text);
      },
      within);
  return result;
}

}}}}  // namespace tshift::conformance

#include <tshift/macros/back.hpp>
