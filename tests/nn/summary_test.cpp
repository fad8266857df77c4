// SPDX-License-Identifier: MIT
// summary: every kind alone and several side by side, both directions, both scorers, lengths, sequences of no frames,
// shifted input.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/nn/summary.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::attention_scorer;
using kind = tshift::summary_kind;
using kinds_of = std::vector<kind>;

constexpr kind all_kinds[] = {kind::last, kind::mean, kind::max, kind::std, kind::attention};

template <class T>
struct pooling {
  index_t channels, directions;
  kinds_of kinds;
  std::vector<T> weight, bias, vector;
  attention_scorer scorer;
  tshift::nn::summary<T> block;

  pooling(index_t C, kinds_of const& which, index_t ways, index_t width, attention_scorer how, random_bits& random)
      : channels(C), directions(ways), kinds(which),
        weight(uniform<T>(width * C, random, 2 / std::sqrt(static_cast<double>(C + 1)))),
        bias(random.chance(3) ? std::vector<T>() : uniform<T>(width, random)), vector(uniform<T>(width, random, 2)),
        scorer(how), block(C, which, ways, {weight, bias, vector, how}, T(1e-3)) {}

  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape()));
    block.forward(x, y, workspace);
  }
  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::summary<oracle::number, T>(x, y, kinds, directions, static_cast<double>(T(1e-3)), scorer, weight, bias,
                                          vector);
  }
};

template <class T>
void check_sizes() {
  random_bits random(641);
  summary sum;
  auto const check = [&](tshift::shape const& dims, kinds_of const& kinds) {
    index_t const directions = dims.channels % 2 == 0 ? random.in(1, 2) : 1, width = random.in(1, 20);
    auto const how = random.chance(2) ? attention_scorer::sigmoid : attention_scorer::tanh;
    pooling<T> const one(dims.channels, kinds, directions, width, how, random);
    // Half an epsilon per frame, as mean_pool; and where frames are nearly equal, what is left of their differences.
    check_case<T>(
        sum, random, dims, one.block.outputs(), rows::pooled, 8 + 0.5 * static_cast<double>(dims.time),
        [&](auto const& x, auto const& y) { one.forward(x, y); },
        [&](auto const& x, auto const& y) { one.define(x, y); });
  };
  for (kind const each : all_kinds) {
    for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 129, 200}) {
      for (index_t const channels : {0, 1, 8, 33}) check({random.in(0, 3), time, channels}, {each});
    }
  }
  for (int again = 0; again < 60; ++again) {
    kinds_of kinds;
    for (index_t i = random.in(1, 8); i > 0; --i) kinds.push_back(all_kinds[random.in(0, 4)]);
    index_t const batch = random.in(1, 3), time = random.in(1, 20);
    check({batch, time, random.in(1, 40)}, kinds);
  }
  sum.print("summary", type_name<T>());
  REQUIRE_ALL(sum, 240);
}

template <class T>
void check_errors() {
  std::vector<T> const w(12, T(1)), b(3, T(1)), u(3, T(1)), shorter(2, T(1));
  using block = tshift::nn::summary<T>;
  auto const message = [](auto const&... arguments) { return message_of([&] { block(arguments...); }); };
  CHECK(message(4, kinds_of{kind::mean}).empty());
  CHECK(message(-1, kinds_of{kind::mean}) == "summary: a size is -1, must be >= 0");
  CHECK(message(4, kinds_of{}) == "summary: 0 kinds, must be in [1, 8]");
  CHECK(message(4, kinds_of(9, kind::max)) == "summary: 9 kinds, must be in [1, 8]");
  CHECK(message(4, kinds_of{static_cast<kind>(5)}) == "summary: kind = 5, must be a named kind");
  CHECK(message(4, kinds_of{kind::last}, 3) ==
        "summary: 3 directions of 4 channels, must be 1, or 2 of an even number");
  CHECK(message(5, kinds_of{kind::last}, 2) ==
        "summary: 2 directions of 5 channels, must be 1, or 2 of an even number");
  tshift::nn::attention_weights<T> good{w, b, u};
  CHECK(message(4, kinds_of{kind::attention}, 1, good).empty());
  CHECK(message(4, kinds_of{kind::std}, 1, good, T(-1)) == "summary: eps = -1, must be >= 0 and finite");
  CHECK(message(3, kinds_of{kind::attention}, 1, good) == "summary: attention.weight has 12 elements, must have 9");
  CHECK(message(4, kinds_of{kind::attention}) == "summary: attention of width 0, must be >= 1");
  good.bias = shorter;
  CHECK(message(4, kinds_of{kind::attention}, 1, good) == "summary: attention.bias has 2 elements, must have 3");
  good.bias = {};
  good.scorer = static_cast<attention_scorer>(2);
  CHECK(message(4, kinds_of{kind::attention}, 1, good) == "summary: scorer = 2, must be a named scorer");

  random_bits random(642);
  std::vector<T> memory = uniform<T>(400, random), workspace(400);
  auto const before = memory;
  T *const in = memory.data(), *const out = memory.data() + 200;
  tensor_view<T> const x(in, {2, 3, 4});
  block const two(4, {kind::mean, kind::std});
  CHECK(two.inputs() == 4);
  CHECK(two.outputs() == 8);
  CHECK((two.has(kind::std) && !two.has(kind::max)));
  CHECK(message_of([&] {
          (void)two.workspace_size({1, std::numeric_limits<index_t>::max() / 4, 4});
        }) == "summary: the product of the sizes must fit in 2^63 - 1");
  auto const refused = [&](char const* sentence, tshift::nn::input<T> const& from, tensor_view<T> const& to) {
    CHECK(message_of([&] { two.forward(from, to, workspace); }) == sentence);
    CHECK(memory == before);
  };
  tensor_view<T> const y(out, {2, 1, 8});
  refused("summary: y has 4 channels, must have 8", x, tensor_view<T>(out, {2, 1, 4}));
  refused("summary: y is [2, 3], must be [2, 1]", x, tensor_view<T>(out, {2, 3, 8}));
  refused("summary: y is [1, 1], must be [2, 1]", x, tensor_view<T>(out, {1, 1, 8}));
  refused("summary: x has 3 channels, must have 4", tensor_view<T>(in, {2, 3, 3}), y);
  refused("summary: x has space 2, must be 1", tensor_view<T>(in, {2, 3, 4, 2}), y);
  refused("summary: x and y overlap in memory, must share no element", x, tensor_view<T>(in + 20, {2, 1, 8}));
  refused("summary: x is shifted with fill value 2, must be 0", tshift::shifted(x, shift_plan(4, {{0, 1, 1}}), T(2)),
          y);
  CHECK(message_of([&] { two.forward(x, y); }) ==
        "summary: workspace has 0 elements, must be >= " + std::to_string(two.workspace_size(x.shape)));
}

}  // namespace

TEST_CASE("summary: against the oracle, a shift in memory and single sequences", "[nn][summary]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("summary: the last states of both directions, and what is past a sequence's end", "[nn][summary]") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  // [2, 3, 2], the second sequence of two frames.
  float const x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, nan, nan};
  index_t const lengths[] = {3, 2};
  tensor_view<float const> const from(x, {2, 3, 2}, tshift::layout::ntc, lengths);
  auto const result = [&](kinds_of const& kinds, index_t directions) {
    tshift::nn::summary<float> const block(2, kinds, directions, {}, 0.f);
    std::vector<float> y(static_cast<std::size_t>(2 * block.outputs())), workspace(64);
    block.forward(from, tensor_view<float>(y.data(), {2, 1, block.outputs()}), workspace);
    return y;
  };
  CHECK(result({kind::last}, 1) == std::vector<float>{5, 6, 9, 10});
  CHECK(result({kind::last}, 2) == std::vector<float>{5, 2, 9, 8});
  CHECK(result({kind::max, kind::mean}, 2) == std::vector<float>{5, 6, 3, 4, 9, 10, 8, 9});
  CHECK(result({kind::std}, 1) == std::vector<float>{std::sqrt(8.f / 3), std::sqrt(8.f / 3), 1, 1});
}

TEST_CASE("summary: a sequence of no frames gives NaN, and a NaN is the largest", "[nn][summary]") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  float const x[] = {1, nan, 3, 7, 7, 7}, w[] = {1}, u[] = {1};
  index_t const lengths[] = {3, 0};
  for (kind const each : all_kinds) {
    tshift::nn::summary<float> const block(1, {each}, 1, {w, {}, u});
    std::vector<float> y(2), workspace(64);
    block.forward(tensor_view<float const>(x, {2, 3, 1}, tshift::layout::ntc, lengths),
                  tensor_view<float>(y.data(), {2, 1, 1}), workspace);
    CHECK(std::isnan(y[0]) == (each != kind::last));
    CHECK(std::isnan(y[1]));
  }
}

TEST_CASE("summary: attention prefers the frame with the largest score", "[nn][summary]") {
  // The score of a frame is 1000 s(x[t, 0]): that of frame 1 is larger than the others' by far.
  float const x[] = {-9, 1, 9, 2, -9, 3}, w[] = {1, 0}, u[] = {1000};
  for (attention_scorer const how : {attention_scorer::sigmoid, attention_scorer::tanh}) {
    tshift::nn::summary<float> const block(2, {kind::attention}, 1, {w, {}, u, how});
    std::vector<float> y(2), workspace(64);
    block.forward(tensor_view<float const>(x, {1, 3, 2}), tensor_view<float>(y.data(), {1, 1, 2}), workspace);
    CHECK(y == std::vector<float>{9, 2});
  }
}

TEST_CASE("summary refuses what does not fit", "[nn][summary][errors]") {
  check_errors<float>();
  check_errors<double>();
}
