// SPDX-License-Identifier: MIT
// The oracle itself, against tables worked out by hand and against a second definition that is written differently.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <tshift/reference.hpp>

#include "../support/catch.hpp"

namespace {

using tshift::index_t;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;
namespace reference = tshift::reference;

constexpr index_t most = std::numeric_limits<index_t>::max();

using grid = std::array<int, 9>;  // [T = 3, C = 3]

constexpr grid shifted(grid x, shift_plan const& plan, int fill = 0, std::span<index_t const> lengths = {}) {
  grid y = {};
  reference::shift<int>(tensor_view<int const>(x.data(), {1, 3, 3}, tshift::layout::ntc, lengths),
                        tensor_view<int>(y.data(), {1, 3, 3}), plan, fill);
  return y;
}

constexpr grid added(grid x, grid r, shift_plan const& plan, int fill = 0) {
  grid y = {};
  reference::shift_add<int>(tensor_view<int const>(x.data(), {1, 3, 3}), tensor_view<int const>(r.data(), {1, 3, 3}),
                            tensor_view<int>(y.data(), {1, 3, 3}), plan, fill);
  return y;
}

constexpr grid adjoint(grid dy, shift_plan const& plan, std::span<index_t const> lengths = {}) {
  grid dx = {};
  reference::shift_adjoint<int>(tensor_view<int const>(dy.data(), {1, 3, 3}, tshift::layout::ntc, lengths),
                                tensor_view<int>(dx.data(), {1, 3, 3}), plan);
  return dx;
}

// Rows are frames, columns channels.
constexpr grid x = {1, 2, 3,  //
                    4, 5, 6,  //
                    7, 8, 9};

// The first channel delays, the second advances, the third stays.
constexpr shift_plan by(index_t frames, padding edge) { return {3, {{0, 1, frames}, {1, 1, -frames}}, edge}; }

// The frames that y[0], y[1], y[2] of a sequence of three come from.
constexpr std::array<index_t, 3> sources(index_t offset, padding edge) {
  return {reference::source_frame(0, offset, 3, edge), reference::source_frame(1, offset, 3, edge),
          reference::source_frame(2, offset, 3, edge)};
}

using triple = std::array<index_t, 3>;

// A second definition: a list of frame numbers moved one place at a time, as a queue. -1 is the fill value.
std::vector<index_t> moved(index_t offset, index_t frames, padding edge) {
  std::vector<index_t> list;
  for (index_t t = 0; t < frames; ++t) list.push_back(t);
  std::vector<index_t> const own = list;
  if (frames == 0) return list;
  index_t const newcomer_front = edge == padding::edge ? 0 : -1;
  index_t const newcomer_back = edge == padding::edge ? frames - 1 : -1;
  for (index_t step = 0; step < offset; ++step) {
    index_t const last = list.back();
    list.pop_back();
    list.insert(list.begin(), edge == padding::circular ? last : newcomer_front);
  }
  for (index_t step = 0; step > offset; --step) {
    index_t const first = list.front();
    list.erase(list.begin());
    list.push_back(edge == padding::circular ? first : newcomer_back);
  }
  if (edge == padding::keep) {
    for (std::size_t t = 0; t < list.size(); ++t) list[t] = list[t] < 0 ? own[t] : list[t];
  }
  return list;
}

constexpr std::array paddings = {padding::zero, padding::keep, padding::edge, padding::circular};

}  // namespace

TEST_CASE("The source of a frame, by hand", "[reference]") {
  STATIC_REQUIRE(sources(0, padding::zero) == triple{0, 1, 2});
  STATIC_REQUIRE(sources(1, padding::zero) == triple{-1, 0, 1});
  STATIC_REQUIRE(sources(2, padding::zero) == triple{-1, -1, 0});
  STATIC_REQUIRE(sources(3, padding::zero) == triple{-1, -1, -1});
  STATIC_REQUIRE(sources(-1, padding::zero) == triple{1, 2, -1});
  STATIC_REQUIRE(sources(-2, padding::zero) == triple{2, -1, -1});
  STATIC_REQUIRE(sources(-3, padding::zero) == triple{-1, -1, -1});

  STATIC_REQUIRE(sources(1, padding::keep) == triple{0, 0, 1});
  STATIC_REQUIRE(sources(2, padding::keep) == triple{0, 1, 0});
  STATIC_REQUIRE(sources(3, padding::keep) == triple{0, 1, 2});
  STATIC_REQUIRE(sources(-1, padding::keep) == triple{1, 2, 2});
  STATIC_REQUIRE(sources(-2, padding::keep) == triple{2, 1, 2});
  STATIC_REQUIRE(sources(-3, padding::keep) == triple{0, 1, 2});

  STATIC_REQUIRE(sources(1, padding::edge) == triple{0, 0, 1});
  STATIC_REQUIRE(sources(2, padding::edge) == triple{0, 0, 0});
  STATIC_REQUIRE(sources(7, padding::edge) == triple{0, 0, 0});
  STATIC_REQUIRE(sources(-1, padding::edge) == triple{1, 2, 2});
  STATIC_REQUIRE(sources(-2, padding::edge) == triple{2, 2, 2});
  STATIC_REQUIRE(sources(-7, padding::edge) == triple{2, 2, 2});

  STATIC_REQUIRE(sources(1, padding::circular) == triple{2, 0, 1});
  STATIC_REQUIRE(sources(2, padding::circular) == triple{1, 2, 0});
  STATIC_REQUIRE(sources(3, padding::circular) == triple{0, 1, 2});
  STATIC_REQUIRE(sources(4, padding::circular) == triple{2, 0, 1});
  STATIC_REQUIRE(sources(-1, padding::circular) == triple{1, 2, 0});
  STATIC_REQUIRE(sources(-2, padding::circular) == triple{2, 0, 1});
  STATIC_REQUIRE(sources(-6, padding::circular) == triple{0, 1, 2});
  STATIC_REQUIRE(sources(-7, padding::circular) == triple{1, 2, 0});
}

TEST_CASE("No offset is too large for the source of a frame", "[reference]") {
  for (index_t const huge : {most, -most}) {
    REQUIRE(sources(huge, padding::zero) == triple{-1, -1, -1});
    REQUIRE(sources(huge, padding::keep) == triple{0, 1, 2});
  }
  STATIC_REQUIRE(sources(most, padding::edge) == triple{0, 0, 0});
  STATIC_REQUIRE(sources(-most, padding::edge) == triple{2, 2, 2});
  // 2^63 - 1 is 1 modulo 3.
  STATIC_REQUIRE(sources(most, padding::circular) == sources(1, padding::circular));
  STATIC_REQUIRE(sources(-most, padding::circular) == sources(-1, padding::circular));
  // And no sequence too long.
  STATIC_REQUIRE(reference::source_frame(most - 1, most, most, padding::zero) == -1);
  STATIC_REQUIRE(reference::source_frame(most - 1, most - 1, most, padding::zero) == 0);
  STATIC_REQUIRE(reference::source_frame(0, -(most - 1), most, padding::zero) == most - 1);
  STATIC_REQUIRE(reference::source_frame(0, 1, most, padding::circular) == most - 1);
  STATIC_REQUIRE(reference::source_frame(most - 1, -1, most, padding::circular) == 0);
}

TEST_CASE("Frames past the end of a sequence come from themselves", "[reference]") {
  for (auto const edge : paddings) {
    for (index_t const offset : {index_t{1}, index_t{-1}, index_t{5}, most, -most}) {
      for (index_t length = 0; length <= 3; ++length) {
        for (index_t t = length; t < 4; ++t) REQUIRE(reference::source_frame(t, offset, length, edge) == t);
      }
    }
  }
}

TEST_CASE("The source of a frame agrees with moving a list one place at a time", "[reference]") {
  int checked = 0;
  for (auto const edge : paddings) {
    for (index_t frames = 0; frames <= 4; ++frames) {
      for (index_t offset = -9; offset <= 9; ++offset) {
        auto const list = moved(offset, frames, edge);
        for (index_t t = 0; t < frames; ++t) {
          INFO("padding " << static_cast<int>(edge) << ", T = " << frames << ", offset " << offset << ", t = " << t);
          REQUIRE(reference::source_frame(t, offset, frames, edge) == list[static_cast<std::size_t>(t)]);
          ++checked;
        }
      }
    }
  }
  REQUIRE(checked == 4 * 19 * (1 + 2 + 3 + 4));
}

TEST_CASE("The offset of a channel is that of its fold", "[reference]") {
  constexpr shift_plan plan(8, {{5, 2, -3}, {1, 2, 4}, {4, 0, 9}});
  STATIC_REQUIRE(reference::offset_of(plan, 0) == 0);
  STATIC_REQUIRE(reference::offset_of(plan, 1) == 4);
  STATIC_REQUIRE(reference::offset_of(plan, 2) == 4);
  STATIC_REQUIRE(reference::offset_of(plan, 3) == 0);
  STATIC_REQUIRE(reference::offset_of(plan, 4) == 0);
  STATIC_REQUIRE(reference::offset_of(plan, 5) == -3);
  STATIC_REQUIRE(reference::offset_of(plan, 6) == -3);
  STATIC_REQUIRE(reference::offset_of(plan, 7) == 0);
}

TEST_CASE("A shift of three frames by one, by hand", "[reference]") {
  STATIC_REQUIRE(shifted(x, by(1, padding::zero)) == grid{0, 5, 3,  //
                                                          1, 8, 6,  //
                                                          4, 0, 9});
  STATIC_REQUIRE(shifted(x, by(1, padding::zero), -1) == grid{-1, 5, 3,  //
                                                              1, 8, 6,   //
                                                              4, -1, 9});
  STATIC_REQUIRE(shifted(x, by(1, padding::keep)) == grid{1, 5, 3,  //
                                                          1, 8, 6,  //
                                                          4, 8, 9});
  STATIC_REQUIRE(shifted(x, by(1, padding::edge)) == shifted(x, by(1, padding::keep)));
  STATIC_REQUIRE(shifted(x, by(1, padding::circular)) == grid{7, 5, 3,  //
                                                              1, 8, 6,  //
                                                              4, 2, 9});
}

TEST_CASE("A shift of three frames by two tells keep from edge", "[reference]") {
  STATIC_REQUIRE(shifted(x, by(2, padding::zero)) == grid{0, 8, 3,  //
                                                          0, 0, 6,  //
                                                          1, 0, 9});
  STATIC_REQUIRE(shifted(x, by(2, padding::keep)) == grid{1, 8, 3,  //
                                                          4, 5, 6,  //
                                                          1, 8, 9});
  STATIC_REQUIRE(shifted(x, by(2, padding::edge)) == grid{1, 8, 3,  //
                                                          1, 8, 6,  //
                                                          1, 8, 9});
  STATIC_REQUIRE(shifted(x, by(2, padding::circular)) == grid{4, 8, 3,  //
                                                              7, 2, 6,  //
                                                              1, 5, 9});
}

TEST_CASE("A shift by more frames than there are is all boundary", "[reference]") {
  constexpr grid blank = {7, 7, 3,  //
                          7, 7, 6,  //
                          7, 7, 9};
  STATIC_REQUIRE(shifted(x, by(3, padding::zero), 7) == blank);
  STATIC_REQUIRE(shifted(x, by(most, padding::zero), 7) == blank);
  STATIC_REQUIRE(shifted(x, by(3, padding::keep)) == x);
  STATIC_REQUIRE(shifted(x, by(most, padding::keep)) == x);
  STATIC_REQUIRE(shifted(x, by(3, padding::edge)) == grid{1, 8, 3,  //
                                                          1, 8, 6,  //
                                                          1, 8, 9});
  STATIC_REQUIRE(shifted(x, by(3, padding::circular)) == x);
  STATIC_REQUIRE(shifted(x, by(4, padding::circular)) == shifted(x, by(1, padding::circular)));
}

TEST_CASE("Offset 0, a fold of no channels and no folds change nothing", "[reference]") {
  STATIC_REQUIRE(shifted(x, shift_plan(3, {{0, 3, 0}})) == x);
  STATIC_REQUIRE(shifted(x, shift_plan(3, {{1, 0, 2}})) == x);
  STATIC_REQUIRE(shifted(x, shift_plan(3, {})) == x);
  STATIC_REQUIRE(adjoint(x, shift_plan(3, {{0, 3, 0}}, padding::edge)) == x);
  STATIC_REQUIRE(adjoint(x, shift_plan(3, {{1, 0, 2}}, padding::keep)) == x);
  STATIC_REQUIRE(adjoint(x, shift_plan(3, {})) == x);
}

TEST_CASE("A skip connection adds to the shifted frames and to the fill value", "[reference]") {
  constexpr grid r = {10, 20, 30,  //
                      40, 50, 60,  //
                      70, 80, 90};
  STATIC_REQUIRE(added(x, r, by(1, padding::zero)) == grid{10, 25, 33,  //
                                                           41, 58, 66,  //
                                                           74, 80, 99});
  STATIC_REQUIRE(added(x, r, by(1, padding::zero), 5) == grid{15, 25, 33,  //
                                                              41, 58, 66,  //
                                                              74, 85, 99});
  STATIC_REQUIRE(added(x, r, by(1, padding::keep)) == grid{11, 25, 33,  //
                                                           41, 58, 66,  //
                                                           74, 88, 99});
  STATIC_REQUIRE(added(x, r, by(2, padding::edge)) == grid{11, 28, 33,  //
                                                           41, 58, 66,  //
                                                           71, 88, 99});
  STATIC_REQUIRE(added(x, r, by(1, padding::circular)) == grid{17, 25, 33,  //
                                                               41, 58, 66,  //
                                                               74, 82, 99});
}

TEST_CASE("Sums of small integers wrap", "[reference]") {
  std::int8_t const a = 100;
  std::int8_t const b = 100;
  std::int8_t y = 0;
  reference::shift_add<std::int8_t>(tensor_view<std::int8_t const>(&a, {1, 1, 1}),
                                    tensor_view<std::int8_t const>(&b, {1, 1, 1}),
                                    tensor_view<std::int8_t>(&y, {1, 1, 1}), shift_plan(1, {}));
  REQUIRE(y == -56);
}

TEST_CASE("The adjoint of a shift by one, by hand", "[reference]") {
  STATIC_REQUIRE(adjoint(x, by(1, padding::zero)) == grid{4, 0, 3,  //
                                                          7, 2, 6,  //
                                                          0, 5, 9});
  STATIC_REQUIRE(adjoint(x, by(1, padding::keep)) == grid{1 + 4, 0, 3,  //
                                                          7, 2, 6,      //
                                                          0, 5 + 8, 9});
  STATIC_REQUIRE(adjoint(x, by(1, padding::edge)) == adjoint(x, by(1, padding::keep)));
  STATIC_REQUIRE(adjoint(x, by(1, padding::circular)) == grid{4, 8, 3,  //
                                                              7, 2, 6,  //
                                                              1, 5, 9});
}

TEST_CASE("The adjoint of a shift by two tells keep from edge", "[reference]") {
  STATIC_REQUIRE(adjoint(x, by(2, padding::zero)) == grid{7, 0, 3,  //
                                                          0, 0, 6,  //
                                                          0, 2, 9});
  STATIC_REQUIRE(adjoint(x, by(2, padding::keep)) == grid{1 + 7, 0, 3,  //
                                                          4, 5, 6,      //
                                                          0, 2 + 8, 9});
  STATIC_REQUIRE(adjoint(x, by(2, padding::edge)) == grid{1 + 4 + 7, 0, 3,  //
                                                          0, 0, 6,          //
                                                          0, 2 + 5 + 8, 9});
  STATIC_REQUIRE(adjoint(x, by(2, padding::circular)) == grid{7, 5, 3,  //
                                                              1, 8, 6,  //
                                                              4, 2, 9});
}

TEST_CASE("The adjoint of a shift by more frames than there are gathers the boundary", "[reference]") {
  STATIC_REQUIRE(adjoint(x, by(most, padding::zero)) == grid{0, 0, 3,  //
                                                             0, 0, 6,  //
                                                             0, 0, 9});
  STATIC_REQUIRE(adjoint(x, by(most, padding::keep)) == x);
  STATIC_REQUIRE(adjoint(x, by(most, padding::edge)) == grid{12, 0, 3,  //
                                                             0, 0, 6,   //
                                                             0, 15, 9});
  STATIC_REQUIRE(adjoint(x, by(3, padding::circular)) == x);
}

TEST_CASE("<S x, g> equals <x, S' g> for every padding and offset", "[reference]") {
  constexpr grid g = {3,  -1, 4,  //
                      1,  -5, 9,  //
                      -2, 6,  5};
  auto const dot = [](grid const& a, grid const& b) {
    int sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  for (auto const edge : paddings) {
    for (index_t offset = -5; offset <= 5; ++offset) {
      INFO("padding " << static_cast<int>(edge) << ", offset " << offset);
      shift_plan const plan = by(offset, edge);
      REQUIRE(dot(shifted(x, plan), g) == dot(x, adjoint(g, plan)));
    }
  }
}

TEST_CASE("A sequence ends at its length, and what comes after is copied", "[reference]") {
  constexpr std::array<index_t, 1> two = {2};
  constexpr std::array<index_t, 1> none = {0};
  constexpr std::array<index_t, 1> all = {3};
  STATIC_REQUIRE(shifted(x, by(1, padding::zero), 0, two) == grid{0, 5, 3,  //
                                                                  1, 0, 6,  //
                                                                  7, 8, 9});
  STATIC_REQUIRE(shifted(x, by(2, padding::keep), 0, two) == x);
  STATIC_REQUIRE(shifted(x, by(2, padding::edge), 0, two) == grid{1, 5, 3,  //
                                                                  1, 5, 6,  //
                                                                  7, 8, 9});
  STATIC_REQUIRE(shifted(x, by(1, padding::circular), 0, two) == grid{4, 5, 3,  //
                                                                      1, 2, 6,  //
                                                                      7, 8, 9});
  STATIC_REQUIRE(adjoint(x, by(1, padding::zero), two) == grid{4, 0, 3,  //
                                                               0, 2, 6,  //
                                                               7, 8, 9});
  STATIC_REQUIRE(adjoint(x, by(2, padding::edge), two) == grid{1 + 4, 0, 3,  //
                                                               0, 2 + 5, 6,  //
                                                               7, 8, 9});
  for (auto const edge : paddings) {
    REQUIRE(shifted(x, by(1, edge), 0, none) == x);
    REQUIRE(adjoint(x, by(1, edge), none) == x);
    REQUIRE(shifted(x, by(1, edge), 0, all) == shifted(x, by(1, edge)));
    REQUIRE(adjoint(x, by(1, edge), all) == adjoint(x, by(1, edge)));
  }
}

TEST_CASE("Each sequence of a batch has its own boundary, each position in space its own element", "[reference]") {
  // [N = 2, T = 2, C = 2, S = 2], the first channel delays.
  std::array<int, 16> const in = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  std::array<int, 16> out = {};
  shift_plan const plan(2, {{0, 1, 1}});
  reference::shift<int>(tensor_view<int const>(in.data(), {2, 2, 2, 2}), tensor_view<int>(out.data(), {2, 2, 2, 2}),
                        plan);
  REQUIRE(out == std::array{0, 0, 3, 4, 1, 2, 7, 8, 0, 0, 11, 12, 9, 10, 15, 16});

  // The same elements in another order of memory on both sides.
  std::array<int, 16> moved_channels = {};
  reference::shift<int>(tensor_view<int const>(in.data(), {2, 2, 2, 2}, tshift::layout::ncts),
                        tensor_view<int>(moved_channels.data(), {2, 2, 2, 2}, tshift::layout::ntsc), plan);
  REQUIRE(moved_channels == std::array{0, 5, 0, 6, 1, 7, 2, 8, 0, 13, 0, 14, 9, 15, 10, 16});
}

TEST_CASE("Nothing happens to a tensor without elements", "[reference]") {
  int untouched = 42;
  shift_plan const plan(2, {{0, 1, 1}}, padding::circular);
  for (shape const dims : {shape{0, 1, 2}, shape{1, 0, 2}, shape{1, 1, 2, 0}}) {
    tensor_view<int> const view(&untouched, dims);
    reference::shift<int>(view, view, plan);
    reference::shift_add<int>(view, view, view, plan);
    reference::shift_adjoint<int>(view, view, plan);
    REQUIRE(untouched == 42);
  }
}
