// SPDX-License-Identifier: MIT
// instance_norm: all widths, one channel, channels far from zero and without variance, lengths, in place, activations.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/nn/instance_norm.hpp>

#include "../support/catch.hpp"
#include "../support/image_cases.hpp"

namespace {

using namespace test_support;
using tshift::activation;
using tshift::nn::instance_norm;

template <class T>
void forward(instance_norm<T> const& block, tshift::nn::input<T> const& x, tensor_view<T> const& y) {
  exact_workspace<T> workspace(block.workspace_size(x.shape()));
  block.forward(x, y, workspace);
}

template <class T>
void check_sizes() {
  random_bits random(621);
  summary sum;
  image_sizes const same{[](index_t n) { return n; }, [](index_t n) { return n; }};
  auto const check = [&](tshift::shape const& dims, double eps) {
    instance_norm<T> const block(dims.channels, {}, eps);
    check_image_case<T>(
        sum, random, dims, dims.channels, same, 6, [&](auto const& x, auto const& y) { forward(block, x, y); },
        [&](auto const& x, auto const& y) { reference::instance_norm<oracle::number>(x, y, eps); });
  };
  for (index_t channels = 0; channels <= 40; ++channels) {
    index_t const batch = random.in(0, 3), time = random.in(0, 9), places = random.in(0, 9);
    check({batch, time, channels, places}, 1e-5);
  }
  for (index_t const places : {1, 2, 15, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 300}) {
    for (index_t const channels : {1, 2, 17}) {
      index_t const time = places > 100 ? random.in(1, 3) : random.in(1, 40);
      check({random.in(1, 2), time, channels, places}, 1e-3);
    }
  }
  for (index_t const time : {63, 64, 65, 128, 200}) check({2, time, 5, 1}, 1e-5);
  sum.print("instance_norm", type_name<T>());
  REQUIRE_ALL(sum, 88);
}

/// A large mean, and little around it; no variance at all; tiny and huge values.
template <class T>
void check_hard() {
  random_bits random(622);
  double worst = 0;
  index_t ran = 0;
  for (index_t const channels : {1, 3, 16}) {
    tshift::shape const dims{1, 20, channels, 30};
    auto const check = [&](double mean, double size, double eps) {
      auto x = uniform<T>(dims.size(), random, size);
      for (T& value : x) value += static_cast<T>(mean);
      std::vector<T> y(x.size());
      tensor_view<T const> const from(x.data(), dims, tshift::layout::ntsc);
      tensor_view<T> const to(y.data(), dims, tshift::layout::ntsc);
      forward<T>(instance_norm<T>(channels, {}, eps), from, to);
      oracle::tensor want(dims);
      reference::instance_norm<oracle::number>(oracle::read(from).view(), want.view(), eps);
      worst = std::max(worst, error_of<T>(to, want));
      ++ran;
    };
    for (double const mean : {1e2, 1e4, -1e6}) check(mean, 1, 1e-5);
    for (double const value : {0.0, 1.0, -0.1, 1e4}) check(value, 0, 1e-5);
    check(0, 1e-6, 1e-20);
    check(0, 1e12, 1e-5);
  }
  std::cout << "instance_norm, hard images, " << type_name<T>() << ": " << ran << " cases, worst error " << worst
            << " epsilon\n";
  CHECK(worst <= 6);
  REQUIRE(ran == 27);
}

template <class T>
void check_errors() {
  using block = instance_norm<T>;
  CHECK(message_of([&] { block(-1); }) == "instance_norm: a size is -1, must be >= 0");
  CHECK(message_of([&] { block(3, {}, 0); }) == "instance_norm: eps = 0, must be > 0 and finite");
  CHECK(message_of([&] { block(3, {}, std::numeric_limits<double>::infinity()); }) ==
        "instance_norm: eps = inf, must be > 0 and finite");
  CHECK(message_of([&] {
          block(3, {static_cast<activation::kind>(-1), 0});
        }) == "instance_norm: activation = -1, must be a named activation");
  block const good(3);
  CHECK(good.channels() == 3);
  std::vector<T> workspace(static_cast<std::size_t>(good.workspace_size({2, 3, 3, 4})));
  check_image_refusals<T>(
      "instance_norm", 3, 3, [&](auto const& x, auto const& y) { good.forward(x, y, workspace); }, true);
}

}  // namespace

TEST_CASE("instance_norm: against the oracle, a shift in memory and single sequences", "[nn][instance_norm]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("instance_norm: channels without variance, far from zero, tiny and huge", "[nn][instance_norm]") {
  check_hard<float>();
  check_hard<double>();
}

TEST_CASE("instance_norm: in place gives the bits of another place", "[nn][instance_norm]") {
  random_bits random(623);
  for (index_t const channels : {1, 19}) {
    instance_norm<float> const block(channels);
    for (int i = 0; i < 20; ++i) {
      tshift::shape const dims{2, 9, channels, 11};
      placed_image<float> x(dims, around_outputs<float>, random);
      x.fill(uniform<float>(dims.size(), random));
      std::vector<float> y(static_cast<std::size_t>(dims.size()));
      tensor_view<float> const other(y.data(), dims, tshift::layout::ntsc);
      forward<float>(block, x.view, other);
      forward<float>(block, x.view, x.view);
      bool same = true;
      tshift::reference::for_each_element(dims, [&](index_t n, index_t t, index_t c, index_t s) {
        same &= same_bits(other(n, t, c, s), x.view(n, t, c, s));
      });
      CHECK(same);
      CHECK(x.gaps_untouched());
    }
  }
}

TEST_CASE("instance_norm: an activation is applied to what is normalised", "[nn][instance_norm]") {
  random_bits random(624);
  for (index_t const channels : {1, 21}) {
    for (activation const f : {activation::gelu(), activation::relu(), activation::elu(0.5)}) {
      tshift::shape const dims{1, 7, channels, 9};
      auto const x = uniform<float>(dims.size(), random);
      std::vector<float> y(x.size()), z(x.size());
      tensor_view<float const> const from(x.data(), dims, tshift::layout::ntsc);
      tensor_view<float> const rows(y.data(), {1, 63, channels});
      forward<float>(instance_norm<float>(channels), from, tensor_view<float>(y.data(), dims, tshift::layout::ntsc));
      tshift::nn::activate<float>(f, rows, rows);
      forward<float>(instance_norm<float>(channels, f), from, tensor_view<float>(z.data(), dims, tshift::layout::ntsc));
      CHECK(y == z);
    }
  }
}

TEST_CASE("instance_norm: what is past a sequence's end is not read", "[nn][instance_norm]") {
  random_bits random(625);
  for (index_t const channels : {1, 6}) {
    auto x = uniform<float>(2 * 9 * 5 * channels, random);
    std::fill(x.begin() + 4 * 5 * channels, x.begin() + 9 * 5 * channels, std::numeric_limits<float>::quiet_NaN());
    index_t const lengths[] = {4, 0};
    std::vector<float> y(x.size(), 7.f);
    tshift::shape const dims{2, 9, channels, 5};
    forward<float>(instance_norm<float>(channels),
                   tensor_view<float const>(x.data(), dims, tshift::layout::ntsc, lengths),
                   tensor_view<float>(y.data(), dims, tshift::layout::ntsc));
    CHECK(std::none_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
    CHECK(std::any_of(y.begin(), y.begin() + 4 * 5 * channels, [](float value) { return value != 0.f; }));
    CHECK(std::all_of(y.begin() + 4 * 5 * channels, y.end(), [](float value) { return value == 0.f; }));
  }
}

TEST_CASE("instance_norm refuses what does not fit", "[nn][instance_norm][errors]") {
  check_errors<float>();
  check_errors<double>();
}
