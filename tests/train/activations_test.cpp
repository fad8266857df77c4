// SPDX-License-Identifier: MIT
// train::gelu: channels around every vector and beyond a block of zeros, lengths, shifts of x and of dy, threads, far
// from 0.
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/train/activations.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;

auto gelu_of(index_t channels) {
  return [=]<class T>(T, parameter_table&) { return tshift::train::gelu<T>(channels); };
}

/// Far from 0 the slope is 0 or 1, and no number is made of infinity times 0.
template <class T>
void check_far() {
  constexpr T big = std::numeric_limits<T>::max(), infinite = std::numeric_limits<T>::infinity();
  std::vector<T> const x = {T(-40), T(40), -big, big, -infinite, infinite, T(0)}, want = {0, 1, 0, 1, 0, 1, T(0.5)};
  std::vector<T> const dy(x.size(), T(1));
  std::vector<T> dx(x.size());
  auto const size = static_cast<index_t>(x.size());
  tshift::train::gelu<T> const block(size);
  tshift::shape const dims{1, 1, size};
  block.backward(tensor_view<T const>(x, dims), {}, tensor_view<T const>(dy, dims), tensor_view<T>(dx, dims), {});
  CHECK(dx == want);
}

}  // namespace

TEST_CASE("train::gelu: gradients are slopes, and bits depend on nothing", "[train][activations]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const channels : {1, 7, 16, 33, 800}) {
    for (index_t const time : {1, 9, 200}) {
      check_training(gelu_of(channels), {.dims = {3, time, channels}, .zero_slope = time == 1}, seed++, sum);
    }
  }
  sum.print("gelu");
  REQUIRE(sum.cases == 15);
  REQUIRE(sum.gradients == 15);
}

TEST_CASE("train::gelu: far from 0", "[train][activations]") {
  check_far<float>();
  check_far<double>();
}

TEST_CASE("train::gelu: lengths are those of x", "[train][activations]") {
  check_dy_without_lengths(gelu_of(20), {3, 150, 20}, {150, 0, 70});
}

TEST_CASE("train::gelu: inference's bits", "[train][activations]") {
  index_t const cases = check_forward(
      gelu_of(37), [](auto const&, auto const& x, auto const& y) { tshift::nn::gelu(x, y); }, {3, 150, 37});
  REQUIRE(cases == forward_cases);
}

TEST_CASE("train::gelu: refuses", "[train][activations]") {
  CHECK(message_of([] { tshift::train::gelu<float>(-1); }) == "gelu: a size is -1, must be >= 0");
}
