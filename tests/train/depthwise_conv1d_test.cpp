// SPDX-License-Identifier: MIT
// train::depthwise_conv1d: filters shorter and longer than a sequence and than what is summed in registers, channels
// around every vector and beyond a block of zeros, lengths, shifts of x and of dy, threads, a skip.
#include <cstddef>
#include <vector>

#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/train/depthwise_conv1d.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"
#include "../support/train_skip.hpp"

namespace {

using namespace test_support;

auto filters_of(index_t channels, index_t taps, bool bias = true) {
  return [=]<class T>(T, parameter_table& table) {
    return tshift::train::depthwise_conv1d<T>(table, "conv", channels, taps, bias);
  };
}

}  // namespace

TEST_CASE("train::depthwise_conv1d: gradients are slopes, and bits depend on nothing", "[train][depthwise_conv1d]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const taps : {1, 3, 5, 7, 9, 17}) {
    for (index_t const channels : {1, 7, 16, 33}) {
      for (index_t const time : {1, 9, 140}) {
        check_training(filters_of(channels, taps, seed % 3 != 0),
                       {.dims = {4, time, channels}, .zero_slope = time == 1}, seed, sum);
        ++seed;
      }
    }
  }
  check_training(filters_of(800, 7), {.dims = {2, 150, 800}}, 99, sum);
  check_training(filters_of(3, 31), {.dims = {2, 300, 3}}, 100, sum);
  sum.print("depthwise_conv1d");
  REQUIRE(sum.cases == 74);
  REQUIRE(sum.gradients == 74 * 2 + 50);
}

TEST_CASE("train::depthwise_conv1d: dx with a skip", "[train][depthwise_conv1d]") {
  check_skip(filters_of(50, 7), {3, 150, 50});
}

TEST_CASE("train::depthwise_conv1d: lengths are those of x", "[train][depthwise_conv1d]") {
  check_dy_without_lengths(filters_of(20, 7), {3, 150, 20}, {150, 0, 70});
}

TEST_CASE("train::depthwise_conv1d: inference's bits", "[train][depthwise_conv1d]") {
  index_t const cases =
      check_forward(filters_of(37, 9),
                    [](auto const& values, auto const& x, auto const& y) {
                      using T = typename std::remove_cvref_t<decltype(values)>::value_type;
                      std::span<T const> const all(values);
                      tshift::nn::depthwise_conv1d<T>(37, 9, all.first(37 * 9), all.subspan(37 * 9)).forward(x, y);
                    },
                    {3, 150, 37});
  REQUIRE(cases == forward_cases);
}

TEST_CASE("train::depthwise_conv1d: refuses", "[train][depthwise_conv1d]") {
  auto const refused = [](index_t channels, index_t taps) {
    parameter_table table;
    return message_of([&] { tshift::train::depthwise_conv1d<float>(table, "conv", channels, taps); });
  };
  CHECK(refused(8, 4) == "depthwise_conv1d: 4 taps, must be odd");
  CHECK(refused(8, -1) == "depthwise_conv1d: -1 taps, must be odd");
  CHECK(refused(-8, 3) == "parameter_table: a size is -8, must be >= 0");
  CHECK(refused(8, 3) == "");
}
