// SPDX-License-Identifier: MIT
// max_pool and avg_pool: windows and strides of all kinds, what they do not reach, lengths, NaN, shifted input.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/nn/pool2d.hpp>

#include "../support/catch.hpp"
#include "../support/image_cases.hpp"

namespace {

using namespace test_support;
using tshift::window_axis;
using tshift::nn::pooled;

window_axis draw_axis(index_t taps, random_bits& random) {
  return {taps, random.chance(2) ? taps : random.in(1, 4), 0, 0};
}

template <class T>
void check_windows() {
  random_bits random(611);
  summary largest, mean;
  for (index_t k : {1, 2, 3, 4, 7, 8, 9, 17}) {  // more than eight rows of a window go in two passes
    for (index_t l = 1; l <= 5; ++l) {
      for (int again = 0; again < 4; ++again) {
        window_axis const time = draw_axis(k, random), space = draw_axis(l, random);
        index_t const batch = random.in(0, 3), length = random.in(0, 2 * k + 3), places = random.in(0, 3 * l + 2);
        tshift::shape const dims{batch, length, random.in(0, 40), places};
        image_sizes const sizes{[&time](index_t n) { return time.count(n); },
                                [&space](index_t n) { return space.count(n); }};
        check_image_case<T>(
            largest, random, dims, dims.channels, sizes, 0,
            [&](auto const& x, auto const& y) { tshift::nn::max_pool<T>(x, y, time, space); },
            [&](auto const& x, auto const& y) { reference::max_pool<oracle::number>(x, y, time, space); });
        check_image_case<T>(
            mean, random, dims, dims.channels, sizes, 1 + 0.5 * static_cast<double>(k * l),
            [&](auto const& x, auto const& y) { tshift::nn::avg_pool<T>(x, y, time, space); },
            [&](auto const& x, auto const& y) { reference::avg_pool<oracle::number>(x, y, time, space); });
      }
    }
  }
  largest.print("max_pool", type_name<T>());
  mean.print("avg_pool", type_name<T>());
  REQUIRE_ALL(largest, 160);
  REQUIRE_ALL(mean, 160);
}

template <class T>
void check_errors(std::string const& name, auto const& pool) {
  check_image_refusals<T>(name, 3, 3, [&](auto const& x, auto const& y) { pool(x, y, window_axis{}, window_axis{}); });
  std::vector<T> memory(200, T(1));
  auto const before = memory;
  tensor_view<T> const x(memory.data(), {1, 5, 2, 7}, tshift::layout::ntsc);
  auto const refused = [&](tshift::shape const& made, window_axis const& time, window_axis const& space) {
    tensor_view<T> const y(memory.data() + 100, made, tshift::layout::ntsc);
    auto const text = message_of([&] { pool(tshift::nn::input<T>(x), y, time, space); });
    CHECK(memory == before);
    return text;
  };
  CHECK(refused({1, 3, 2, 1}, pooled(2), pooled(4)) == name + ": y is [1, 3, 1], must be [1, 2, 1]");
  CHECK(refused({1, 2, 2, 2}, pooled(2), pooled(4)) == name + ": y is [1, 2, 2], must be [1, 2, 1]");
  CHECK(refused({1, 2, 3, 1}, pooled(2), pooled(4)) == name + ": x has 2 channels, must have 3");
  CHECK(refused({1, 5, 2, 7}, {1, 1, 1, 0}, {}) == name + ": windows have zeros around the image, must have none");
  CHECK(refused({1, 5, 2, 7}, {}, {1, 1, 0, 1}) == name + ": windows have zeros around the image, must have none");
  CHECK(refused({1, 5, 2, 7}, {0, 1}, {}) == name + ": time.taps = 0, must be in [1, 1099511627776]");
  CHECK(refused({1, 5, 2, 7}, {}, {1, 0}) == name + ": space.stride = 0, must be in [1, 1099511627776]");
}

}  // namespace

TEST_CASE("max_pool and avg_pool: against the oracle, a shift in memory and single sequences", "[nn][pool2d]") {
  check_windows<float>();
  check_windows<double>();
}

TEST_CASE("max_pool and avg_pool: which pixels a window has, and what is dropped", "[nn][pool2d]") {
  float const x[] = {1, -2, 3, 9, 5, 6, -7, 9, -4, -5, -6, 9};  // three rows of four
  float y[1] = {};
  tensor_view<float const> const from(x, {1, 3, 1, 4});
  tensor_view<float> const to(y, {1, 1, 1, 1});
  tshift::nn::max_pool<float>(from, to, pooled(2), pooled(3));
  CHECK(y[0] == 6.f);
  tshift::nn::avg_pool<float>(from, to, pooled(2), pooled(3));
  CHECK(y[0] == 1.f);
  float const low[] = {-3, -2, -5, -4};
  tshift::nn::max_pool<float>(tensor_view<float const>(low, {1, 2, 1, 2}), to, pooled(2), pooled(2));
  CHECK(y[0] == -2.f);  // no zero stands around
}

TEST_CASE("max_pool: NaN wherever a window has one", "[nn][pool2d]") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  for (index_t const channels : {1, 20}) {
    for (index_t at = 0; at < 6; ++at) {
      std::vector<float> x(static_cast<std::size_t>(6 * channels), 1.f), y(static_cast<std::size_t>(channels));
      std::fill_n(x.begin() + at * channels, channels, nan);
      tshift::nn::max_pool<float>(tensor_view<float const>(x.data(), {1, 2, channels, 3}, tshift::layout::ntsc),
                                  tensor_view<float>(y.data(), {1, 1, channels, 1}), pooled(2), pooled(3));
      CHECK(std::all_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
    }
  }
}

TEST_CASE("max_pool and avg_pool: what is past a sequence's end is not read", "[nn][pool2d]") {
  std::vector<float> x(2 * 5 * 4 * 3, 2.f), y(2 * 2 * 2 * 3);
  std::fill(x.begin() + 3 * 4 * 3, x.begin() + 5 * 4 * 3, std::numeric_limits<float>::quiet_NaN());
  index_t const lengths[] = {3, 5};
  tensor_view<float const> const from(x.data(), {2, 5, 3, 4}, tshift::layout::ntsc, lengths);
  tensor_view<float> const to(y.data(), {2, 2, 3, 2}, tshift::layout::ntsc);
  std::vector<float> want(y.size(), 2.f);
  std::fill(want.begin() + 2 * 3, want.begin() + 2 * 2 * 3, 0.f);  // three frames are one window and a rest
  tshift::nn::max_pool<float>(from, to, pooled(2), pooled(2));
  CHECK(y == want);
  std::fill(y.begin(), y.end(), -1.f);
  tshift::nn::avg_pool<float>(from, to, pooled(2), pooled(2));
  CHECK(y == want);
}

TEST_CASE("max_pool and avg_pool refuse what does not fit", "[nn][pool2d][errors]") {
  auto const largest = [](auto const& x, auto const& y, window_axis const& time, window_axis const& space) {
    tshift::nn::max_pool(x, y, time, space);
  };
  auto const mean = [](auto const& x, auto const& y, window_axis const& time, window_axis const& space) {
    tshift::nn::avg_pool(x, y, time, space);
  };
  check_errors<float>("max_pool", largest);
  check_errors<double>("max_pool", largest);
  check_errors<float>("avg_pool", mean);
  check_errors<double>("avg_pool", mean);
}
