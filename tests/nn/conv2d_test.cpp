// SPDX-License-Identifier: MIT
// conv2d: kernels, strides, zeros on each side and groups of all kinds, images smaller than the kernel, lengths, every
// tail of a tile, wide images with few channels, shifted input, activations.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/conv2d.hpp>

#include "../support/catch.hpp"
#include "../support/image_cases.hpp"

namespace {

using namespace test_support;
using tshift::activation;
using tshift::conv2d_options;
using tshift::window_axis;
using tshift::nn::conv2d;

constexpr index_t most = std::numeric_limits<index_t>::max();

index_t weights_of(conv2d_options const& o) { return o.outputs * (o.inputs / o.groups) * o.time.taps * o.space.taps; }

template <class T>
struct layer {
  conv2d_options how;
  std::vector<T> weight, bias;
  conv2d<T> block;

  layer(conv2d_options const& options, bool with_bias, random_bits& random)
      : how(options), weight(uniform<T>(weights_of(options), random)),
        bias(with_bias ? uniform<T>(options.outputs, random) : std::vector<T>()), block(options, weight, bias) {}

  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    REQUIRE(block.workspace_size(x.shape()) == 0);
    block.forward(x, y);
  }
  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::conv2d<oracle::number, T>(x, y, how, weight, bias);
  }
  /// As linear, of as many products.
  double allowed() const {
    auto const products = static_cast<double>(how.inputs / how.groups * how.time.taps * how.space.taps);
    return std::min(1 + 0.5 * products, 3.0);
  }
};

/// x is [batch, time, space, inputs].
template <class T>
void check_one(summary& sum, random_bits& random, index_t batch, index_t time, index_t space,
               conv2d_options const& options, bool with_bias = true) {
  layer<T> const one(options, with_bias, random);
  image_sizes const sizes{[&one](index_t n) { return one.block.frames(n); },
                          [&one](index_t n) { return one.block.places(n); }};
  check_image_case<T>(
      sum, random, {batch, time, options.inputs, space}, options.outputs, sizes, one.allowed(),
      [&](auto const& x, auto const& y) { one.forward(x, y); },
      [&](auto const& x, auto const& y) { one.define(x, y); });
}

window_axis draw_axis(index_t taps, random_bits& random) {
  if (random.chance(3)) return window_axis::same(taps);
  window_axis axis;
  axis.taps = taps;
  axis.stride = random.in(1, 3);
  axis.before = random.in(0, taps);
  axis.after = random.in(0, taps + 1);
  return axis;
}

/// One group, two, and as many as there are inputs, with one, two or three outputs each.
conv2d_options draw_channels(index_t kind, random_bits& random) {
  conv2d_options options;
  options.groups = kind % 3 == 0 ? 1 : kind % 3 == 1 ? 2 : random.in(1, 20);
  options.inputs = options.groups * (kind % 3 == 2 ? 1 : random.in(1, 9));
  options.outputs = options.groups * (kind % 3 == 2 ? random.in(1, 3) : random.in(1, 20));
  return options;
}

template <class T>
void check_kernels() {
  random_bits random(591);
  summary sum;
  index_t kind = 0;
  for (index_t k = 1; k <= 7; ++k) {
    for (index_t l = 1; l <= 5; ++l) {
      for (int again = 0; again < 6; ++again) {
        conv2d_options options = draw_channels(kind++, random);
        options.time = draw_axis(k, random);
        options.space = draw_axis(l, random);
        index_t const batch = random.in(1, 3), time = random.in(0, 9), space = random.in(0, 8);
        check_one<T>(sum, random, batch, time, space, options, !random.chance(4));
      }
    }
  }
  sum.print("conv2d, kernels", type_name<T>());
  REQUIRE_ALL(sum, 210);
}

/// Few channels and many places, most of which have all taps inside the image; and all strides along space.
template <class T>
void check_wide() {
  random_bits random(592);
  summary sum;
  for (index_t inputs : {1, 2, 3, 4, 16, 17, 32, 33}) {
    for (index_t const space : {1, 4, 9, 20, 37}) {
      for (int again = 0; again < 3; ++again) {
        conv2d_options options;
        options.inputs = inputs;
        options.outputs = random.in(1, 20);
        options.time = draw_axis(random.in(1, 4), random);
        options.space = draw_axis(random.in(1, 6), random);
        index_t const batch = random.in(1, 3), time = random.in(1, 7);
        check_one<T>(sum, random, batch, time, space, options);
      }
    }
  }
  // Few outputs of many channels, which are summed over the lanes of a vector.
  for (index_t inputs = 4; inputs <= 40; ++inputs) {
    for (index_t const outputs : {1, 2, 4}) {
      conv2d_options options{.inputs = inputs, .outputs = outputs};
      options.time = draw_axis(random.in(1, 4), random);
      options.space = draw_axis(random.in(1, 4), random);
      index_t const batch = random.in(1, 3), time = random.in(0, 7), space = random.in(0, 9);
      check_one<T>(sum, random, batch, time, space, options);
    }
  }
  // More taps along time than a table has pieces, and more than 768 products at a time.
  for (index_t const taps : {31, 32, 33, 40}) {
    conv2d_options options{.inputs = 9, .outputs = 5, .time = window_axis::same(taps), .space = window_axis::same(3)};
    check_one<T>(sum, random, 2, 12, 7, options);
    options.space = {.taps = 4, .stride = 2};
    check_one<T>(sum, random, 1, 45, 11, options);
  }
  sum.print("conv2d, wide", type_name<T>());
  REQUIRE_ALL(sum, 239);
}

template <class T>
void check_sizes() {
  random_bits random(593);
  summary sum;
  auto const check = [&](index_t batch, index_t time, index_t space, index_t inputs, index_t outputs, index_t groups) {
    conv2d_options options{.inputs = inputs * groups, .outputs = outputs * groups, .groups = groups};
    options.time = draw_axis(random.in(1, 3), random);
    options.space = draw_axis(random.in(1, 3), random);
    check_one<T>(sum, random, batch, time, space, options);
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 31, 64}) {  // pixels of one block of rows, and of several
    for (index_t const space : {1, 3, 10}) {
      for (index_t const groups : {1, 2, 5}) {
        index_t const batch = time > 30 ? random.in(1, 2) : random.in(0, 3), inputs = random.in(1, 8);
        check(batch, time, space, inputs, random.in(1, 20), groups);
      }
    }
  }
  for (index_t outputs = 0; outputs <= 50; ++outputs) {  // of a group
    index_t const inputs = random.in(1, 40), time = random.in(1, 6), space = random.in(1, 6);
    check(1 + outputs % 3, time, space, inputs, outputs, 1 + outputs % 2);
  }
  for (index_t inputs = 0; inputs <= 40; ++inputs) {
    index_t const outputs = random.in(1, 20), time = random.in(1, 6), space = random.in(1, 12);
    check(1 + inputs % 3, time, space, inputs, outputs, 1 + inputs % 2);
  }
  sum.print("conv2d", type_name<T>());
  REQUIRE_ALL(sum, 164);
}

/// Taps times channels about where the GEMM cuts its sums, 768.
template <class T>
void check_deep() {
  random_bits random(594);
  summary sum;
  struct deep {
    index_t inputs, taps_of_time, taps_of_space;
  };
  for (deep const& d : {deep{767, 1, 1}, {768, 1, 1}, {769, 1, 1}, {256, 3, 1}, {86, 3, 3}, {64, 5, 3}, {33, 5, 5}}) {
    for (index_t const outputs : {12, 21}) {
      conv2d_options options{.inputs = d.inputs, .outputs = outputs};
      options.time = draw_axis(d.taps_of_time, random);
      options.space = draw_axis(d.taps_of_space, random);
      check_one<T>(sum, random, 1, random.in(5, 8), random.in(5, 7), options);
    }
  }
  sum.print("conv2d, deep", type_name<T>());
  REQUIRE_ALL(sum, 14);
}

template <class T>
void check_errors() {
  std::vector<T> const w(72, T(1)), b(6, T(1)), shorter(5, T(1));
  auto const message = [&](conv2d_options const& options, std::vector<T> const& weight, std::vector<T> const& bias,
                           activation const& f = {}) {
    return message_of([&] { conv2d<T>(options, weight, bias, f); });
  };
  conv2d_options const good{.inputs = 4, .outputs = 6, .time = {2, 3, 1, 0}, .space = {3, 2, 0, 2}, .groups = 2};
  CHECK(message(good, w, b).empty());
  CHECK(message(good, w, {}).empty());
  auto const with = [&](auto const& change) {
    conv2d_options options = good;
    change(options);
    return message(options, w, b);
  };
  std::string const limit = "1099511627776]";
  CHECK(with([](auto& o) { o.time.taps = 0; }) == "conv2d: time.taps = 0, must be in [1, " + limit);
  CHECK(with([](auto& o) { o.space.taps = -3; }) == "conv2d: space.taps = -3, must be in [1, " + limit);
  CHECK(with([](auto& o) { o.time.stride = 0; }) == "conv2d: time.stride = 0, must be in [1, " + limit);
  CHECK(with([](auto& o) { o.space.stride = most; }) ==
        "conv2d: space.stride = " + std::to_string(most) + ", must be in [1, " + limit);
  CHECK(with([](auto& o) { o.time.before = -1; }) == "conv2d: time.before = -1, must be in [0, " + limit);
  CHECK(with([](auto& o) { o.space.after = -1; }) == "conv2d: space.after = -1, must be in [0, " + limit);
  CHECK(with([](auto& o) { o.space.taps = 4; }) == "conv2d: weight has 72 elements, must have 96");
  CHECK(with([](auto& o) { o.groups = 3; }) == "conv2d: 3 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(with([](auto& o) { o.groups = 0; }) == "conv2d: 0 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(with([](auto& o) { o.inputs = -4; }) == "conv2d: a size is -4, must be >= 0");
  CHECK(with([](auto& o) { o.outputs = -6; }) == "conv2d: a size is -6, must be >= 0");
  CHECK(with([](auto& o) { o.inputs = most - 1; }) == "conv2d: the product of the sizes must fit in 2^63 - 1");
  CHECK(message(good, w, shorter) == "conv2d: bias has 5 elements, must have 6");
  CHECK(message(good, w, b, {static_cast<activation::kind>(9), 0}) ==
        "conv2d: activation = 9, must be a named activation");
  CHECK(message(good, w, b, activation::elu(std::numeric_limits<double>::infinity())) ==
        "conv2d: the factor of the activation is inf, must be finite");
  conv2d<T> const block(good, w, b);
  CHECK(block.inputs() == 4);
  CHECK(block.outputs() == 6);
  CHECK(block.options().groups == 2);
  for (index_t size = 0; size < 20; ++size) {
    CHECK(block.frames(size) == reference::window_count(size, good.time));
    CHECK(block.places(size) == reference::window_count(size, good.space));
  }
  random_bits random(595);
  for (index_t const outputs : {2, 3}) {
    layer<T> const one({.inputs = 3, .outputs = outputs, .time = window_axis::same(3), .space = window_axis::same(2)},
                       true, random);
    check_image_refusals<T>("conv2d", 3, outputs, [&](auto const& x, auto const& y) { one.block.forward(x, y); });
  }
}

}  // namespace

TEST_CASE("conv2d: every kernel, with all strides, zeros and groups", "[nn][conv2d]") {
  check_kernels<float>();
  check_kernels<double>();
}

TEST_CASE("conv2d: wide images of few channels", "[nn][conv2d]") {
  check_wide<float>();
  check_wide<double>();
}

TEST_CASE("conv2d: all tails, against the oracle, a shift in memory and single sequences", "[nn][conv2d]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("conv2d: sums in one part and in several", "[nn][conv2d]") {
  check_deep<float>();
  check_deep<double>();
}

TEST_CASE("conv2d correlates: the first tap is the earliest frame and the lowest place", "[nn][conv2d]") {
  // [k][l]: a digit for each of six taps.
  float const weight[] = {1, 10, 100, 1000, 10000, 100000}, x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  auto const result = [&](window_axis const& time, window_axis const& space) {
    conv2d<float> const block({.inputs = 1, .outputs = 1, .time = time, .space = space}, weight, {});
    tshift::shape const dims{1, block.frames(3), 1, block.places(3)};
    std::vector<float> y(static_cast<std::size_t>(dims.size()));
    block.forward(tensor_view<float const>(x, {1, 3, 1, 3}), tensor_view<float>(y.data(), dims));
    return y;
  };
  CHECK(result({2}, {3}) == std::vector<float>{654321, 987654});
  CHECK(result({3}, {2}) == std::vector<float>{875421, 986532});
  CHECK(result({2, 1, 1, 0}, {3, 2, 1, 0}) == std::vector<float>{210000, 540210, 870540});
  // An even number of taps: the zero that is one too many stands after the last.
  window_axis const even = window_axis::same(2);
  CHECK((even.before == 0 && even.after == 1));
  CHECK(result(even, window_axis::same(3)) ==
        std::vector<float>{540210, 654321, 65032, 870540, 987654, 98065, 870, 987, 98});
}

TEST_CASE("conv2d: one place is conv1d, bit for bit", "[nn][conv2d]") {
  random_bits random(596);
  for (index_t const channels : {3, 40}) {
    auto const weight = uniform<float>(channels * 7 * 5, random), bias = uniform<float>(7, random);
    auto const x = uniform<float>(2 * 30 * channels, random);
    tshift::nn::conv1d<float> const one({.inputs = channels, .outputs = 7, .taps = 5, .stride = 2, .padding = 2},
                                        weight, bias);
    conv2d<float> const two({.inputs = channels, .outputs = 7, .time = {5, 2, 2, 2}}, weight, bias);
    std::vector<float> y(2 * 15 * 7), z(y.size());
    tensor_view<float const> const from(x.data(), {2, 30, channels});
    one.forward(from, tensor_view<float>(y.data(), {2, 15, 7}));
    two.forward(from, tensor_view<float>(z.data(), {2, 15, 7}));
    CHECK(y == z);
  }
}

TEST_CASE("conv2d: what is past a sequence's end is not read", "[nn][conv2d]") {
  random_bits random(597);
  for (index_t const inputs : {4, 40}) {
    layer<float> const one({.inputs = inputs, .outputs = 6, .time = {3, 2, 1, 1}, .space = window_axis::same(3)}, true,
                           random);
    auto x = uniform<float>(13 * 9 * inputs, random);
    std::fill(x.begin() + 8 * 9 * inputs, x.end(), std::numeric_limits<float>::quiet_NaN());
    index_t const lengths[] = {8}, frames = one.block.frames(13), own = one.block.frames(8) * 9 * 6;
    std::vector<float> y(static_cast<std::size_t>(frames * 9 * 6), 7.f);
    one.forward(tensor_view<float const>(x.data(), {1, 13, inputs, 9}, tshift::layout::ntsc, lengths),
                tensor_view<float>(y.data(), {1, frames, 6, 9}, tshift::layout::ntsc));
    CHECK(std::none_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
    CHECK(std::any_of(y.begin(), y.begin() + own, [](float value) { return value != 0.f; }));
    CHECK(std::all_of(y.begin() + own, y.end(), [](float value) { return value == 0.f; }));
  }
}

TEST_CASE("conv2d: a NaN stays where its pixel is seen", "[nn][conv2d]") {
  random_bits random(598);
  for (index_t const inputs : {2, 40}) {
    layer<float> const one(
        {.inputs = inputs, .outputs = 5, .time = window_axis::same(3), .space = window_axis::same(3)}, true, random);
    constexpr index_t T = 8, F = 12;
    std::vector<float> x = uniform<float>(T * F * inputs, random), clean(T * F * 5), dirty(T * F * 5);
    auto const run = [&](std::vector<float>& y) {
      one.forward(tensor_view<float const>(x.data(), {1, T, inputs, F}, tshift::layout::ntsc),
                  tensor_view<float>(y.data(), {1, T, 5, F}, tshift::layout::ntsc));
    };
    run(clean);
    auto const put = [&](index_t t, index_t p) {
      x[static_cast<std::size_t>((t * F + p) * inputs)] = std::numeric_limits<float>::quiet_NaN();
    };
    put(0, 0);
    put(4, F - 1);
    run(dirty);
    index_t wrong = 0;
    for (index_t t = 0; t < T; ++t) {
      for (index_t p = 0; p < F; ++p) {
        bool const seen = (t <= 1 && p <= 1) || (t >= 3 && t <= 5 && p >= F - 2);
        for (index_t o = 0; o < 5; ++o) {
          auto const i = static_cast<std::size_t>((t * F + p) * 5 + o);
          wrong += std::isfinite(dirty[i]) == seen || (!seen && !same_bits(clean[i], dirty[i])) ? 1 : 0;
        }
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("conv2d: an activation is applied to what is made, tile by tile", "[nn][conv2d]") {
  random_bits random(599);
  for (activation const f : {activation::relu(), activation::leaky_relu(0.1), activation::elu(), activation::gelu()}) {
    for (index_t const outputs : {1, 21}) {
      conv2d_options const how{
          .inputs = 17, .outputs = outputs, .time = window_axis::same(3), .space = window_axis::same(3)};
      auto const weight = uniform<float>(weights_of(how), random), bias = uniform<float>(outputs, random);
      auto const x = uniform<float>(7 * 9 * 17, random, 2);
      std::vector<float> y(static_cast<std::size_t>(7 * 9 * outputs)), z(y.size());
      tensor_view<float const> const from(x.data(), {1, 7, 17, 9}, tshift::layout::ntsc);
      tensor_view<float> const made(y.data(), {1, 7, outputs, 9}, tshift::layout::ntsc),
          rows(y.data(), {1, 63, outputs});
      conv2d<float>(how, weight, bias).forward(from, made);
      tshift::nn::activate<float>(f, rows, rows);
      conv2d<float>(how, weight, bias, f).forward(from, tensor_view<float>(z.data(), made.shape, tshift::layout::ntsc));
      CHECK(y == z);
      CHECK(std::any_of(z.begin(), z.end(), [](float value) { return value > 1; }));
    }
  }
}

TEST_CASE("conv2d refuses what does not fit", "[nn][conv2d][errors]") {
  check_errors<float>();
  check_errors<double>();
}
