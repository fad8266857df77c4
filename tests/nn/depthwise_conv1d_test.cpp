// SPDX-License-Identifier: MIT
// depthwise_conv1d: every number of taps around the eight that are summed at once, sequences shorter than the filter,
// lengths, shifted taps.
#include <cstddef>
#include <vector>

#include <tshift/nn/depthwise_conv1d.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::nn::depthwise_conv1d;

template <class T>
void check_one(summary& sum, random_bits& random, tshift::shape const& dims, index_t taps, bool with_bias) {
  auto const weight = uniform<T>(dims.channels * taps, random);
  auto const bias = with_bias ? uniform<T>(dims.channels, random) : std::vector<T>();
  depthwise_conv1d<T> const block(dims.channels, taps, weight, bias);
  // taps + 1 roundings of half an epsilon, twice as many without FMA.
  check_case<T>(
      sum, random, dims, dims.channels, rows::within_sequence, 1 + 0.5 * static_cast<double>(taps),
      [&](auto const& x, auto const& y) { block.forward(x, y); },
      [&](auto const& x, auto const& y) { reference::depthwise_conv1d<oracle::number, T>(x, y, taps, weight, bias); });
}

template <class T>
void check_sizes() {
  random_bits random(311);
  summary sum;
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 200}) {
    for (index_t const taps : {1, 3, 5, 7, 9, 15, 17, 19, 33}) {
      index_t const N = random.in(0, 3), channels = time == 9 ? 0 : random.in(1, 40);
      check_one<T>(sum, random, {N, time, channels}, taps, !random.chance(4));
    }
  }
  for (index_t channels = 1; channels <= 70; ++channels) {
    index_t const taps = 2 * random.in(0, 9) + 1;
    check_one<T>(sum, random, {random.in(1, 2), random.in(1, 20), channels}, taps, true);
  }
  sum.print("depthwise_conv1d", type_name<T>());
  REQUIRE_ALL(sum, 160);
}

template <class T>
void check_errors() {
  std::vector<T> const w(15, T(1)), b(3, T(1)), two(2, T(1));
  using block = depthwise_conv1d<T>;
  CHECK(message_of([&] { block(3, 4, w, b); }) == "depthwise_conv1d: 4 taps, must be odd");
  CHECK(message_of([&] { block(3, 0, w, b); }) == "depthwise_conv1d: 0 taps, must be odd");
  CHECK(message_of([&] { block(3, -3, w, b); }) == "depthwise_conv1d: -3 taps, must be odd");
  CHECK(message_of([&] { block(3, 7, w, b); }) == "depthwise_conv1d: weight has 15 elements, must have 21");
  CHECK(message_of([&] { block(3, 5, w, two); }) == "depthwise_conv1d: bias has 2 elements, must have 3");
  CHECK(message_of([&] { block(-1, 5, w, b); }) == "depthwise_conv1d: a size is -1, must be >= 0");
  CHECK(message_of([&] { block(PTRDIFF_MAX, 5, w, b); }) ==
        "depthwise_conv1d: the product of the sizes must fit in 2^63 - 1");
  block const good(3, 5, w, b);
  CHECK(good.channels() == 3);
  CHECK(good.taps() == 5);
  check_refusals<T>("depthwise_conv1d", 3, 3, false, [&](auto const& x, auto const& y) { good.forward(x, y); });
}

}  // namespace

TEST_CASE("depthwise_conv1d: against the oracle, a shift in memory and single sequences", "[nn][conv]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("depthwise_conv1d correlates: tap k reads frame t + k - K / 2", "[nn][conv]") {
  float const weight[] = {1, 10, 100}, x[] = {1, 2, 3, 4};
  float y[4];
  depthwise_conv1d<float>(1, 3, weight).forward(tensor_view<float const>(x, {1, 4, 1}), tensor_view(y, {1, 4, 1}));
  CHECK(std::vector<float>(y, y + 4) == std::vector<float>{210, 321, 432, 43});
}

TEST_CASE("depthwise_conv1d: what lies behind a sequence is not read", "[nn][conv]") {
  random_bits random(312);
  auto const weight = uniform<float>(5 * 9, random);
  auto x = uniform<float>(6 * 5, random);
  std::fill(x.begin() + 3 * 5, x.end(), std::numeric_limits<float>::quiet_NaN());
  index_t const lengths[] = {3};
  std::vector<float> y(6 * 5, 7.f);
  depthwise_conv1d<float> const block(5, 9, weight);
  block.forward(tensor_view<float const>(x.data(), {1, 6, 5}, tshift::layout::ntc, lengths),
                tensor_view<float>(y.data(), {1, 6, 5}));
  CHECK(std::none_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
  CHECK(std::all_of(y.begin() + 3 * 5, y.end(), [](float value) { return value == 0.f; }));
}

TEST_CASE("depthwise_conv1d refuses what does not fit", "[nn][conv][errors]") {
  check_errors<float>();
  check_errors<double>();
}
