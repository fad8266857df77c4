// SPDX-License-Identifier: MIT
// train::layer_norm: channels around every vector, lengths, shifts of x and of dy, threads; one channel, rows that are
// constant, a weight of zero, a skip.
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/nn/layer_norm.hpp>
#include <tshift/train/layer_norm.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"
#include "../support/train_skip.hpp"

namespace {

using namespace test_support;

auto norm_of(index_t channels, double eps = 1e-5) {
  return [=]<class T>(T, parameter_table& table) {
    return tshift::train::layer_norm<T>(table, "norm", channels, static_cast<T>(eps));
  };
}

/// dx of a row of ones under dy, with all weights 1.
template <class T>
std::vector<T> constant_row(std::vector<T> const& dy) {
  auto const channels = static_cast<index_t>(dy.size());
  tshift::shape const dims{1, 1, channels};
  parameter_table table;
  tshift::train::layer_norm<T> block(table, "norm", channels, T(1e-4));
  std::vector<T> const values(static_cast<std::size_t>(table.size()), T(1)), x(dy.size(), T(1));
  block.pack(std::span<T const>(values));
  std::vector<T> y(dy.size()), dx(dy.size()), gradients(values.size());
  auto saved = block.make_saved(dims), workspace = block.make_workspace(dims);
  block.forward(tensor_view<T const>(x, dims), tensor_view<T>(y, dims), saved, workspace);
  CHECK(y == std::vector<T>(dy.size(), T(1)));
  block.backward(tensor_view<T const>(x, dims), saved, tensor_view<T const>(dy, dims), tensor_view<T>(dx, dims),
                 gradients, workspace);
  return dx;
}

template <class T>
void check_special_rows() {
  CHECK(constant_row<T>({T(0.3)}) == std::vector<T>{T(0)});  // a mean of one is that one, to the last bit
  auto const dx = constant_row<T>({T(1), T(2), T(3), T(6)});
  std::vector<T> const want = {-200, -100, 0, 300};  // xhat is 0, 1 / sigma is 100
  CHECK(relative_distance(dx, want) < 4 * static_cast<double>(std::numeric_limits<T>::epsilon()));
}

}  // namespace

TEST_CASE("train::layer_norm: gradients are slopes, and bits depend on nothing", "[train][layer_norm]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const channels : {5, 7, 16, 33, 130, 800}) {
    for (index_t const time : {1, 9, 130, 300}) {
      check_training(norm_of(channels), {.dims = {3, time, channels}, .zero_slope = time == 1}, seed++, sum);
    }
  }
  // Of one channel nothing is left; of two, x - mean is all but +-sigma, and so dx is a small difference.
  check_training(norm_of(1), {.dims = {3, 140, 1}, .zero_slope = true}, 90, sum);
  check_training(norm_of(2, 0.1), {.dims = {3, 140, 2}, .allowed_float = 1e-4}, 91, sum);
  check_training(norm_of(8000), {.dims = {40, 1, 8000}}, 92, sum);  // sums of chunks are added by several tasks
  sum.print("layer_norm");
  REQUIRE(sum.cases == 27);
  REQUIRE(sum.gradients == 81);
}

TEST_CASE("train::layer_norm: one channel, constant rows", "[train][layer_norm]") {
  check_special_rows<float>();
  check_special_rows<double>();
}

TEST_CASE("train::layer_norm: a weight of zero has a gradient, and dx none of it", "[train][layer_norm]") {
  index_t const channels = 21;
  parameter_table table;
  tshift::train::layer_norm<double> block(table, "norm", channels);
  train_draw const how{.dims = {2, 40, channels}};
  auto two = draw<double>(table, block, how, 7);
  for (std::size_t i = 0; i < static_cast<std::size_t>(channels); i += 2) two.values[i] = 0;
  two.block.pack(std::span<double const>(two.values));
  train_totals sum;
  random_bits random(6);
  check_slopes(two, how, sum, random);
  REQUIRE(sum.gradients == 3);
  tshift::detail::run_here here;
  auto const got = two.all(here);
  for (std::size_t i = 0; i < static_cast<std::size_t>(channels); ++i) CHECK(got.gradients[i] != 0);
}

TEST_CASE("train::layer_norm: dx with a skip", "[train][layer_norm]") {
  check_skip(norm_of(50), {3, 150, 50});
  check_skip(norm_of(1600), {2, 9, 1600});
}

TEST_CASE("train::layer_norm: lengths are those of x", "[train][layer_norm]") {
  check_dy_without_lengths(norm_of(20), {3, 150, 20}, {150, 0, 70});
}

TEST_CASE("train::layer_norm: inference's bits", "[train][layer_norm]") {
  index_t const cases =
      check_forward(norm_of(37),
                    [](auto const& values, auto const& x, auto const& y) {
                      using T = typename std::remove_cvref_t<decltype(values)>::value_type;
                      std::span<T const> const all(values);
                      tshift::nn::layer_norm<T>(all.first(37), all.subspan(37), T(1e-5)).forward(x, y);
                    },
                    {3, 150, 37});
  REQUIRE(cases == forward_cases);
}

TEST_CASE("train::layer_norm: refuses", "[train][layer_norm]") {
  auto const refused = [](index_t channels, float eps) {
    parameter_table table;
    return message_of([&] { tshift::train::layer_norm<float>(table, "norm", channels, eps); });
  };
  CHECK(refused(8, 0) == "layer_norm: eps = 0, must be > 0 and finite");
  CHECK(refused(8, std::numeric_limits<float>::infinity()) == "layer_norm: eps = inf, must be > 0 and finite");
  CHECK(refused(8, std::numeric_limits<float>::quiet_NaN()) == "layer_norm: eps = nan, must be > 0 and finite");
  CHECK(refused(-8, 1) == "parameter_table: a size is -8, must be >= 0");
  CHECK(refused(8, 1) == "");
}
