// SPDX-License-Identifier: MIT
// train::max_pool and train::avg_pool: windows and strides of all kinds, windows that overlap or leave gaps, images
// that are too small, lengths, shifts of x and of dy, threads, equal pixels, NaN.
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/train/pool2d.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::window_axis;
using tshift::nn::pooled;

auto max_of(index_t channels, window_axis const& time, window_axis const& space) {
  return [=]<class T>(T, parameter_table&) { return tshift::train::max_pool<T>(channels, time, space); };
}
auto mean_of(index_t channels, window_axis const& time, window_axis const& space) {
  return [=]<class T>(T, parameter_table&) { return tshift::train::avg_pool<T>(channels, time, space); };
}

/// Of both pools.
template <class Make>
void check_kinds(char const* name, Make const& make, std::uint64_t seed, bool bends) {
  train_totals sum;
  auto const check = [&](window_axis const& time, window_axis const& space, index_t channels, index_t frames,
                         index_t places) {
    INFO("windows " << time.taps << " x " << space.taps << ", strides " << time.stride << ", " << space.stride);
    bool const none = time.count(frames) == 0 || space.count(places) == 0;
    train_draw const how{
        .dims = {4, frames, channels, places}, .zero_slope = none || time.count(frames) < 4, .bends = bends};
    check_training(make(channels, time, space), how, seed++, sum);
  };
  for (index_t const k : {1, 2, 3, 5}) {
    for (index_t const l : {1, 2, 4}) {
      for (window_axis const& time : {pooled(k), window_axis{k, 1, 0, 0}, window_axis{k, k + 2, 0, 0}}) {
        index_t const stride = 1 + static_cast<index_t>(seed % 5), channels = 1 + static_cast<index_t>(seed % 19);
        check(time, {l, stride, 0, 0}, channels, 3 + static_cast<index_t>(seed * 7 % 20), 2 + k);
      }
    }
  }
  check(pooled(2), pooled(4), 40, 30, 17);
  check(window_axis{9, 2, 0, 0}, window_axis{3, 2, 0, 0}, 18, 40, 9);  // more rows than a pass over y has
  check(window_axis{20, 1, 0, 0}, window_axis{2, 1, 0, 0}, 3, 50, 5);  // the same
  constexpr index_t far = index_t{1} << 40;
  check({2, far, 0, 0}, {2, far, 0, 0}, 3, 9, 5);
  sum.print(name);
  REQUIRE(sum.cases == 40);
  REQUIRE(sum.gradients == 40);
}

/// What belongs to 9 pixels in a row under windows of three, one apart.
template <class Block>
std::vector<float> of_a_row(Block const& block, std::vector<float> const& x, std::vector<float> const& dy) {
  tshift::shape const in{1, 1, 1, static_cast<index_t>(x.size())}, out{1, 1, 1, static_cast<index_t>(dy.size())};
  std::vector<float> dx(x.size(), around_outputs<float>), y(dy.size()), saved = block.make_saved(in);
  block.forward(tensor_view<float const>(x, in, dense), tensor_view<float>(y, out, dense), saved);
  block.backward(tensor_view<float const>(x, in, dense), saved, tensor_view<float const>(dy, out, dense),
                 tensor_view<float>(dx, in, dense), {});
  return dx;
}

}  // namespace

TEST_CASE("train::max_pool: gradients are slopes, and bits depend on nothing", "[train][pool2d]") {
  check_kinds("max_pool", max_of, 1, true);
}

TEST_CASE("train::avg_pool: gradients are slopes, and bits depend on nothing", "[train][pool2d]") {
  check_kinds("avg_pool", mean_of, 101, false);
}

TEST_CASE("train::max_pool: of equal pixels the first, of NaN the last", "[train][pool2d]") {
  tshift::train::max_pool<float> const block(1, {}, {3, 1, 0, 0});
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(of_a_row(block, {1, 1, 1, 2, 2, 0, 2, -1, -1}, {1, 10, 100, 1000, 10000, 100000, 1000000}) ==
        std::vector<float>{1, 0, 0, 1110, 10000, 0, 1100000, 0, 0});
  CHECK(of_a_row(block, {0, -0.0f, 0, -0.0f, 5}, {1, 2, 4}) == std::vector<float>{1, 2, 0, 0, 4});
  CHECK(of_a_row(block, {1, nan, nan, 7, 8}, {1, 2, 4}) == std::vector<float>{0, 0, 7, 0, 0});
}

TEST_CASE("train::avg_pool: dy is shared out among the pixels of a window", "[train][pool2d]") {
  tshift::train::avg_pool<float> const block(1, {}, {4, 2, 0, 0});
  CHECK(of_a_row(block, {0, 0, 0, 0, 0, 0, 0}, {4, 8}) == std::vector<float>{1, 1, 3, 3, 2, 2, 0});
}

TEST_CASE("train::max_pool: lengths are those of x", "[train][pool2d]") {
  check_dy_without_lengths(max_of(20, pooled(2), pooled(3)), {3, 40, 20, 7}, {40, 0, 17});
  check_dy_without_lengths(mean_of(20, {3, 1, 0, 0}, pooled(3)), {3, 40, 20, 7}, {40, 0, 17});
}

TEST_CASE("train::max_pool: inference's bits", "[train][pool2d]") {
  for (window_axis const& time : {pooled(2), window_axis{11, 3, 0, 0}}) {
    window_axis const space{3, 2, 0, 0};
    index_t const largest = check_forward(
        max_of(21, time, space),
        [&](auto const&, auto const& x, auto const& y) { tshift::nn::max_pool(x, y, time, space); }, {3, 40, 21, 9});
    index_t const means = check_forward(
        mean_of(21, time, space),
        [&](auto const&, auto const& x, auto const& y) { tshift::nn::avg_pool(x, y, time, space); }, {3, 40, 21, 9});
    REQUIRE(largest == forward_cases);
    REQUIRE(means == forward_cases);
  }
}

TEST_CASE("train::max_pool: refuses", "[train][pool2d]") {
  using tshift::train::avg_pool, tshift::train::max_pool;
  CHECK(message_of([] { max_pool<float>(-1, {}, {}); }) == "max_pool: a size is -1, must be >= 0");
  CHECK(message_of([] { avg_pool<float>(-1, {}, {}); }) == "avg_pool: a size is -1, must be >= 0");
  CHECK(message_of([] {
          max_pool<float>(1, {2, 0, 0, 0}, {});
        }) == "max_pool: time.stride = 0, must be in [1, 1099511627776]");
  CHECK(message_of([] { avg_pool<float>(1, {}, window_axis::same(3)); }) ==
        "avg_pool: windows have zeros around the image, must have none");
  CHECK(message_of([] { max_pool<float>(1, pooled(4097), pooled(4096)); }) ==
        "max_pool: windows of 16781312 pixels, must be <= 16777216");
  CHECK(message_of([] { max_pool<float>(1, pooled(4096), pooled(4096)); }) == "");
}
