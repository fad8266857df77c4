// SPDX-License-Identifier: MIT
// train::gelu and train::activate: channels around every vector and beyond a block of zeros, lengths, shifts of x and
// of dy, threads, far from 0, at 0.
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

using tshift::activation;

constexpr activation functions[] = {activation(), activation::relu(), activation::leaky_relu(0.3), activation::elu(0.7),
                                    activation::gelu()};

auto activate_of(index_t channels, activation const& f) {
  return [=]<class T>(T, parameter_table&) { return tshift::train::activate<T>(channels, f); };
}

/// Frames of a long case: more than go at a time, of many channels fewer.
index_t longest_of(index_t channels) { return channels < 800 ? 200 : 20; }

/// dx where dy is 1.
template <class T>
std::vector<T> slopes(activation const& f, std::vector<T> const& x) {
  std::vector<T> const dy(x.size(), T(1));
  std::vector<T> dx(x.size());
  tshift::shape const dims{1, 1, static_cast<index_t>(x.size())};
  tshift::train::activate<T> const block(dims.channels, f);
  block.backward(tensor_view<T const>(x, dims), {}, tensor_view<T const>(dy, dims), tensor_view<T>(dx, dims), {});
  return dx;
}

template <class T>
void check_bends() {
  constexpr T big = std::numeric_limits<T>::max(), infinite = std::numeric_limits<T>::infinity();
  std::vector<T> const x = {-infinite, -big, T(-3), T(-0.0), T(0), T(2), big, infinite};
  CHECK(slopes(activation(), x) == std::vector<T>(x.size(), T(1)));
  CHECK(slopes(activation::relu(), x) == std::vector<T>{0, 0, 0, 0, 0, 1, 1, 1});
  T const slope(0.25), alpha(0.5);
  CHECK(slopes(activation::leaky_relu(0.25), x) == std::vector<T>{slope, slope, slope, slope, slope, 1, 1, 1});
  auto const elu = slopes(activation::elu(0.5), x);
  CHECK(std::fabs(elu[2] - alpha * std::exp(T(-3))) <= std::numeric_limits<T>::epsilon() * alpha * std::exp(T(-3)) * 2);
  CHECK(elu == std::vector<T>{0, 0, elu[2], alpha, alpha, 1, 1, 1});
  for (activation const& f : {activation::relu(), activation::leaky_relu(), activation::elu(), activation::gelu()}) {
    std::vector<T> const nan(3, std::numeric_limits<T>::quiet_NaN());
    bool const passes = f.which != activation::kind::gelu;  // as it does for x > 0
    CHECK((passes ? slopes(f, nan)[1] == 1 : std::isnan(slopes(f, nan)[1])));
  }
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
    for (index_t const time : {index_t{1}, index_t{9}, longest_of(channels)}) {
      check_training(gelu_of(channels), {.dims = {3, time, channels}, .zero_slope = time == 1}, seed++, sum);
    }
  }
  sum.print("gelu");
  REQUIRE(sum.cases == 15);
  REQUIRE(sum.gradients == 15);
}

TEST_CASE("train::activate: gradients are slopes, and bits depend on nothing", "[train][activations]") {
  train_totals sum;
  std::uint64_t seed = 31;
  for (activation const& f : functions) {
    for (index_t const channels : {1, 7, 33, 800}) {
      for (index_t const time : {index_t{1}, index_t{9}, longest_of(channels)}) {
        bool const bends = f.which != activation::kind::none && f.which != activation::kind::gelu;
        train_draw const how{
            .dims = {3, time, channels}, .zero_slope = time == 1 || time * channels < 30, .bends = bends};
        check_training(activate_of(channels, f), how, seed++, sum);
      }
    }
  }
  sum.print("activate");
  REQUIRE(sum.cases == 60);
  REQUIRE(sum.gradients == 60);
}

TEST_CASE("train::activate: at 0, and far from it", "[train][activations]") {
  check_bends<float>();
  check_bends<double>();
}

TEST_CASE("train::activate: inference's bits", "[train][activations]") {
  for (activation const& f : functions) {
    index_t const cases =
        check_forward(activate_of(37, f),
                      [&f](auto const&, auto const& x, auto const& y) { tshift::nn::activate(f, x, y); }, {3, 150, 37});
    REQUIRE(cases == forward_cases);
  }
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
  using tshift::train::activate;
  CHECK(message_of([] { activate<float>(-1, activation::relu()); }) == "activate: a size is -1, must be >= 0");
  CHECK(message_of([] {
          activate<float>(1, {static_cast<activation::kind>(7), 0});
        }) == "activate: activation = 7, must be a named activation");
  CHECK(message_of([] { activate<float>(1, activation::elu(1e40)); }) ==
        "activate: the factor of the activation is 1e+40, must be finite");
}
