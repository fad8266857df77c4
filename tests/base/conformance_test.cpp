// SPDX-License-Identifier: MIT
// The conformance check finds what it promises to find: a right shift passes, and each usual mistake fails.
#include <array>
#include <complex>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/shift_inplace.hpp>
#include <tshift/stream.hpp>

#include "../support/catch.hpp"

namespace {

using tshift::index_t;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;
namespace conformance = tshift::conformance;

struct colour {
  std::uint8_t r, g, b;
};

enum class mistake {
  none,
  direction_flipped,
  edge_swapped,
  keep_taken_for_zero,
  edge_taken_for_keep,
  circular_forgotten,
  lengths_ignored,
  tail_shifted,
  last_channel_dropped,
  last_frame_dropped,
  fill_forgotten,
  offset_off_by_one,
  fold_off_by_one,
  second_fold_forgotten,
  batch_forgotten,
  space_forgotten,
  long_offset_wraps,
  strides_ignored
};

// Someone's shift, written as people write it: element by element, with one mistake.
template <class T>
void theirs(mistake made, tensor_view<T const> x, tensor_view<T> y, shift_plan const& plan) {
  auto const is = [made](mistake m) { return made == m; };
  if (is(mistake::strides_ignored)) {  // takes every tensor for [N, T, C, S]
    x = tensor_view<T const>(x.data, x.shape, layout::ntcs, x.lengths);
    y = tensor_view<T>(y.data, y.shape, layout::ntcs, y.lengths);
  }
  shape const& d = x.shape;
  index_t const N = is(mistake::batch_forgotten) && d.batch > 1 ? 1 : d.batch;
  index_t const S = is(mistake::space_forgotten) && d.space > 1 ? 1 : d.space;
  index_t const C = d.channels - (is(mistake::last_channel_dropped) ? 1 : 0);
  index_t const T_written = d.time - (is(mistake::last_frame_dropped) ? 1 : 0);
  for (index_t n = 0; n < N; ++n) {
    index_t const L = is(mistake::lengths_ignored) ? d.time : x.length(n);
    for (index_t t = 0; t < T_written; ++t) {
      for (index_t c = 0; c < C; ++c) {
        index_t offset = 0;
        index_t which = 0;
        for (tshift::fold const& f : plan.folds()) {
          index_t const count = is(mistake::fold_off_by_one) && f.count > 0 ? f.count - 1 : f.count;
          bool const skipped = is(mistake::second_fold_forgotten) && which++ == 1;
          if (!skipped && c >= f.begin && c < f.begin + count) offset = f.offset;
        }
        if (is(mistake::direction_flipped)) offset = -offset;
        if (is(mistake::offset_off_by_one) && offset != 0) offset += offset > 0 ? 1 : -1;
        if (is(mistake::long_offset_wraps) && L > 0) offset %= L;
        index_t from = t - offset;
        bool const past_end = t >= L && !is(mistake::tail_shifted);
        if (past_end || offset == 0) from = t;
        bool fill = false;
        if (!past_end && offset != 0 && (from < 0 || from >= L)) {
          padding edge = plan.edge();
          if (is(mistake::keep_taken_for_zero) && edge == padding::keep) edge = padding::zero;
          if (is(mistake::edge_taken_for_keep) && edge == padding::edge) edge = padding::keep;
          if (is(mistake::circular_forgotten) && edge == padding::circular) edge = padding::zero;
          bool const low = is(mistake::edge_swapped) ? from >= 0 : from < 0;
          if (edge == padding::zero) fill = true;
          if (edge == padding::keep) from = t;
          if (edge == padding::edge) from = low ? 0 : (L > 0 ? L - 1 : 0);
          if (edge == padding::circular) from = L > 0 ? ((from % L) + L) % L : t;
        }
        for (index_t s = 0; s < S; ++s) {
          if (!fill) {
            y(n, t, c, s) = x(n, from, c, s);
          } else if (!is(mistake::fill_forgotten)) {
            y(n, t, c, s) = T{};
          }
        }
      }
    }
  }
}

template <class T>
conformance::report checked(mistake made, conformance::scope const& within = {}) {
  return conformance::check<T>(
      [made](tensor_view<T const> x, tensor_view<T> y, shift_plan const& plan) { theirs<T>(made, x, y, plan); },
      within);
}

constexpr index_t all_cases = 3888;

}  // namespace

TEMPLATE_TEST_CASE("A right shift passes every case", "[conformance]", float, double, std::int8_t, std::uint16_t,
                   std::int32_t, std::complex<float>, colour) {
  auto const theirs_report = checked<TestType>(mistake::none);
  REQUIRE(std::string(theirs_report.first) == "");
  REQUIRE(theirs_report.failed == 0);
  REQUIRE(theirs_report.cases == all_cases);
  REQUIRE(theirs_report.passed());

  // The library's own.
  auto const ours = conformance::check<TestType>([](tensor_view<TestType const> x, tensor_view<TestType> y,
                                                    shift_plan const& plan) { tshift::shift(x, y, plan); });
  REQUIRE(std::string(ours.first) == "");
  REQUIRE(ours.failed == 0);
  REQUIRE(ours.cases == all_cases);

  // In place: what is in y beforehand is x.
  auto const in_place =
      conformance::check<TestType>([](tensor_view<TestType const> x, tensor_view<TestType> y, shift_plan const& plan) {
        tshift::reference::shift<TestType>(x, y, shift_plan(plan.channels(), {}));
        tshift::shift_inplace(y, plan);
      });
  REQUIRE(std::string(in_place.first) == "");
  REQUIRE(in_place.failed == 0);
  REQUIRE(in_place.cases == all_cases);

  // Generic code passes too.
  auto const generic = conformance::check<TestType>(
      [](auto x, auto y, auto const& plan) { tshift::reference::shift<TestType>(x, y, plan); });
  REQUIRE(generic.passed());
}

TEST_CASE("A shift shared out among parts is the shift in one piece", "[conformance]") {
  // Large enough for several parts, of which some get more than others; the parts run last to first.
  constexpr shape dims{1, 301, 1030, 1};
  std::vector<float> x(static_cast<std::size_t>(dims.time * dims.channels)), want(x.size()), got(x.size(), -1.0f);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  index_t parts = 0, calls = 0;
  auto const backwards = [&](index_t n, auto const& body) {
    for (index_t i = n; i-- > 0;) body(i);
    parts = n;
    ++calls;
  };
  for (layout const order : {layout::ntc, layout::nct}) {
    for (padding const edge : {padding::zero, padding::keep, padding::edge, padding::circular}) {
      shift_plan const plan(dims.channels, {{0, 344, 1}, {344, 343, -2}}, edge);
      tensor_view<float> const expected(want.data(), dims, order), output(got.data(), dims, order);
      tshift::reference::shift<float>(tensor_view<float const>(x.data(), dims, order), expected, plan);
      tshift::shift(backwards, tensor_view<float const>(x.data(), dims, order), output, plan);
      REQUIRE(std::string(conformance::compare<float>(expected, output).message()) == "");
      REQUIRE(parts == 5);
      got = x;
      tshift::shift_inplace(backwards, output, plan);
      REQUIRE(std::string(conformance::compare<float>(expected, output).message()) == "");
      REQUIRE(parts == 4);
    }
  }
  REQUIRE(calls == 16);
}

TEST_CASE("Every usual mistake is found, and the first wrong element named", "[conformance]") {
  struct expectation {
    mistake made;
    char const* where;
    char const* element;
  };
  // Where the report sends its reader: the first case that shows the mistake, and in it the first wrong element.
  constexpr expectation table[] = {
      {mistake::direction_flipped, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds {0, 9, +1}", "[n=0, t=0, c=0, s=0]"},
      {mistake::edge_swapped, "N=2 T=5 C=9 S=1 ntcs, padding edge, folds {0, 9, +1}", "[n=0, t=0, c=0, s=0]"},
      {mistake::keep_taken_for_zero, "N=2 T=5 C=9 S=1 ntcs, padding keep, folds {0, 9, +1}", "[n=0, t=0, c=0, s=0]"},
      {mistake::edge_taken_for_keep, "N=2 T=5 C=9 S=1 ntcs, padding edge, folds {0, 9, -2}", "[n=0, t=3, c=0, s=0]"},
      {mistake::circular_forgotten, "N=2 T=5 C=9 S=1 ntcs, padding circular, folds {0, 9, +1}", "[n=0, t=0, c=0, s=0]"},
      {mistake::lengths_ignored, "N=2 T=5 C=9 S=1 ntcs, padding zero, ragged, folds {0, 9, +1}",
       "[n=0, t=1, c=0, s=0]"},
      {mistake::tail_shifted, "N=2 T=5 C=9 S=1 ntcs, padding zero, ragged, folds {0, 9, +1}", "[n=0, t=1, c=0, s=0]"},
      {mistake::last_channel_dropped, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds", "[n=0, t=0, c=8, s=0]"},
      {mistake::last_frame_dropped, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds", "[n=0, t=4, c=0, s=0]"},
      {mistake::fill_forgotten, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds {0, 9, +1}", "[n=0, t=0, c=0, s=0]"},
      {mistake::offset_off_by_one, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds {0, 9, +1}", "[n=0, t=1, c=0, s=0]"},
      {mistake::fold_off_by_one, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds {0, 9, +1}", "[n=0, t=0, c=8, s=0]"},
      {mistake::second_fold_forgotten, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds {0, 3, +1} {3, 3, -1}",
       "[n=0, t=0, c=3, s=0]"},
      {mistake::batch_forgotten, "N=2 T=5 C=9 S=1 ntcs, padding zero, folds", "[n=1, t=0, c=0, s=0]"},
      {mistake::space_forgotten, "N=2 T=4 C=6 S=3 ntcs, padding zero, folds", "[n=0, t=0, c=0, s=1]"},
      {mistake::long_offset_wraps, "N=2 T=5 C=9 S=1 ntcs, padding zero, ragged, folds {0, 9, +1}",
       "[n=0, t=0, c=0, s=0]"},
      {mistake::strides_ignored, "N=2 T=5 C=9 S=1 ncts, padding zero, folds {0, 9, +1}", "[n=0, t=0, c=2, s=0]"}};
  index_t mistakes = 0;
  for (auto const& [made, where, element] : table) {
    auto const report = checked<std::int32_t>(made);
    INFO(report.first);
    CHECK_FALSE(report.passed());
    CHECK(report.cases == all_cases);
    CHECK(report.failed > 0);
    CHECK(report.failed <= report.cases);
    CHECK(std::string(report.first).starts_with(std::string(where) + ": first wrong element " + element + " is "));
    // Bytes instead of numbers: the same case.
    CHECK(std::string(checked<colour>(made).first).starts_with(std::string(where) + ": first wrong element [n="));
    ++mistakes;
  }
  std::cout << "conformance: " << mistakes << " mistakes found by " << all_cases << " cases\n";
  REQUIRE(mistakes == 17);

  // Word for word, with the numbers of the fixed seed.
  auto const report = checked<std::int32_t>(mistake::direction_flipped);
  REQUIRE(
      std::string(report.first) ==
      "N=2 T=5 C=9 S=1 ntcs, padding zero, folds {0, 9, +1}: first wrong element [n=0, t=0, c=0, s=0] is 80, want 0");
}

TEST_CASE("A scope leaves out what a shift does not support", "[conformance]") {
  auto const cases = [](conformance::scope const& within) {
    auto const report = checked<std::int16_t>(mistake::none, within);
    REQUIRE(report.passed());
    return report.cases;
  };
  // 14 shapes, 4 layouts, 4 paddings and 9 plans; ragged as well, but for the shape of no sequences.
  STATIC_REQUIRE(all_cases == (14 + 13) * 4 * 4 * 9);
  using conformance::scope;
  scope const dense = scope{}.without_lengths(), nct = scope::only(layout::nct), keep = scope::only(padding::keep);
  scope const narrow = scope::only(layout::nct, padding::zero).without_lengths();
  STATIC_REQUIRE(scope::only(layout::ntc, padding::edge).ragged);
  STATIC_REQUIRE(scope::only(layout::ntc, padding::edge).edge == padding::edge);
  STATIC_REQUIRE((!scope{}.order && !scope{}.edge));
  REQUIRE(cases({}) == all_cases);
  REQUIRE(cases(dense) == 14 * 4 * 4 * 9);
  REQUIRE(cases(nct) == (14 + 13) * 4 * 9);
  REQUIRE(cases(keep) == (14 + 13) * 4 * 9);
  REQUIRE(cases(narrow) == 14 * 9);

  // A mistake outside the scope is not looked for; inside it is.
  REQUIRE(checked<float>(mistake::lengths_ignored, dense).passed());
  REQUIRE_FALSE(checked<float>(mistake::lengths_ignored, nct).passed());
  REQUIRE(checked<float>(mistake::circular_forgotten, keep).passed());
  REQUIRE(checked<float>(mistake::fill_forgotten, keep).passed());
  REQUIRE_FALSE(checked<float>(mistake::keep_taken_for_zero, keep).passed());
  REQUIRE_FALSE(checked<float>(mistake::strides_ignored, nct).passed());
  REQUIRE(checked<float>(mistake::strides_ignored, scope::only(layout::ntc)).passed());

  // What a scope asks for is all that is visited.
  index_t visited = 0;
  REQUIRE(conformance::for_each_case(
              [&](conformance::test_case const& one) {
                if (one.order != layout::nct || one.lengths != nullptr || one.plan.edge() != padding::zero) return;
                if (one.plan.channels() == one.dims.channels) ++visited;
              },
              narrow) == 126);
  REQUIRE(visited == 126);
}

TEST_CASE("A report of no cases is not a pass", "[conformance]") {
  REQUIRE_FALSE(conformance::report().passed());
  REQUIRE_FALSE(conformance::report());
  REQUIRE(conformance::report{1, 0, ""});
  REQUIRE_FALSE(conformance::report{2, 1, ""});
}

TEST_CASE("Writing around the output, or into the input, is found", "[conformance]") {
  auto const shift_and = [](auto const& also) {
    return conformance::check<float>([&also](auto x, auto y, auto const& plan) {
      tshift::shift(x, y, plan);
      also(x, y);
    });
  };
  auto const past = shift_and([](auto const&, auto const& y) { y.data[y.size()] = 7; });
  REQUIRE(std::string(past.first) ==
          "N=2 T=5 C=9 S=1 ntcs, padding zero, folds: element 1 past the end of y was written");
  auto const far_past = shift_and([](auto const&, auto const& y) { y.data[y.size() + 15] = 7; });
  REQUIRE(std::string(far_past.first).ends_with("element 16 past the end of y was written"));
  auto const before = shift_and([](auto const&, auto const& y) { y.data[-1] = 7; });
  REQUIRE(std::string(before.first).ends_with("element 1 before the beginning of y was written"));
  REQUIRE(before.failed == all_cases);
  auto const input = shift_and([](auto const& x, auto const&) {
    if (x.size() > 0) const_cast<float&>(x(0, 0, 1 % x.shape.channels)) = 7;
  });
  REQUIRE(std::string(input.first).find(": x was changed: first wrong element [n=0, t=0, c=1, s=0] is 7, want ") !=
          std::string::npos);
}

// --- the other operations ---------------------------------------------------------------------------------------------

namespace {

using int_view = tensor_view<std::int32_t>;
using int_input = tensor_view<std::int32_t const>;

constexpr char first_wrong[] = ": first wrong element [";
constexpr char first_case[] = "N=2 T=5 C=9 S=1 ntcs, padding zero, folds";

/// The report names case and element; `where` is what it must contain.
void must_find(conformance::report const& report, std::string const& where) {
  INFO(report.first);
  CHECK_FALSE(report);
  CHECK(report.cases > 0);
  CHECK(report.failed > 0);
  CHECK(report.failed <= report.cases);
  CHECK(std::string(report.first).find(where) != std::string::npos);
}

template <class Visit>
void for_each(int_input const& x, Visit visit) {
  tshift::reference::for_each_element(x.shape, visit);
}

// Theirs, in place: a buffer for each channel. The mistakes are those of people who save the buffer.
void theirs_inplace(char const* made, int_view x, shift_plan const& plan) {
  std::string const mistake = made;
  shape const& d = x.shape;
  for (index_t n = 0; n < d.batch; ++n) {
    for (index_t c = 0; c < d.channels; ++c) {
      for (index_t s = 0; s < d.space; ++s) {
        index_t const offset = tshift::reference::offset_of(plan, c), length = x.length(n);
        std::vector<std::int32_t> old(static_cast<std::size_t>(d.time));
        for (index_t t = 0; t < d.time; ++t) old[static_cast<std::size_t>(t)] = x(n, t, c, s);
        bool const reads_new = mistake == "walks upwards" || (mistake == "walks downwards" && offset < 0);
        for (index_t t = 0; t < d.time; ++t) {
          if (mistake == "stops one frame early" && t == d.time - 1) continue;
          index_t const from = tshift::reference::source_frame(t, offset, length, plan.edge());
          if (from < 0) {
            if (mistake != "leaves vacated frames") x(n, t, c, s) = 0;
          } else if (offset != 0 || mistake != "") {
            std::int32_t const value = old[static_cast<std::size_t>(from)];
            x(n, t, c, s) = reads_new && from < t ? x(n, from, c, s) : value;
          }
          if (mistake == "moves what stays" && offset == 0 && t > 0)
            x(n, t, c, s) = old[static_cast<std::size_t>(t - 1)];
          if (mistake == "clears the tail" && t >= length) x(n, t, c, s) = 0;
        }
      }
    }
  }
  if (mistake == "one element too many") x.data[x.size()] = 0;
}

}  // namespace

TEST_CASE("Shifts in place are checked", "[conformance]") {
  auto const theirs_report = [](char const* made, conformance::scope const& within = {}) {
    return conformance::check_inplace<std::int32_t>(
        [made](int_view x, shift_plan const& plan) { theirs_inplace(made, x, plan); }, within);
  };
  REQUIRE(std::string(theirs_report("").first) == "");
  REQUIRE(theirs_report("").cases == all_cases);
  REQUIRE(conformance::check_inplace<colour>([](auto x, auto const& plan) { tshift::shift_inplace(x, plan); }));
  REQUIRE(conformance::check_inplace<double>([](auto x, auto const& plan) { tshift::shift_inplace(x, plan); }));

  std::string const whole = first_case;
  must_find(theirs_report("walks upwards"), whole + " {0, 9, +1}" + first_wrong + "n=0, t=1, c=0, s=0] is 0, want ");
  must_find(theirs_report("stops one frame early"), whole + " {0, 9, +1}" + first_wrong + "n=0, t=4, c=0, s=0] is ");
  must_find(theirs_report("leaves vacated frames"), whole + " {0, 9, +1}" + first_wrong + "n=0, t=0, c=0, s=0] is ");
  must_find(theirs_report("moves what stays"), whole + first_wrong + "n=0, t=1, c=0, s=0] is ");
  must_find(theirs_report("clears the tail"), "zero, ragged, folds" + std::string(first_wrong) + "n=0, t=1, c=0, s=0]");
  must_find(theirs_report("one element too many"), whole + ": element 1 past the end of x was written");
  // Nothing at all, and out of a scope.
  must_find(conformance::check_inplace<std::int32_t>([](auto const&, auto const&) {}),
            whole + " {0, 9, +1}" + first_wrong + "n=0, t=0, c=0, s=0] is ");
  REQUIRE(theirs_report("clears the tail", conformance::scope{}.without_lengths()));
  REQUIRE(theirs_report("leaves vacated frames", conformance::scope::only(padding::edge)));
  REQUIRE(theirs_report("", conformance::scope::only(layout::nct, padding::keep)).cases == (14 + 13) * 9);
}

TEST_CASE("Shifts with a skip connection are checked", "[conformance]") {
  // Theirs: a shift, then a sum over all elements, with one mistake.
  auto const theirs_report = [](char const* made) {
    std::string const mistake = made;
    return conformance::check_add<std::int32_t>([&](int_input x, int_input r, int_view y, shift_plan const& plan) {
      if (mistake == "shifts r") std::swap(x, r);
      tshift::reference::shift<std::int32_t>(x, y, plan);
      if (mistake == "shifts the sum") {
        for_each(x, [&](index_t n, index_t t, index_t c, index_t s) { y(n, t, c, s) = x(n, t, c, s) + r(n, t, c, s); });
        return tshift::shift_inplace(y, plan);
      }
      for_each(x, [&](index_t n, index_t t, index_t c, index_t s) {
        if (mistake == "forgets the last frame" && t == x.shape.time - 1) return;
        if (mistake == "adds only what moves" && tshift::reference::offset_of(plan, c) == 0) return;
        if (mistake == "adds nothing to the tail" && t >= x.length(n)) return;
        if (mistake == "takes r's place for dense") {
          auto const i = ((n * x.shape.time + t) * x.shape.channels + c) * x.shape.space + s;
          y(n, t, c, s) += r.data[i];
          return;
        }
        y(n, t, c, s) += r(n, t, c, s);
      });
      if (mistake == "changes r" && r.size() > 0) const_cast<std::int32_t&>(r(0, 0, 0)) = 0;
    });
  };
  REQUIRE(std::string(theirs_report("").first) == "");
  REQUIRE(theirs_report("").cases == all_cases);
  auto const ours = [](auto x, auto r, auto y, auto const& plan) { tshift::shift_add(x, r, y, plan); };
  REQUIRE(conformance::check_add<float>(ours));
  REQUIRE(conformance::check_add<std::int8_t>(ours));  // wraps
  REQUIRE(conformance::check_add<std::complex<double>>(ours, conformance::scope::only(layout::ntc)));

  std::string const whole = first_case;
  must_find(theirs_report("shifts r"), whole + " {0, 9, +1}" + first_wrong + "n=0, t=0, c=0, s=0] is ");
  must_find(theirs_report("shifts the sum"), whole + " {0, 9, +1}" + first_wrong + "n=0, t=0, c=0, s=0] is 0, want ");
  must_find(theirs_report("forgets the last frame"), whole + first_wrong + "n=0, t=4, c=0, s=0] is ");
  must_find(theirs_report("adds only what moves"), whole + first_wrong + "n=0, t=0, c=0, s=0] is ");
  must_find(theirs_report("adds nothing to the tail"),
            whole.substr(0, whole.size() - 5) + "ragged, folds" + first_wrong + "n=0, t=1, c=0, s=0] is ");
  must_find(theirs_report("takes r's place for dense"),
            "N=2 T=5 C=9 S=1 ncts, padding zero, folds" + std::string(first_wrong) + "n=0, t=0, c=1, s=0] is ");
  must_find(theirs_report("changes r"), whole + ": r was changed" + first_wrong + "n=0, t=0, c=0, s=0] is 0, want ");
}

TEST_CASE("Adjoints are checked", "[conformance]") {
  // Theirs: every dy is added to the frame that its y came from.
  auto const theirs_report = [](char const* made, conformance::scope const& within = {}) {
    std::string const mistake = made;
    return conformance::check_adjoint<std::int32_t>(
        [&](int_input dy, int_view dx, shift_plan const& plan) {
          if (mistake == "is the shift") return tshift::reference::shift<std::int32_t>(dy, dx, plan);
          if (mistake == "is a shift back") {
            return tshift::reference::shift<std::int32_t>(dy, dx, plan.reversed(plan.edge()));
          }
          for_each(dy, [&](index_t n, index_t t, index_t c, index_t s) {
            if (mistake != "adds to what was there") dx(n, t, c, s) = 0;
          });
          for_each(dy, [&](index_t n, index_t t, index_t c, index_t s) {
            if (mistake == "drops the tail" && t >= dy.length(n)) return;
            index_t const length = mistake == "ignores lengths" ? dy.shape.time : dy.length(n);
            index_t const offset = tshift::reference::offset_of(plan, c);
            index_t const from = tshift::reference::source_frame(t, offset, length, plan.edge());
            if (from < 0) return;
            std::int32_t& to = dx(n, from, c, s);
            to = mistake == "keeps the last one" ? dy(n, t, c, s) : to + dy(n, t, c, s);
          });
        },
        within);
  };
  REQUIRE(std::string(theirs_report("").first) == "");
  REQUIRE(theirs_report("").cases == all_cases);
  auto const ours = [](auto dy, auto dx, auto const& plan) { tshift::shift_adjoint(dy, dx, plan); };
  REQUIRE(conformance::check_adjoint<float>(ours));
  REQUIRE(conformance::check_adjoint<std::uint8_t>(ours));

  std::string const whole = first_case;
  must_find(theirs_report("is the shift"), whole + " {0, 9, +1}" + first_wrong + "n=0, t=0, c=0, s=0] is 0, want ");
  must_find(theirs_report("is a shift back"),
            "N=2 T=5 C=9 S=1 ntcs, padding keep, folds {0, 9, +1}" + std::string(first_wrong) + "n=0, t=0, c=0, s=0]");
  must_find(theirs_report("adds to what was there"), whole + first_wrong + "n=0, t=0, c=0, s=0] is ");
  must_find(theirs_report("drops the tail"),
            "padding zero, ragged, folds" + std::string(first_wrong) + "n=0, t=1, c=0, s=0] is 0, want ");
  must_find(theirs_report("ignores lengths"), "padding zero, ragged, folds {0, 9, +1}" + std::string(first_wrong));
  must_find(theirs_report("keeps the last one"),
            "N=2 T=5 C=9 S=1 ntcs, padding keep, folds {0, 9, +1}" + std::string(first_wrong) + "n=0, t=0, c=0, s=0]");
  // Where nothing is summed, a shift back is right.
  REQUIRE(theirs_report("is a shift back", conformance::scope::only(padding::circular)));
  REQUIRE(theirs_report("keeps the last one", conformance::scope::only(padding::zero)));
}

namespace {

// Theirs, frame by frame: keeps everything it has received, which nobody does, and so is easily right.
class their_stream {
 public:
  their_stream(std::string mistake, shift_plan const& plan, shape const& frame)
      : mistake_(std::move(mistake)), plan_(plan), frame_(frame) {}

  index_t push(int_input x, int_view y) {
    take(x);
    index_t const latency = mistake_ == "never waits" ? 0 : plan_.latency();
    index_t due = received() - latency - given_;
    if (due < 0) due = 0;
    if (mistake_ == "forgets empty chunks" && x.shape.time == 0) return -1;
    if (mistake_ == "gives one frame a push" && due > 1) due = 1;
    return give(y, due < y.shape.time ? due : y.shape.time, due);
  }

  index_t flush(int_view y) {
    index_t const due = received() - given_;
    over_ = true;
    index_t const gave = give(y, due, mistake_ == "flush counts wrongly" ? due + 1 : due);
    over_ = false;
    given_ = 0;
    if (mistake_ != "goes on after flush") frames_.clear();
    if (mistake_ == "is one number off after flush") ++off_;
    return gave;
  }

 private:
  index_t received() const { return static_cast<index_t>(frames_.size()); }
  index_t places() const { return frame_.batch * frame_.channels * frame_.space; }
  index_t place(index_t n, index_t c, index_t s) const { return (n * frame_.channels + c) * frame_.space + s; }

  void take(int_input const& x) {
    for (index_t t = 0; t < x.shape.time; ++t) {
      auto& frame = frames_.emplace_back(static_cast<std::size_t>(places()));
      for_each({x.data, {frame_.batch, 1, frame_.channels, frame_.space}, x.strides},
               [&](index_t n, index_t, index_t c, index_t s) {
                 index_t const of = mistake_ == "takes the first frame of a chunk" ? 0 : t;
                 frame[static_cast<std::size_t>(place(n, c, s))] = x(n, of, c, s);
               });
    }
  }

  index_t give(int_view const& y, index_t count, index_t said) {
    for (index_t i = 0; i < count; ++i) {
      index_t const t = given_ + i;
      for_each({y.data, {frame_.batch, 1, frame_.channels, frame_.space}, y.strides}, [&](index_t n, index_t, index_t c,
                                                                                          index_t s) {
        index_t const offset = tshift::reference::offset_of(plan_, c);
        auto const edge = mistake_ == "pads with zeros" ? padding::zero : plan_.edge();
        // Before the end nobody knows how long the sequence is: longer than anything that is asked for.
        index_t const length = over_ ? received() : std::numeric_limits<index_t>::max() / 2;
        index_t const from = tshift::reference::source_frame(t, offset, length, edge);
        bool const inside = from >= 0 && from < received();
        y(n, i, c, s) =
            inside ? frames_[static_cast<std::size_t>(from)][static_cast<std::size_t>(place(n, c, s))] + off_ : off_;
      });
    }
    given_ += count;
    return said;
  }

  std::string mistake_;
  shift_plan plan_;
  shape frame_;
  std::vector<std::vector<std::int32_t>> frames_;
  index_t given_ = 0;
  std::int32_t off_ = 0;
  bool over_ = false;
};

}  // namespace

TEST_CASE("Streams are checked", "[conformance]") {
  auto const theirs_report = [](char const* made, conformance::scope const& within = {}) {
    return conformance::check_stream<std::int32_t>(
        [made](shift_plan const& plan, shape const& frame) { return their_stream(made, plan, frame); }, within);
  };
  REQUIRE(std::string(theirs_report("").first) == "");
  REQUIRE(theirs_report("").cases == 14 * 4 * 3 * 9);  // not ragged, not circular
  auto const ours = conformance::check_stream<float>(
      [](auto const& plan, auto const& frame) { return tshift::shift_stream<float>(plan, frame); });
  REQUIRE(std::string(ours.first) == "");
  REQUIRE(ours.cases == 14 * 4 * 3 * 9);
  REQUIRE(theirs_report("", conformance::scope::only(layout::tnc, padding::edge)).cases == 14 * 9);
  REQUIRE(theirs_report("", conformance::scope::only(padding::circular)).cases == 0);

  std::string const whole = first_case;
  must_find(theirs_report("never waits"), whole + " {0, 9, -2}: push after 1 frames gave 1, want 0");
  must_find(theirs_report("gives one frame a push"), whole + ": push after 4 frames gave 1, want 3");
  must_find(theirs_report("forgets empty chunks"), whole + ": push after 1 frames gave -1, want 0");
  must_find(theirs_report("takes the first frame of a chunk"), whole + first_wrong + "n=0, t=2, c=0, s=0] is ");
  must_find(theirs_report("pads with zeros"),
            "padding keep, folds {0, 9, +1}" + std::string(first_wrong) + "n=0, t=0, c=0, s=0] is 0, want ");
  must_find(theirs_report("flush counts wrongly"), whole + ": flush after 5 frames gave 1, want 0");
  must_find(theirs_report("goes on after flush"), ": second sequence: ");
  must_find(theirs_report("is one number off after flush"),
            ": second sequence: first wrong element [n=0, t=0, c=0, s=0]");
}

TEST_CASE("Two tensors are compared bit for bit, each in its own layout", "[conformance]") {
  constexpr shape dims{2, 3, 2, 2};
  std::array<float, 24> a = {}, b = {}, c = {};
  tensor_view<float> const x(a.data(), dims, layout::ntcs), y(b.data(), dims, layout::ncts), z(c.data(), dims);
  float next = 1;
  tshift::reference::for_each_element(dims, [&](index_t n, index_t t, index_t ch, index_t s) {
    x(n, t, ch, s) = y(n, t, ch, s) = z(n, t, ch, s) = next;
    next += 0.5f;
  });
  auto const same = conformance::compare<float>(x, y);
  REQUIRE(same.equal);
  REQUIRE(same);
  REQUIRE(std::string(same.message()) == "");

  // The first in the order n, t, c, s, wherever it lies in memory.
  y(1, 0, 1, 1) = -2;
  y(0, 2, 1, 0) = 1000000;
  auto const differs = conformance::compare<float>(x, y);
  REQUIRE_FALSE(differs.equal);
  REQUIRE_FALSE(differs);
  REQUIRE(differs.n == 0);
  REQUIRE(differs.t == 2);
  REQUIRE(differs.c == 1);
  REQUIRE(differs.s == 0);
  REQUIRE(std::string(differs.message()) == "first wrong element [n=0, t=2, c=1, s=0] is 1000000, want 6");

  // Numbers that compare equal, or never do, are compared as bits.
  auto const bits = [](std::uint32_t pattern) {
    float value;
    std::memcpy(&value, &pattern, 4);
    return value;
  };
  x(0, 0, 0, 0) = z(0, 0, 0, 0) = bits(0x7fc00001);
  REQUIRE(conformance::compare<float>(x, z).equal);
  std::uint32_t const other = 0x7fc00002;
  std::memcpy(z.at(0, 0, 0, 0), &other, 4);  // as an integer: assigning the float could quieten it
  auto const payload = conformance::compare<float>(x, z);
  REQUIRE_FALSE(payload.equal);
  REQUIRE(std::string(payload.message()) == "first wrong element [n=0, t=0, c=0, s=0] is nan, want nan");
  x(0, 0, 0, 0) = 0.0f;
  z(0, 0, 0, 0) = -0.0f;
  REQUIRE(std::string(conformance::compare<float>(x, z).message()) ==
          "first wrong element [n=0, t=0, c=0, s=0] is -0, want 0");
  z(0, 0, 0, 0) = 0.0f;
  REQUIRE(conformance::compare<float>(x, z).equal);
}

TEST_CASE("Tensors of different shapes are different", "[conformance]") {
  std::array<int, 24> memory = {};
  auto const differs = conformance::compare<int>(tensor_view<int const>(memory.data(), {2, 3, 4}),
                                                 tensor_view<int>(memory.data(), {2, 4, 3}));
  REQUIRE_FALSE(differs.equal);
  REQUIRE(std::string(differs.message()) == "shape is [2, 4, 3, 1], want [2, 3, 4, 1]");
  // Of no elements, too.
  REQUIRE_FALSE(conformance::compare<int>(tensor_view<int const>(memory.data(), {0, 3, 4}),
                                          tensor_view<int>(memory.data(), {0, 4, 3}))
                    .equal);
  REQUIRE(conformance::compare<int>(tensor_view<int const>(memory.data(), {0, 3, 4}),
                                    tensor_view<int>(memory.data(), {0, 3, 4}))
              .equal);
}

TEST_CASE("Of a large element the first sixteen bytes are shown", "[conformance]") {
  struct large {
    unsigned char bytes[20];
  };
  large const a{}, b{{1, 2, 3}};
  large copy = b;
  auto const found =
      conformance::compare<large>(tensor_view<large const>(&a, {1, 1, 1}), tensor_view<large>(&copy, {1, 1, 1}));
  REQUIRE(std::string(found.message()) ==
          "first wrong element [n=0, t=0, c=0, s=0] is bytes 01020300000000000000000000000000, want bytes "
          "00000000000000000000000000000000");
}

TEMPLATE_TEST_CASE("The text of a comparison fits whatever is compared", "[conformance]", std::int8_t, std::uint32_t,
                   double, colour, std::complex<double>) {
  TestType a, b;
  std::memset(static_cast<void*>(&a), 0x7f, sizeof a);
  std::memset(static_cast<void*>(&b), 0x81, sizeof b);
  auto const found =
      conformance::compare<TestType>(tensor_view<TestType const>(&a, {1, 1, 1}), tensor_view<TestType>(&b, {1, 1, 1}));
  REQUIRE_FALSE(found.equal);
  std::string const text = found.message();
  if constexpr (std::is_same_v<TestType, std::int8_t>) {
    REQUIRE(text == "first wrong element [n=0, t=0, c=0, s=0] is -127, want 127");
  } else if constexpr (std::is_same_v<TestType, std::uint32_t>) {
    REQUIRE(text == "first wrong element [n=0, t=0, c=0, s=0] is 2172748161, want 2139062143");
  } else if constexpr (std::is_same_v<TestType, double>) {
    REQUIRE(text == "first wrong element [n=0, t=0, c=0, s=0] is -2.04220039e-301, want 1.38241721e+306");
  } else if constexpr (std::is_same_v<TestType, colour>) {
    REQUIRE(text == "first wrong element [n=0, t=0, c=0, s=0] is bytes 818181, want bytes 7f7f7f");
  } else {
    REQUIRE(text ==
            "first wrong element [n=0, t=0, c=0, s=0] is bytes 81818181818181818181818181818181, want bytes "
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f");
  }
}

TEST_CASE("The text of a failure fits the longest plan", "[conformance]") {
  // Only the case of eight folds and four-digit numbers is wrong, and only in its last element.
  auto const report = conformance::check<std::complex<double>>([](auto x, auto y, auto const& plan) {
    tshift::reference::shift<std::complex<double>>(x, y, plan);
    if (plan.folds().size() == 8 && x.shape.channels == 65 && !x.lengths.empty()) y(0, 8, 64, 0) = 0;
  });
  REQUIRE(report.failed == 16);
  std::string const text = report.first;
  INFO(text);
  REQUIRE(text.starts_with("N=1 T=9 C=65 S=1 ntcs, padding zero, ragged, folds {0, 7, -1} {7, 7, -2} {14, 7, -3} "));
  REQUIRE(
      text.find(": first wrong element [n=0, t=8, c=64, s=0] is bytes 00000000000000000000000000000000, want bytes ") !=
      std::string::npos);
}
