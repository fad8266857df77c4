// SPDX-License-Identifier: MIT
// train::mlp: widths around every tile and beyond one slice of hidden channels, lengths, shifts of x and of dy, threads.
#include <cstddef>
#include <utility>

#include <tshift/train/mlp.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;

auto mlp_of(index_t inputs, index_t hidden, index_t outputs) {
  return [=]<class T>(T, parameter_table& table) {
    tshift::train::linear<T> first(table, "first", inputs, hidden);
    return tshift::train::mlp<T>(std::move(first), tshift::train::linear<T>(table, "second", hidden, outputs));
  };
}

}  // namespace

TEST_CASE("train::mlp: gradients are slopes, and bits depend on nothing", "[train][mlp]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const inputs : {1, 17}) {
    for (index_t const hidden : {7, 8, 33}) {
      for (index_t const outputs : {6, 20}) {
        for (index_t const time : {9, 130}) {
          check_training(mlp_of(inputs, hidden, outputs), {.dims = {3, time, inputs}}, seed++, sum);
        }
      }
    }
  }
  check_training(mlp_of(9, 900, 7), {.dims = {2, 40, 9}}, seed, sum);
  sum.print("mlp");
  REQUIRE(sum.cases == 25);
  REQUIRE(sum.gradients == 125);
}

TEST_CASE("train::mlp: lengths are those of x", "[train][mlp]") {
  check_dy_without_lengths(mlp_of(20, 30, 10), {3, 150, 20}, {150, 0, 70});
}

TEST_CASE("train::mlp: refuses", "[train][mlp][errors]") {
  CHECK(message_of([] {
          parameter_table table;
          tshift::train::linear<float> first(table, "first", 3, 4);
          tshift::train::mlp<float>(std::move(first), tshift::train::linear<float>(table, "second", 5, 3));
        }) == "mlp: second has 5 inputs, first has 4 outputs");
}
