// SPDX-License-Identifier: MIT
// train::conv2d: kernels, strides, zeros on each side and groups of all kinds, images smaller than the kernel, strides
// longer than it, lengths, shifts of x and of dy, threads, few and many channels, few outputs, activations, windows of
// more channels than are summed together.
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <tshift/train/conv2d.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::activation;
using tshift::conv2d_options;
using tshift::window_axis;

auto conv_of(conv2d_options const& options, bool bias = true, activation const& f = {}) {
  return [=]<class T>(T, parameter_table& table) { return tshift::train::conv2d<T>(table, "conv", options, bias, f); };
}

window_axis draw_axis(index_t taps, random_bits& random) {
  if (random.chance(3)) return window_axis::same(taps);
  window_axis axis;
  axis.taps = taps;
  axis.stride = random.in(1, 4);
  axis.before = random.in(0, taps);
  axis.after = random.in(0, taps + 1);
  return axis;
}

/// x is [batch, time, space, inputs].
void check_one(conv2d_options const& options, index_t batch, index_t time, index_t space, std::uint64_t seed,
               train_totals& sum, bool bias = true, activation const& f = {}) {
  INFO("kernel " << options.time.taps << " x " << options.space.taps << ", strides " << options.time.stride << ", "
                 << options.space.stride << ", outputs " << options.outputs << ", groups " << options.groups);
  index_t const most = options.time.count(time) * options.space.count(space);
  // Of short sequences none may have a frame of y.
  bool const bends = f.which != activation::kind::none && f.which != activation::kind::gelu;
  train_draw const how{
      .dims = {batch, time, options.inputs, space}, .zero_slope = most == 0 || time < 9, .bends = bends};
  check_training(conv_of(options, bias, f), how, seed, sum);
}

}  // namespace

TEST_CASE("train::conv2d: gradients are slopes, and bits depend on nothing", "[train][conv2d]") {
  train_totals sum;
  random_bits random(77);
  // Drawn so that no gradient is the small difference of large numbers, and none is of nothing.
  std::uint64_t seed = 2191;
  for (index_t k = 1; k <= 5; ++k) {
    for (index_t l = 1; l <= 4; ++l) {
      for (int again = 0; again < 3; ++again) {
        index_t const groups = 1 + static_cast<index_t>(seed % 3);
        conv2d_options options{.inputs = groups * static_cast<index_t>(1 + seed % 7),
                               .outputs = groups * static_cast<index_t>(1 + seed % 5),
                               .groups = groups};
        options.time = draw_axis(k, random);
        options.space = draw_axis(l, random);
        check_one(options, 4, random.in(3, 13), random.in(1, 9), seed, sum, seed % 4 != 0);
        ++seed;
      }
    }
  }
  sum.print("conv2d");
  REQUIRE(sum.cases == 60);
  REQUIRE(sum.gradients == 60 * 2 + 45);
}

TEST_CASE("train::conv2d: sizes of all kinds", "[train][conv2d]") {
  train_totals sum;
  std::uint64_t seed = 611;
  auto const of = [](index_t inputs, index_t outputs, window_axis time, window_axis space, index_t groups = 1) {
    return conv2d_options{.inputs = inputs, .outputs = outputs, .time = time, .space = space, .groups = groups};
  };
  window_axis const three = window_axis::same(3), two = window_axis::same(2), one{};
  check_one(of(40, 50, three, three), 2, 9, 3, seed++, sum);
  check_one(of(33, 7, three, two), 2, 12, 14, seed++, sum);  // not in strips
  check_one(of(3, 8, window_axis::same(5), three), 2, 40, 13, seed++, sum);
  check_one(of(1, 16, three, three), 2, 20, 30, seed++, sum);  // the ends of a stem
  check_one(of(16, 1, three, three), 2, 20, 30, seed++, sum);  // outputs of one channel
  check_one(of(40, 2, two, three), 2, 20, 8, seed++, sum);
  check_one(of(200, 3, three, three), 2, 10, 4, seed++, sum);                               // three taps at a time
  check_one(of(800, 5, two, one), 2, 9, 2, seed++, sum);                                    // one
  check_one(of(30, 5, window_axis::same(7), window_axis::same(5)), 1, 12, 9, seed++, sum);  // 25 of 35
  check_one(of(3, 8, three, three), 1, 100, 20, seed++, sum);                               // sums of 384 pixels
  check_one(of(12, 16, one, one), 2, 13, 5, seed++, sum);
  check_one(of(9, 9, three, three, 9), 2, 13, 5, seed++, sum);
  check_one(of(8, 8, window_axis{100, 50, 0, 0}, two), 2, 400, 3, seed++, sum);  // more taps than a table has pieces
  check_one(of(1, 8, window_axis{100, 50, 0, 0}, two), 2, 400, 3, seed++, sum);  // in a table, with AVX-512
  check_one(of(4, 6, window_axis{3, 5, 2, 1}, window_axis{2, 7, 1, 2}), 4, 31, 23, seed++, sum);  // gaps
  constexpr index_t far = index_t{1} << 40;
  check_one(of(4, 6, window_axis{3, far, 2, 1}, window_axis{2, far, 1, 2}), 2, 11, 9, seed++, sum);
  check_one(of(4, 6, three, window_axis{2, 1, 4, 3}), 2, 11, 1, seed++, sum);  // places that see zeros alone
  sum.print("conv2d, sizes");
  REQUIRE(sum.cases == 17);
  REQUIRE(sum.gradients == 17 * 3);
}

TEST_CASE("train::conv2d: activations", "[train][conv2d]") {
  train_totals sum;
  std::uint64_t seed = 711;
  for (activation const& f :
       {activation::relu(), activation::leaky_relu(0.3), activation::elu(0.7), activation::gelu()}) {
    for (index_t const outputs : {1, 7, 20}) {
      conv2d_options const options{
          .inputs = 18, .outputs = outputs, .time = window_axis::same(3), .space = window_axis::same(2)};
      check_one(options, 2, 9, 5, seed++, sum, true, f);
    }
  }
  sum.print("conv2d, activations");
  REQUIRE(sum.cases == 12);
  REQUIRE(sum.gradients == 36);
}

TEST_CASE("train::conv2d: an image that is too small has a gradient of zero", "[train][conv2d]") {
  parameter_table table;
  conv2d_options const options{.inputs = 2, .outputs = 3, .time = {5, 1, 0, 0}, .space = {2, 1, 0, 0}};
  tshift::train::conv2d<float> block(table, "conv", options);
  std::vector<float> const x(48, 1.0f);
  std::vector<float> dx(48, around_outputs<float>), gradients(static_cast<std::size_t>(table.size()), 7.0f);
  tshift::shape const dims{2, 4, 2, 3};
  CHECK(block.frames(4) == 0);
  CHECK(block.places(3) == 2);
  auto workspace = block.make_workspace(dims);
  block.backward(tensor_view<float const>(x, dims, dense), {}, tensor_view<float const>(nullptr, {2, 0, 3, 2}, dense),
                 tensor_view<float>(dx, dims, dense), gradients, workspace);
  CHECK(dx == std::vector<float>(48, 0.0f));
  CHECK(gradients == std::vector<float>(gradients.size(), 7.0f));
}

TEST_CASE("train::conv2d: lengths are those of x", "[train][conv2d]") {
  conv2d_options const strided{.inputs = 20, .outputs = 30, .time = {5, 2, 1, 1}, .space = {3, 2, 1, 0}, .groups = 2};
  conv2d_options const even{.inputs = 20, .outputs = 30, .time = {4, 1, 3, 1}, .space = window_axis::same(3)};
  check_dy_without_lengths(conv_of(strided), {3, 40, 20, 7}, {40, 0, 17});
  check_dy_without_lengths(conv_of(even, true, activation::relu()), {3, 40, 20, 7}, {40, 0, 17});
}

TEST_CASE("train::conv2d: inference's bits", "[train][conv2d]") {
  conv2d_options const grouped{
      .inputs = 10, .outputs = 34, .time = {5, 2, 2, 1}, .space = window_axis::same(3), .groups = 2};
  conv2d_options const thin{.inputs = 21, .outputs = 1, .time = window_axis::same(3), .space = window_axis::same(3)};
  conv2d_options const wide{.inputs = 3, .outputs = 9, .time = window_axis::same(2), .space = window_axis::same(3)};
  for (conv2d_options const& options : {grouped, thin, wide}) {
    for (activation const& f : {activation(), activation::leaky_relu(0.2), activation::gelu()}) {
      index_t const weights =
          options.outputs * options.inputs / options.groups * options.time.taps * options.space.taps;
      index_t const cases =
          check_forward(conv_of(options, true, f),
                        [&](auto const& values, auto const& x, auto const& y) {
                          using T = typename std::remove_cvref_t<decltype(values)>::value_type;
                          std::span<T const> const all(values);
                          auto const some = static_cast<std::size_t>(weights);
                          tshift::nn::conv2d<T>(options, all.first(some), all.subspan(some), f).forward(x, y);
                        },
                        {3, 20, options.inputs, 9});
      REQUIRE(cases == forward_cases);
    }
  }
}

TEST_CASE("train::conv2d: refuses", "[train][conv2d]") {
  auto const refused = [](conv2d_options const& options, activation const& f = {}) {
    parameter_table table;
    auto const message = message_of([&] { tshift::train::conv2d<float>(table, "conv", options, true, f); });
    CHECK((message.empty() || table.count() == 0));
    return message;
  };
  conv2d_options const good{.inputs = 4, .outputs = 6};
  CHECK(refused(good) == "");
  auto wrong = good;
  wrong.time.taps = 0;
  CHECK(refused(wrong) == "conv2d: time.taps = 0, must be in [1, 1099511627776]");
  wrong = good;
  wrong.space.stride = 0;
  CHECK(refused(wrong) == "conv2d: space.stride = 0, must be in [1, 1099511627776]");
  wrong = good;
  wrong.groups = 3;
  CHECK(refused(wrong) == "conv2d: 3 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(refused(good, {static_cast<activation::kind>(9), 0}) == "conv2d: activation = 9, must be a named activation");

  parameter_table table;
  tshift::train::conv2d<float> const block(
      table, "conv", {.inputs = 4, .outputs = 6, .time = window_axis::same(3), .space = {2, 2, 0, 0}});
  std::vector<float> memory(1000), gradients(static_cast<std::size_t>(table.size()));
  auto const call = [&](tshift::shape const& x, tshift::shape const& y, tshift::shape const& to,
                        tshift::layout order = dense) {
    return message_of([&] {
      auto workspace = block.make_workspace(x);
      float* const at = memory.data();
      block.backward(tensor_view<float>(at, x, order), {}, tensor_view<float>(at + 300, y, dense),
                     tensor_view<float>(at + 600, to, dense), gradients, workspace);
    });
  };
  CHECK(call({2, 3, 4, 8}, {2, 3, 6, 4}, {2, 3, 4, 8}) == "");
  CHECK(call({2, 3, 4, 8}, {2, 3, 6, 8}, {2, 3, 4, 8}) == "conv2d: dy is [2, 3, 8], must be [2, 3, 4]");
  CHECK(call({2, 3, 4, 8}, {2, 2, 6, 4}, {2, 3, 4, 8}) == "conv2d: dy is [2, 2, 4], must be [2, 3, 4]");
  CHECK(call({2, 3, 4, 8}, {2, 3, 5, 4}, {2, 3, 4, 8}) == "conv2d: dy has 5 channels, must have 6");
  CHECK(call({2, 3, 4, 8}, {2, 3, 6, 4}, {2, 3, 4, 7}) == "conv2d: x has space 8, dx has 7");
  CHECK(call({2, 3, 4, 8}, {2, 3, 6, 4}, {2, 3, 4, 8}, tshift::layout::ntcs) ==
        "conv2d: x has stride 8 along channels, must be 1");
}
