// SPDX-License-Identifier: MIT
// conv1d: filters, strides, paddings and groups of all kinds, sequences shorter than the filter, lengths, every tail of
// a tile, shifted input.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/nn/conv1d.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::conv1d_options;
using tshift::nn::conv1d;

constexpr index_t most = std::numeric_limits<index_t>::max();

template <class T>
struct layer {
  conv1d_options how;
  std::vector<T> weight, bias;
  conv1d<T> block;

  layer(conv1d_options const& options, bool with_bias, random_bits& random)
      : how(options), weight(uniform<T>(options.outputs * (options.inputs / options.groups) * options.taps, random)),
        bias(with_bias ? uniform<T>(options.outputs, random) : std::vector<T>()), block(options, weight, bias) {}

  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(static_cast<index_t>(block.workspace_size(x.shape())));
    block.forward(x, y, workspace);
  }
  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::conv1d<oracle::number, T>(x, y, how.taps, how.stride, how.padding, how.groups, weight, bias);
  }
  /// As linear, of as many products.
  double allowed() const { return std::min(1 + 0.5 * static_cast<double>(how.inputs / how.groups * how.taps), 3.0); }
};

template <class T>
void check_one(summary& sum, random_bits& random, index_t batch, index_t time, conv1d_options const& options,
               bool with_bias = true) {
  layer<T> const one(options, with_bias, random);
  check_case<T>(
      sum, random, {batch, time, options.inputs}, options.outputs, rows::within_sequence, one.allowed(),
      [&](auto const& x, auto const& y) { one.forward(x, y); }, [&](auto const& x, auto const& y) { one.define(x, y); },
      [&](index_t frames) { return one.block.frames(frames); });
}

/// One group, two, and as many as there are inputs, with one, two or three outputs each.
conv1d_options draw_channels(index_t kind, random_bits& random) {
  conv1d_options options;
  options.groups = kind % 3 == 0 ? 1 : kind % 3 == 1 ? 2 : random.in(1, 40);
  options.inputs = options.groups * (kind % 3 == 2 ? 1 : random.in(1, 20));
  options.outputs = options.groups * (kind % 3 == 2 ? random.in(1, 3) : random.in(1, 30));
  return options;
}

template <class T>
void check_filters() {
  random_bits random(391);
  summary sum;
  index_t kind = 0;
  for (index_t taps = 1; taps <= 11; ++taps) {
    for (index_t stride = 1; stride <= 5; ++stride) {
      for (index_t const padding : {index_t{0}, index_t{1}, taps / 2, taps}) {
        conv1d_options options = draw_channels(kind++, random);
        options.taps = taps;
        options.stride = stride;
        options.padding = padding;
        index_t const batch = random.in(1, 3), time = random.in(0, 25);
        check_one<T>(sum, random, batch, time, options, !random.chance(4));
      }
    }
  }
  sum.print("conv1d, filters", type_name<T>());
  REQUIRE_ALL(sum, 220);
}

template <class T>
void check_sizes() {
  random_bits random(392);
  summary sum;
  auto const check = [&](index_t batch, index_t time, index_t inputs, index_t outputs, index_t groups) {
    conv1d_options options;
    options.inputs = inputs * groups;
    options.outputs = outputs * groups;
    options.groups = groups;
    options.taps = random.in(1, 5);
    options.stride = random.in(1, 3);
    options.padding = random.in(0, options.taps);
    check_one<T>(sum, random, batch, time, options);
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 200}) {  // frames of x
    for (index_t const groups : {1, 2, 5}) {
      index_t const batch = time > 90 ? random.in(1, 2) : random.in(0, 3), inputs = random.in(1, 12);
      check(batch, time, inputs, random.in(1, 20), groups);
    }
  }
  for (index_t outputs = 0; outputs <= 50; ++outputs) {  // of a group
    index_t const inputs = random.in(1, 20), time = random.in(1, 20);
    check(1 + outputs % 3, time, inputs, outputs, 1 + outputs % 2);
  }
  for (index_t inputs = 0; inputs <= 40; ++inputs) {
    index_t const outputs = random.in(1, 20), time = random.in(1, 20);
    check(1 + inputs % 3, time, inputs, outputs, 1 + inputs % 2);
  }
  for (index_t channels = 1; channels <= 40; ++channels) check(1, random.in(1, 20), 1, 1, channels);  // depthwise
  sum.print("conv1d", type_name<T>());
  REQUIRE_ALL(sum, 162);
}

/// Taps times channels about where the GEMM cuts its sums, 384.
template <class T>
void check_deep() {
  random_bits random(393);
  summary sum;
  index_t const sizes[][2] = {{383, 1}, {384, 1}, {385, 1}, {128, 3}, {129, 3}, {77, 5}, {64, 6}, {256, 5}, {512, 3}};
  for (auto const& [inputs, taps] : sizes) {
    for (index_t const outputs : {12, 21}) {
      conv1d_options options;
      options.inputs = inputs;
      options.outputs = outputs;
      options.taps = taps;
      options.stride = random.in(1, 2);
      options.padding = random.in(0, taps - 1);
      check_one<T>(sum, random, 2, random.in(5, 11), options);
    }
  }
  sum.print("conv1d, deep", type_name<T>());
  REQUIRE_ALL(sum, 18);
}

/// Sequences of more rows than are looked up together: some blocks of windows are one run of memory each.
template <class T>
void check_long() {
  random_bits random(397);
  summary sum;
  for (int i = 0; i < 40; ++i) {
    conv1d_options options;
    options.inputs = random.in(1, 6);
    options.outputs = random.in(1, 5);
    options.taps = random.in(2, 4);
    options.stride = random.in(1, 2);
    options.padding = random.in(0, 2);
    check_one<T>(sum, random, 2, random.in(400, 520), options);
  }
  sum.print("conv1d, long", type_name<T>());
  REQUIRE_ALL(sum, 40);
}

template <class T>
void check_errors() {
  std::vector<T> const w(24, T(1)), b(6, T(1)), shorter(5, T(1));
  auto const message = [&](conv1d_options const& options, std::vector<T> const& weight, std::vector<T> const& bias) {
    return message_of([&] { conv1d<T>(options, weight, bias); });
  };
  conv1d_options const good{.inputs = 4, .outputs = 6, .taps = 2, .stride = 3, .padding = 1, .groups = 2};
  CHECK(message(good, w, b).empty());
  CHECK(message(good, w, {}).empty());
  auto const with = [&](index_t conv1d_options::*member, index_t value) {
    conv1d_options options = good;
    options.*member = value;
    return message(options, w, b);
  };
  CHECK(with(&conv1d_options::taps, 0) == "conv1d: 0 taps, must be >= 1");
  CHECK(with(&conv1d_options::taps, -3) == "conv1d: -3 taps, must be >= 1");
  CHECK(with(&conv1d_options::taps, 3) == "conv1d: weight has 24 elements, must have 36");
  CHECK(with(&conv1d_options::stride, 0) == "conv1d: stride = 0, must be >= 1");
  CHECK(with(&conv1d_options::stride, -1) == "conv1d: stride = -1, must be >= 1");
  CHECK(with(&conv1d_options::padding, -1) == "conv1d: padding = -1, must be >= 0");
  // No number of frames would be one.
  CHECK(with(&conv1d_options::padding, most).starts_with("conv1d: padding = " + std::to_string(most) + ", must be "));
  CHECK(with(&conv1d_options::groups, 3) == "conv1d: 3 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(with(&conv1d_options::groups, 4) == "conv1d: 4 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(with(&conv1d_options::groups, 0) == "conv1d: 0 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(with(&conv1d_options::groups, -2) == "conv1d: -2 groups, must divide the 4 inputs and the 6 outputs");
  CHECK(with(&conv1d_options::inputs, -4) == "conv1d: a size is -4, must be >= 0");
  CHECK(with(&conv1d_options::outputs, -6) == "conv1d: a size is -6, must be >= 0");
  CHECK(with(&conv1d_options::inputs, 6) == "conv1d: weight has 24 elements, must have 36");
  CHECK(with(&conv1d_options::inputs, most - 1) == "conv1d: the product of the sizes must fit in 2^63 - 1");
  CHECK(message(good, w, shorter) == "conv1d: bias has 5 elements, must have 6");
  conv1d<T> const block(good, w, b);
  CHECK(block.inputs() == 4);
  CHECK(block.outputs() == 6);
  CHECK(block.options().taps == 2);
  CHECK(block.options().stride == 3);
  CHECK(block.options().padding == 1);
  CHECK(block.options().groups == 2);
  for (index_t time = 0; time < 20; ++time) CHECK(block.frames(time) == reference::conv1d_frames(time, 2, 3, 1));

  // Two sequences of three frames to three frames, with other channels and with as many.
  random_bits random(394);
  conv1d_options same{.inputs = 3, .outputs = 2, .taps = 3, .stride = 1, .padding = 1, .groups = 1};
  std::vector<T> workspace(4096);
  for (index_t const outputs : {2, 3}) {
    same.outputs = outputs;
    layer<T> const one(same, true, random);
    REQUIRE(static_cast<index_t>(one.block.workspace_size({2, 3, 3})) <= 4096);
    check_refusals<T>(
        "conv1d", 3, outputs, false, [&](auto const& x, auto const& y) { one.block.forward(x, y, workspace); },
        "must be [2, 3]");
  }
  std::vector<T> memory(100, T(1)), y(100, T(7));
  auto const refused = [&](index_t time, index_t frames) {
    auto const text = message_of([&] {
      block.forward(tensor_view<T>(memory.data(), {1, time, 4}), tensor_view<T>(y.data(), {1, frames, 6}), workspace);
    });
    CHECK(y == std::vector<T>(100, T(7)));
    return text;
  };
  CHECK(refused(5, 5) == "conv1d: y is [1, 5], must be [1, 2]");
  CHECK(refused(5, 3) == "conv1d: y is [1, 3], must be [1, 2]");
  CHECK(refused(5, 1) == "conv1d: y is [1, 1], must be [1, 2]");
  CHECK(refused(0, 0) == "conv1d: y is [1, 0], must be [1, 1]");
}

}  // namespace

TEST_CASE("conv1d: sequences of several blocks of rows", "[nn][conv1d]") {
  check_long<float>();
  check_long<double>();
}

TEST_CASE("conv1d: every filter, stride and padding, in groups and without", "[nn][conv]") {
  check_filters<float>();
  check_filters<double>();
}

TEST_CASE("conv1d: all tails, against the oracle, a shift in memory and single sequences", "[nn][conv]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("conv1d: sums in one part and in several", "[nn][conv]") {
  check_deep<float>();
  check_deep<double>();
}

TEST_CASE("conv1d correlates: tap k of frame t reads frame t stride + k - padding", "[nn][conv]") {
  float const weight[] = {1, 10, 100}, x[] = {1, 2, 3, 4, 5};
  auto const result = [&](index_t stride, index_t padding) {
    conv1d<float> const block({.inputs = 1, .outputs = 1, .taps = 3, .stride = stride, .padding = padding, .groups = 1},
                              weight, {});
    std::vector<float> y(static_cast<std::size_t>(block.frames(5)));
    exact_workspace<float> workspace(static_cast<index_t>(block.workspace_size({1, 5, 1})));
    block.forward(tensor_view<float const>(x, {1, 5, 1}),
                  tensor_view<float>(y.data(), {1, static_cast<index_t>(y.size()), 1}), workspace);
    return y;
  };
  CHECK(result(1, 0) == std::vector<float>{321, 432, 543});
  CHECK(result(2, 0) == std::vector<float>{321, 543});
  CHECK(result(1, 1) == std::vector<float>{210, 321, 432, 543, 54});
  CHECK(result(2, 3) == std::vector<float>{0, 210, 432, 54, 0});
  CHECK(result(5, 2) == std::vector<float>{100, 54});
}

TEST_CASE("conv1d: what is past a sequence's end is not read", "[nn][conv]") {
  random_bits random(395);
  for (index_t const padding : {0, 2}) {
    layer<float> const one({.inputs = 4, .outputs = 6, .taps = 5, .stride = 2, .padding = padding, .groups = 2}, true,
                           random);
    auto x = uniform<float>(13 * 4, random);
    std::fill(x.begin() + 8 * 4, x.end(), std::numeric_limits<float>::quiet_NaN());
    index_t const lengths[] = {8}, frames = one.block.frames(13), own = one.block.frames(8) * 6;
    std::vector<float> y(static_cast<std::size_t>(frames * 6), 7.f);
    one.forward(tensor_view<float const>(x.data(), {1, 13, 4}, tshift::layout::ntc, lengths),
                tensor_view<float>(y.data(), {1, frames, 6}));
    CHECK(std::none_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
    CHECK(std::any_of(y.begin(), y.begin() + own, [](float value) { return value != 0.f; }));
    CHECK(std::all_of(y.begin() + own, y.end(), [](float value) { return value == 0.f; }));
  }
}

TEST_CASE("conv1d: infinities and NaN stay where their frame is seen", "[nn][conv]") {
  random_bits random(396);
  layer<float> const one({.inputs = 7, .outputs = 9, .taps = 3, .stride = 1, .padding = 1, .groups = 1}, true, random);
  std::vector<float> x = uniform<float>(20 * 7, random), clean(20 * 9), dirty(20 * 9);
  auto const run = [&](std::vector<float>& y) {
    one.forward(tensor_view<float const>(x.data(), {1, 20, 7}), tensor_view<float>(y.data(), {1, 20, 9}));
  };
  run(clean);
  x[5 * 7 + 6] = std::numeric_limits<float>::quiet_NaN();
  x[13 * 7] = std::numeric_limits<float>::infinity();
  run(dirty);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    bool const seen = (i / 9 >= 4 && i / 9 <= 6) || (i / 9 >= 12 && i / 9 <= 14);
    CHECK(std::isfinite(dirty[i]) != seen);
    CHECK((seen || same_bits(clean[i], dirty[i])));
  }
}

TEST_CASE("conv1d: the workspace may be left out where it is empty, and is refused where it is too small",
          "[nn][conv][errors]") {
  random_bits random(397);
  index_t ran = 0;
  for (index_t const padding : {0, 1}) {
    layer<float> const one({.inputs = 5, .outputs = 3, .taps = 2, .stride = 1, .padding = padding, .groups = 1}, true,
                           random);
    auto const x = uniform<float>(2 * 9 * 5, random);
    index_t const frames = one.block.frames(9);
    std::vector<float> want(static_cast<std::size_t>(2 * frames * 3)), y(want.size(), 7.f);
    tensor_view<float const> const from(x.data(), {2, 9, 5});
    tensor_view<float> const to(y.data(), {2, frames, 3});
    auto const size = static_cast<index_t>(one.block.workspace_size(from.shape));
    CHECK(static_cast<index_t>(one.block.make_workspace(from.shape).size()) == size);
    one.forward(from, tensor_view<float>(want.data(), to.shape));
    if (size == 0) {
      one.block.forward(from, to);
      CHECK(y == want);
    } else {
      std::vector<float> const untouched = y;
      auto const sentence = [&](index_t have) {
        return "conv1d: workspace has " + std::to_string(have) + " elements, must be >= " + std::to_string(size);
      };
      std::vector<float> workspace(static_cast<std::size_t>(size - 1), 3.f);
      CHECK(message_of([&] { one.block.forward(from, to); }) == sentence(0));
      CHECK(message_of([&] { one.block.forward(from, to, workspace); }) == sentence(size - 1));
      CHECK(y == untouched);
      CHECK(workspace == std::vector<float>(workspace.size(), 3.f));
    }
    ++ran;
  }
  REQUIRE(ran == 2);
}

TEST_CASE("conv1d refuses what does not fit", "[nn][conv][errors]") {
  check_errors<float>();
  check_errors<double>();
}
