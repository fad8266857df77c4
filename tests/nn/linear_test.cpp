// SPDX-License-Identifier: MIT
// linear, and with it the GEMM that all blocks share: every tail of a tile, every part of K, shifted rows.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/nn/linear.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;

template <class T>
struct layer {
  index_t inputs, outputs;
  std::vector<T> weight, bias;
  tshift::nn::linear<T> block;

  layer(index_t in, index_t out, bool with_bias, random_bits& random)
      : inputs(in), outputs(out), weight(uniform<T>(in * out, random)),
        bias(with_bias ? uniform<T>(out, random) : std::vector<T>()), block(in, out, weight, bias) {}

  auto forward() const {
    return [this](tshift::nn::input<T> const& x, tensor_view<T> const& y) { block.forward(x, y); };
  }
  auto definition() const {
    return [this](auto const& x, auto const& y) { reference::linear<oracle::number, T>(x, y, weight, bias); };
  }
  /// Half an epsilon per product, and one for the bias and a product that is rounded by itself (without FMA); of many
  /// roundings most cancel.
  double allowed() const { return std::min(1 + 0.5 * static_cast<double>(inputs), 3.0); }
};

template <class T>
void check_sizes() {
  random_bits random(301);
  summary sum;
  for (index_t const T_ : {0, 1, 2, 7, 8, 9, 95, 96, 97, 127, 128, 129, 200}) {
    for (index_t const outputs : {0, 1, 3, 4, 5, 11, 12, 13, 23, 24, 25, 47, 48, 49, 97}) {
      index_t const N = T_ > 90 ? random.in(1, 2) : random.in(0, 3), inputs = random.in(1, T_ > 90 ? 20 : 70);
      layer<T> const one(inputs, outputs, !random.chance(4), random);
      check_case<T>(sum, random, {N, T_, inputs}, outputs, rows::alone, one.allowed(), one.forward(), one.definition());
    }
  }
  for (index_t inputs = 1; inputs <= 70; ++inputs) {
    layer<T> const one(inputs, random.in(1, 60), true, random);
    check_case<T>(sum, random, {random.in(1, 3), random.in(1, 12), inputs}, one.outputs, rows::alone, one.allowed(),
                  one.forward(), one.definition());
  }
  sum.print("linear", type_name<T>());
  REQUIRE_ALL(sum, 265);
}

template <class T>
void check_deep() {
  random_bits random(302);
  summary sum;
  // K is cut at 384. The outputs end inside a vector, so that sums wait in a padded tile between the parts.
  for (index_t const inputs : {0, 383, 384, 385, 767, 768, 769, 1153}) {
    for (index_t const outputs : {12, 21, 48, 53}) {
      layer<T> const one(inputs, outputs, true, random);
      check_case<T>(sum, random, {2, random.in(5, 11), inputs}, outputs, rows::alone, one.allowed(), one.forward(),
                    one.definition());
    }
  }
  sum.print("linear, deep", type_name<T>());
  REQUIRE_ALL(sum, 32);
}

template <class T>
void check_weights() {
  std::vector<T> const seven(7, T(1)), six(6, T(1)), two(2, T(1)), three(3, T(1));
  using tshift::nn::linear;
  CHECK(message_of([&] { linear<T>(3, 2, seven, two); }) == "linear: weight has 7 elements, must have 6");
  CHECK(message_of([&] { linear<T>(3, 2, six, three); }) == "linear: bias has 3 elements, must have 2");
  CHECK(message_of([&] { linear<T>(-3, 2, six, two); }) == "linear: a size is -3, must be >= 0");
  CHECK(message_of([&] { linear<T>(index_t{1} << 40, index_t{1} << 40, six, two); }) ==
        "linear: the product of the sizes must fit in 2^63 - 1");
  tshift::nn::linear<T> const block(3, 2, six, two);
  CHECK(block.inputs() == 3);
  CHECK(block.outputs() == 2);
  check_refusals<T>("linear", 3, 2, false, [&](auto const& x, auto const& y) { block.forward(x, y); });
  std::vector<T> const nine(9, T(1));
  tshift::nn::linear<T> const square(3, 3, nine);
  check_refusals<T>("linear", 3, 3, false, [&](auto const& x, auto const& y) { square.forward(x, y); });
  T y[2] = {5, 5};
  std::vector<T> memory(6, T(1));
  CHECK(message_of([&] {
          block.forward(tensor_view<T>(memory.data(), {1, 1, 3}), tensor_view<T>(y, {1, 2, 1}));
        }) == "linear: y has 1 channels, must have 2");
}

/// Folds that a block of K begins inside of: the same bits as of a shift in memory.
template <class T>
void check_folds_across_blocks() {
  random_bits random(304);
  constexpr index_t inputs = 1600, rows = 11;
  layer<T> const one(inputs, 5, true, random);
  std::vector<T> const x = uniform<T>(rows * inputs, random);
  std::vector<T> moved(x.size()), y(rows * 5), want(rows * 5);
  tshift::shape const in{1, rows, inputs}, out{1, rows, 5};
  index_t ran = 0;
  for (index_t const begin : {0, 700, 767, 768, 1400}) {
    for (index_t const offset : {-2, 1}) {
      shift_plan const plan(inputs, {{begin, 200, offset}});
      tensor_view<T const> const from(x.data(), in);
      tshift::shift(from, tensor_view<T>(moved.data(), in), plan);
      one.block.forward(tensor_view<T const>(moved.data(), in), tensor_view<T>(want.data(), out));
      one.block.forward(tshift::shifted(from, plan), tensor_view<T>(y.data(), out));
      CHECK(y == want);
      ++ran;
    }
  }
  REQUIRE(ran == 10);
}

/// y = W x + b + skip is one addition more than y = W x + b.
template <class T>
void check_skip() {
  random_bits random(303);
  tally sum;
  for (index_t const outputs : {1, 5, 21, 48, 70}) {
    for (index_t const rows : {1, 7, 130}) {
      layer<T> const one(9, outputs, true, random);
      std::vector<T> const x = uniform<T>(rows * 9, random), skip = uniform<T>(rows * outputs, random);
      std::vector<T> y(skip.size()), plain(skip.size());
      tshift::shape const in{1, rows, 9}, out{1, rows, outputs};
      one.block.forward(tensor_view<T const>(x.data(), in), tensor_view<T>(plain.data(), out));
      one.block.forward_add(tensor_view<T const>(x.data(), in), tensor_view<T const>(skip.data(), out),
                            tensor_view<T>(y.data(), out));
      for (std::size_t i = 0; i < plain.size(); ++i) plain[i] += skip[i];
      sum.count(y == plain, [&] { return std::to_string(outputs) + " outputs, " + std::to_string(rows) + " rows"; });
    }
  }
  REQUIRE_ALL(sum, 15);
}

}  // namespace

TEST_CASE("linear: a block of K that begins inside a fold", "[nn][linear]") {
  check_folds_across_blocks<float>();
  check_folds_across_blocks<double>();
}

TEST_CASE("linear: the skip connection is one addition", "[nn][linear]") {
  check_skip<float>();
  check_skip<double>();
}

TEST_CASE("linear: all tails, against the oracle, a shift in memory and single rows", "[nn][linear]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("linear: K in one part, in several, and none", "[nn][linear]") {
  check_deep<float>();
  check_deep<double>();
}

TEST_CASE("linear refuses what does not fit", "[nn][linear][errors]") {
  check_weights<float>();
  check_weights<double>();
}

TEST_CASE("linear: infinities and NaN stay in their rows", "[nn][linear]") {
  random_bits random(303);
  layer<float> const one(37, 19, true, random);
  std::vector<float> x = uniform<float>(20 * 37, random), clean(20 * 19), dirty(20 * 19);
  one.block.forward(tensor_view<float>(x.data(), {1, 20, 37}), tensor_view<float>(clean.data(), {1, 20, 19}));
  x[5 * 37 + 36] = std::numeric_limits<float>::quiet_NaN();
  x[13 * 37] = std::numeric_limits<float>::infinity();
  one.block.forward(tensor_view<float>(x.data(), {1, 20, 37}), tensor_view<float>(dirty.data(), {1, 20, 19}));
  index_t different = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    bool const row = i / 19 == 5 || i / 19 == 13;
    CHECK(std::isfinite(dirty[i]) != row);
    different += !same_bits(clean[i], dirty[i]);
  }
  CHECK(different == 2 * 19);
}
