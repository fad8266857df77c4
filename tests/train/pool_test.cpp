// SPDX-License-Identifier: MIT
// train::mean_pool: lengths, among them 0, shifts of x, threads.
#include <cstddef>
#include <vector>

#include <tshift/train/pool.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;

auto pool_of(index_t channels) {
  return [=]<class T>(T, parameter_table&) { return tshift::train::mean_pool<T>(channels); };
}

}  // namespace

TEST_CASE("train::mean_pool: gradients are slopes, and bits depend on nothing", "[train][pool]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const channels : {1, 7, 16, 33, 800}) {
    for (index_t const time : {1, 9, 400}) {
      check_training(pool_of(channels), {.dims = {3, time, channels}, .zero_slope = time == 1}, seed++, sum);
    }
  }
  sum.print("mean_pool");
  REQUIRE(sum.cases == 15);
  REQUIRE(sum.gradients == 15);
}

TEST_CASE("train::mean_pool: dy is shared out among the frames of a sequence", "[train][pool]") {
  index_t const lengths[] = {3, 0, 1};
  std::vector<float> const x(18, around_inputs<float>), dy = {6, -3, around_inputs<float>, around_inputs<float>, 1, 2};
  std::vector<float> dx(18, around_outputs<float>);
  tshift::shape const dims{3, 3, 2};
  tshift::train::mean_pool<float> const block(2);
  block.backward(tensor_view<float const>(x, dims, tshift::layout::ntc, lengths), {},
                 tensor_view<float const>(dy, {3, 1, 2}), tensor_view<float>(dx, dims), {});
  CHECK(dx == std::vector<float>{2, -1, 2, -1, 2, -1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0});
}

TEST_CASE("train::mean_pool: lengths are those of x", "[train][pool]") {
  check_dy_without_lengths(pool_of(20), {3, 150, 20}, {150, 0, 70});
}

TEST_CASE("train::mean_pool: inference's bits", "[train][pool]") {
  index_t const cases = check_forward(
      pool_of(37), [](auto const&, auto const& x, auto const& y) { tshift::nn::mean_pool(x, y); }, {3, 150, 37});
  REQUIRE(cases == forward_cases);
}

TEST_CASE("train::mean_pool: refuses", "[train][pool]") {
  CHECK(message_of([] { tshift::train::mean_pool<float>(-1); }) == "mean_pool: a size is -1, must be >= 0");
  tshift::train::mean_pool<float> const block(2);
  std::vector<float> x(12), dx(12), dy(4);
  auto const refused = [&](tshift::shape const& y, tshift::shape const& to) {
    return message_of([&] {
      block.backward(tensor_view<float>(x, {2, 3, 2}), {}, tensor_view<float>(dy, y), tensor_view<float>(dx, to), {});
    });
  };
  CHECK(refused({1, 2, 2}, {2, 3, 2}) == "mean_pool: dy is [1, 2], must be [2, 1]");
  CHECK(refused({2, 1, 1}, {2, 3, 2}) == "mean_pool: dy has 1 channels, must have 2");
  CHECK(refused({2, 1, 2}, {2, 2, 2}) != "");
}
