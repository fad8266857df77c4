// SPDX-License-Identifier: MIT
// mean_pool: lengths, sequences of no frames, shifted input.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/nn/pool.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;

template <class T>
void check_sizes() {
  random_bits random(341);
  summary sum;
  auto const check = [&](tshift::shape const& dims) {
    // Half an epsilon per frame: padding::edge adds the same frame over and over, and no rounding cancels.
    double const allowed = 0.5 + 0.5 * static_cast<double>(dims.time);
    check_case<T>(
        sum, random, dims, dims.channels, rows::pooled, allowed,
        [](auto const& x, auto const& y) { tshift::nn::mean_pool<T>(x, y); },
        [](auto const& x, auto const& y) { reference::mean_pool(x, y); });
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 200}) {
    for (index_t const channels : {0, 1, 7, 16, 33}) check({random.in(0, 3), time, channels});
  }
  for (index_t channels = 1; channels <= 70; ++channels) check({random.in(1, 3), random.in(1, 20), channels});
  sum.print("mean_pool", type_name<T>());
  REQUIRE_ALL(sum, 120);
}

template <class T>
void check_errors() {
  random_bits random(342);
  std::vector<T> memory = uniform<T>(400, random);
  auto const before = memory;
  T *const in = memory.data(), *const out = memory.data() + 200;
  tensor_view<T> const x(in, {2, 3, 4}), y(out, {2, 1, 4});
  auto const refused = [&](char const* sentence, tshift::nn::input<T> const& from, tensor_view<T> const& to) {
    CHECK(message_of([&] { tshift::nn::mean_pool<T>(from, to); }) == sentence);
    CHECK(memory == before);
  };
  tshift::shift_plan const plan(4, {{0, 1, 1}});
  refused("mean_pool: y has 5 channels, must have 4", x, tensor_view<T>(out, {2, 1, 5}));
  refused("mean_pool: y is [2, 3], must be [2, 1]", x, tensor_view<T>(out, {2, 3, 4}));
  refused("mean_pool: y is [3, 1], must be [2, 1]", x, tensor_view<T>(out, {3, 1, 4}));
  refused("mean_pool: y is [2, 0], must be [2, 1]", x, tensor_view<T>(out, {2, 0, 4}));
  refused("mean_pool: y has space 2, must be 1", x, tensor_view<T>(out, {2, 1, 4, 2}));
  refused("mean_pool: x has space 2, must be 1", tensor_view<T>(in, {2, 3, 4, 2}), y);
  refused("mean_pool: x has stride 3 along channels, must be 1", tensor_view<T>(in, x.shape, tshift::layout::nct), y);
  refused("mean_pool: y has stride 2 along channels, must be 1", x, tensor_view<T>(out, y.shape, {8, 8, 2, 1}));
  refused("mean_pool: x is shifted with fill value 2, must be 0", tshift::shifted(x, plan, T(2)), y);
  refused("mean_pool: x and y overlap in memory, must share no element", x, tensor_view<T>(in + 23, y.shape));
  refused("mean_pool: y has stride 3 along batch, must be at least 4 or elements would share memory", x,
          tensor_view<T>(out, y.shape, {3, 3, 1, 1}));
}

}  // namespace

TEST_CASE("mean_pool: against the oracle, a shift in memory and single sequences", "[nn][mean_pool]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("mean_pool: no frames give NaN, and frames behind a sequence do not count", "[nn][mean_pool]") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  float const x[] = {1, 2, 3, nan, nan, nan, 5, nan, nan};
  index_t const lengths[] = {3, 0, 1};
  float y[3] = {};
  tshift::nn::mean_pool<float>(tensor_view<float const>(x, {3, 3, 1}, tshift::layout::ntc, lengths),
                               tensor_view<float>(y, {3, 1, 1}));
  CHECK(y[0] == 2.f);
  CHECK(std::isnan(y[1]));
  CHECK(y[2] == 5.f);
}

TEST_CASE("mean_pool refuses what does not fit", "[nn][mean_pool][errors]") {
  check_errors<float>();
  check_errors<double>();
}
