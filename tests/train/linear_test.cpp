// SPDX-License-Identifier: MIT
// train::linear: sizes around every tile, with and without bias, lengths, shifts of x and of dy, threads.
#include <cstddef>
#include <string>

#include <tshift/train/linear.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;

auto linear_of(index_t inputs, index_t outputs, bool bias) {
  return [=]<class T>(T, parameter_table& table) {
    return tshift::train::linear<T>(table, "linear", inputs, outputs, bias);
  };
}

}  // namespace

TEST_CASE("train::linear: gradients are slopes, and bits depend on nothing", "[train][linear]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const inputs : {1, 7, 16, 50}) {
    for (index_t const outputs : {1, 8, 13, 49}) {
      for (index_t const time : {1, 9, 130}) {
        train_draw const how{.dims = {3, time, inputs}, .zero_slope = true};
        check_training(linear_of(inputs, outputs, seed % 2 == 0), how, seed, sum);
        ++seed;
      }
    }
  }
  check_training(linear_of(20, 30, true), {.dims = {2, 900, 20}, .zero_slope = true}, 99, sum);
  // dW in several blocks of columns, where a sequence has more than 98 frames.
  check_training(linear_of(3000, 9, true), {.dims = {3, 384, 3000}}, 100, sum);
  sum.print("linear");
  REQUIRE(sum.cases == 50);
  REQUIRE(sum.gradients == 126);
}
