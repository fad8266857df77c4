// SPDX-License-Identifier: MIT
// train::layer_sum: states, channels around every vector, shifts of x and of dy, threads; y has the bits of
// models::hidden_states.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <tshift/models/hidden_states.hpp>
#include <tshift/train/layer_sum.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::train::layer_sum;

auto sum_of(index_t states, index_t channels) {
  return [=]<class T>(T, parameter_table& table) { return layer_sum<T>(table, states, channels); };
}

/// As an encoder sums its states while its layers run, one sequence after the other.
template <class T>
void infer(index_t states, std::vector<T> const& weights, tshift::nn::input<T> const& x, tensor_view<T> const& y) {
  auto sum = tshift::models::hidden_states<T>::weighted_sum(std::vector<double>(weights.begin(), weights.end()));
  index_t const channels = y.shape.channels;
  sum.fit(states - 1, channels);
  tshift::shape const alone{1, y.shape.time, channels};
  std::vector<T> state(static_cast<std::size_t>(alone.size())), spare(state.size());
  tshift::detail::run_here here;
  auto const from = x.view();
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t k = 0; k < states; ++k) {
      for (index_t i = 0; i < alone.size(); ++i) {
        state[static_cast<std::size_t>(i)] = from(n, i / channels, k * channels + i % channels);
      }
      sum.write(here, k, tensor_view<T>(state.data(), alone), y, n, tensor_view<T>(spare.data(), alone));
    }
  }
}

}  // namespace

TEST_CASE("train::layer_sum: gradients are slopes, and bits depend on nothing", "[train][speech]") {
  train_totals sum;
  std::uint64_t seed = 300;
  for (index_t const states : {1, 2, 5, 13}) {
    for (index_t const channels : {1, 7, 16, 33, 130}) {
      for (index_t const time : {1, 9, 140, 300}) {
        // Of one state the weight is 1, whatever the parameter.
        train_draw const how{
            .dims = {3, time, states * channels}, .zero_slope = time == 1 || states == 1, .allowed_float = 1e-4};
        check_training(sum_of(states, channels), how, seed++, sum);
      }
    }
  }
  check_training(sum_of(3, 900), {.dims = {40, 2, 2700}}, seed, sum);
  sum.print("layer_sum");
  REQUIRE(sum.cases == 81);
  REQUIRE(sum.gradients == 162);
}

TEST_CASE("train::layer_sum: inference's bits", "[train][speech]") {
  index_t const cases =
      check_forward(sum_of(4, 37), [](auto const& values, auto const& x, auto const& y) { infer(4, values, x, y); },
                    {3, 150, 4 * 37});
  REQUIRE(cases == forward_cases);
}

TEST_CASE("train::layer_sum: lengths are those of x", "[train][speech]") {
  check_dy_without_lengths(sum_of(4, 20), {3, 150, 80}, {150, 0, 70});
}

TEST_CASE("train::layer_sum: weights that are far apart, or large", "[train][speech]") {
  parameter_table table;
  layer_sum<float> block(table, 3, 2);
  std::vector<float> const values = {1000, 0, 1000}, x = {1, 2, 50, 60, 5, 8};
  block.pack(values);
  std::vector<float> y(2), dx(6), gradients(3), workspace = block.make_workspace({1, 1, 6});
  block.forward(tensor_view<float const>(x, {1, 1, 6}), tensor_view<float>(y, {1, 1, 2}), {}, workspace);
  CHECK(y == std::vector<float>{3, 5});
  std::vector<float> const dy = {1, 2};
  block.backward(tensor_view<float const>(x, {1, 1, 6}), {}, tensor_view<float const>(dy, {1, 1, 2}),
                 tensor_view<float>(dx, {1, 1, 6}), gradients, workspace);
  CHECK(dx == std::vector<float>{0.5f, 1, 0, 0, 0.5f, 1});
  CHECK(gradients == std::vector<float>{-4, 0, 4});  // 5 and 21: their mean is 13
}

TEST_CASE("train::layer_sum: refusals", "[train][speech]") {
  auto const refused = [](index_t states, index_t channels) {
    parameter_table table;
    return message_of([&] { layer_sum<float>(table, states, channels); });
  };
  CHECK(refused(0, 4) == "layer_sum: 0 states, must be >= 1");
  CHECK(refused(-2, 4) == "layer_sum: -2 states, must be >= 1");
  CHECK(refused(3, -4) == "layer_sum: a size is -4, must be >= 0");
  CHECK(refused(3, 4) == "");
  parameter_table table;
  layer_sum<float> const one(table, 3, 4, "featurizer.weights");
  REQUIRE(table.find("featurizer.weights") != nullptr);
  CHECK_FALSE(table.begin()->decays);
  CHECK(message_of([&] { layer_sum<float>(table, 3, 4, "featurizer.weights"); }) ==
        "parameter_table: featurizer.weights is there already");
  CHECK(one.states() == 3);
  CHECK(one.inputs() == 12);
  CHECK(one.outputs() == 4);
  std::vector<float> x(24), y(8), workspace = one.make_workspace({1, 2, 12});
  CHECK(message_of([&] {
          one.forward(tensor_view<float const>(x.data(), {1, 2, 11}), tensor_view<float>(y.data(), {1, 2, 4}), {},
                      workspace);
        }) == "layer_sum: x has 11 channels, must have 12");
}
