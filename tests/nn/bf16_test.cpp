// SPDX-License-Identifier: MIT
// Blocks whose weights are bf16: bit for bit what the block in full gives of rounded weights and, where the processor
// multiplies bf16, of rounded rows. Half the memory, also on the way there.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tshift/nn/conv1d.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/summary.hpp>
#include <tshift/nn/winograd_conv1d.hpp>
#include <tshift/nn/winograd_conv2d.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_reader.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/distance.hpp"
#include "../support/image_cases.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::stored;
using tshift::weights::values;

constexpr bool rounds_rows = tshift::nn::kernel::multiplies_bf16;

/// The nearest number of 8 binary digits, ties to even, by arithmetic. Zero where the processor takes small ones for that.
float nearest(float x, bool flushes) {
  if (x == 0 || std::isnan(x) || std::isinf(x)) return x;
  if (std::fabs(x) < std::numeric_limits<float>::min()) {
    if (flushes) return std::copysign(0.0f, x);
    return static_cast<float>(std::nearbyint(std::ldexp(static_cast<double>(x), 133)) * 0x1p-133);
  }
  int exponent = 0;
  double const fraction = std::frexp(static_cast<double>(x), &exponent);
  double const value = std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
  return value > 0x1p127 * 1.9999999 || value < -0x1p127 * 1.9999999
             ? std::copysign(std::numeric_limits<float>::infinity(), x)
             : static_cast<float>(value);
}

std::vector<float> nearest(std::vector<float> from, bool flushes = false) {
  for (float& value : from) value = nearest(value, flushes);
  return from;
}

/// What a product reads of rows.
std::vector<float> read_rows(std::vector<float> const& x) { return rounds_rows ? nearest(x, true) : x; }

/// y of a block.
template <class Block>
std::vector<float> output_of(Block const& block, tensor_view<float const> const& x,
                             std::optional<shift_plan> const& plan, tshift::shape const& out) {
  std::vector<float> memory(static_cast<std::size_t>(out.size()), around_outputs<float>);
  exact_workspace<float> workspace(static_cast<index_t>(block.workspace_size(x.shape)));
  block.forward(shifted_by(plan, x), tensor_view<float>(memory.data(), out, tshift::layout::ntsc), workspace);
  return memory;
}

/// One block as bf16, beside the same in full of rounded numbers: on x in any form, through a shift, ragged.
/// @param full    reads rounded rows, and has rounded weights
/// @param frames  of y
template <class Block, class Full>
void compare(tally& sum, random_bits& random, std::string const& name, Block const& half, Full const& full,
             tshift::shape const& dims, index_t outputs, index_t frames) {
  auto const plan = draw_plan(dims.channels, dims.time, random);
  auto const lengths = draw_lengths(dims.batch, dims.time, random);
  std::vector<float> const elements = uniform<float>(dims.size(), random);
  placed_tensor<float> x(dims, around_inputs<float>, random);
  x.fill(elements);
  std::vector<float> const rounded = read_rows(elements);
  tensor_view<float const> dense(rounded.data(), dims);
  x.view.lengths = lengths;
  dense.lengths = lengths;
  tshift::shape const out{dims.batch, frames, outputs};
  auto const got = output_of(half, x.view, plan, out), want = output_of(full, dense, plan, out);
  bool same = true;
  for (std::size_t i = 0; i < got.size(); ++i) same &= same_bits(got[i], want[i]);
  sum.count(same, [&] {
    return name + ": " + describe(dims, plan.value_or(shift_plan(dims.channels, {})), lengths) + ", to " +
           std::to_string(outputs) + " channels: other bits than of rounded numbers";
  });
}

/// mlp in full, whose second layer reads a hidden layer that is rounded where rows are.
struct rounded_mlp {
  tshift::nn::linear<float> first, second;

  static index_t workspace_size(tshift::shape const&) { return 0; }
  void forward(tshift::nn::input<float> const& x, tensor_view<float> const& y, std::span<float>) const {
    std::vector<float> hidden(static_cast<std::size_t>(y.shape.batch * y.shape.time * first.outputs()));
    tensor_view<float> const h(hidden.data(), {y.shape.batch, y.shape.time, first.outputs()});
    first.forward(x, h);
    tshift::nn::gelu<float>(h, h);
    std::vector<float> const read = read_rows(hidden);
    second.forward(tensor_view<float const>(read.data(), h.shape), y);
  }
};

/// One direction of an LSTM, step by step, with h rounded between two of them where rows are.
struct rounded_lstm {
  tshift::nn::lstm<float> block;

  index_t workspace_size(tshift::shape const& x) const { return static_cast<index_t>(block.workspace_size(x)); }
  void forward(tensor_view<float const> const& x, tensor_view<float> const& y, std::span<float> workspace) const {
    tshift::detail::run_here exec;
    index_t const N = x.shape.batch, hidden = block.hidden();
    std::vector<float> state(static_cast<std::size_t>(N * block.carried()));
    tshift::shifted_view<float> const still = tshift::nn::as_it_is(x);
    for (index_t t = 0; t < x.shape.time; ++t) {
      block.resume(exec, tshift::nn::kernel::frame_rows<float>(still, t, 1), y.slice_frames(t, 1), state.data(), t == 0,
                   tshift::nn::arena<float>("lstm", workspace));
      for (std::size_t i = state.size() - static_cast<std::size_t>(N * hidden); rounds_rows && i < state.size(); ++i) {
        state[i] = nearest(state[i], true);
      }
    }
  }
};

/// The frames of [N, T, C] the other way round.
std::vector<float> turned(std::vector<float> const& from, tshift::shape const& dims) {
  std::vector<float> to(from.size());
  for (index_t n = 0; n < dims.batch; ++n) {
    for (index_t t = 0; t < dims.time; ++t) {
      std::copy_n(from.begin() + (n * dims.time + t) * dims.channels, dims.channels,
                  to.begin() + (n * dims.time + dims.time - 1 - t) * dims.channels);
    }
  }
  return to;
}

/// Whole numbers in [-most, most].
std::vector<float> whole_numbers(index_t size, index_t most, random_bits& random) {
  std::vector<float> numbers(static_cast<std::size_t>(size));
  for (float& number : numbers) number = static_cast<float>(random.in(-most, most));
  return numbers;
}

}  // namespace

TEST_CASE("a float becomes the nearest bfloat16, ties to even") {
  index_t cases = 0, wrong = 0;
  for (std::uint32_t upper = 0; upper < 0x10000u; ++upper) {
    for (std::uint32_t const lower : {0x0u, 0x1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      auto const x = __builtin_bit_cast(float, upper << 16 | lower);
      float const got = tshift::detail::bfloat16_to_float(tshift::detail::nearest_bfloat16(x));
      bool const right = std::isnan(x) ? std::isnan(got) : same_bits(got, nearest(x, false));
      wrong += right ? 0 : 1;
      ++cases;
    }
  }
  CHECK(wrong == 0);
  REQUIRE(cases == 6 * 65536);
}

TEST_CASE("bf16: a product is that of rounded numbers, bit for bit") {
  random_bits random(901);
  tally sum;
  // Both sides of every cut: of a tile, of a block of rows, of a block of K, of a pair.
  for (index_t const depth : {0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 255, 256, 257, 511, 513, 767, 768, 769, 1025, 1541}) {
    for (int repeat = 0; repeat < 6; ++repeat) {
      index_t const outputs = random.in(0, 130), rows = repeat < 2 ? random.in(0, 9) : random.in(9, 140);
      std::vector<float> const weight = uniform<float>(outputs * depth, random), bias = uniform<float>(outputs, random);
      tshift::nn::linear<float> const half(depth, outputs, {weight, stored::bf16}, bias);
      tshift::nn::linear<float> const full(depth, outputs, nearest(weight), bias);
      compare(sum, random, "linear", half, full, {random.in(1, 2), rows, depth}, outputs, rows);
    }
  }
  std::cout << "bf16, linear: " << sum.cases << " cases\n";
  REQUIRE_ALL(sum, 120);
}

TEST_CASE("bf16: windows, hidden layers and heads are those of rounded numbers, bit for bit") {
  random_bits random(902);
  tally sum;
  for (int repeat = 0; repeat < 60; ++repeat) {
    index_t const groups = random.in(1, 4), inputs = groups * random.in(1, 33), outputs = groups * random.in(1, 40);
    tshift::conv1d_options const how{.inputs = inputs,
                                     .outputs = outputs,
                                     .taps = random.in(1, 40),
                                     .stride = random.in(1, 3),
                                     .padding = random.in(0, 20),
                                     .groups = groups};
    std::vector<float> const weight = uniform<float>(outputs * inputs / groups * how.taps, random);
    std::vector<float> const bias = uniform<float>(outputs, random);
    index_t const time = random.in(0, 150);
    tshift::nn::conv1d<float> const half(how, {weight, stored::bf16}, bias), full(how, nearest(weight), bias);
    compare(sum, random, "conv1d", half, full, {random.in(1, 2), time, inputs}, outputs, how.frames(time));
  }
  for (int repeat = 0; repeat < 30; ++repeat) {
    // More than a slice of the hidden layer, and fewer.
    index_t const inputs = random.in(0, 90), hidden = repeat < 6 ? random.in(769, 1700) : random.in(0, 200);
    index_t const outputs = random.in(1, 70), time = random.in(1, 140);
    std::vector<float> const up = uniform<float>(hidden * inputs, random),
                             down = uniform<float>(outputs * hidden, random);
    std::vector<float> const bias = uniform<float>(hidden, random), last = uniform<float>(outputs, random);
    tshift::nn::mlp<float> const half({inputs, hidden, {up, stored::bf16}, bias},
                                      {hidden, outputs, {down, stored::bf16}, last});
    rounded_mlp const full{{inputs, hidden, nearest(up), bias}, {hidden, outputs, nearest(down), last}};
    compare(sum, random, "mlp", half, full, {1, time, inputs}, outputs, time);
  }
  for (int repeat = 0; repeat < 20; ++repeat) {
    index_t const heads = random.in(1, 4), width = heads * random.in(1, 20), time = random.in(1, 60);
    std::vector<float> const weight = uniform<float>(3 * width * width, random);
    std::vector<float> const bias = uniform<float>(3 * width, random);
    tshift::nn::self_attention<float> const half(width, heads, {weight, stored::bf16}, bias);
    tshift::nn::self_attention<float> const full(width, heads, nearest(weight), bias);
    compare(sum, random, "self_attention", half, full, {2, time, width}, width, time);
  }
  std::cout << "bf16, conv1d, mlp, self_attention: " << sum.cases << " cases\n";
  REQUIRE_ALL(sum, 110);
}

TEST_CASE("bf16: images are those of rounded numbers, bit for bit") {
  random_bits random(903);
  tally sum;
  for (int repeat = 0; repeat < 60; ++repeat) {
    index_t const groups = random.chance(3) ? random.in(2, 3) : 1, inputs = groups * random.in(1, 50);
    index_t const outputs = groups * random.in(1, 40), time = random.in(1, 20), places = random.in(1, 20);
    tshift::conv2d_options const how{.inputs = inputs,
                                     .outputs = outputs,
                                     .time = tshift::window_axis::same(random.in(1, 5)),
                                     .space = tshift::window_axis::same(random.in(1, 4)),
                                     .groups = groups};
    std::vector<float> const weight =
        uniform<float>(outputs * inputs / groups * how.time.taps * how.space.taps, random);
    std::vector<float> const bias = uniform<float>(outputs, random);
    tshift::nn::conv2d<float> const half(how, {weight, stored::bf16}, bias), full(how, nearest(weight), bias);
    // Few channels, or few outputs: the weights are rounded, and the rows are not.
    bool const as_float =
        groups == 1 && (inputs <= 32 || tshift::nn::kernel::thin_conv2d<float, xsimd::default_arch>::fits(how));
    tshift::shape const dims{1, time, inputs, places};
    std::vector<float> const x = uniform<float>(dims.size(), random), rounded = as_float ? x : read_rows(x);
    tshift::shape const out{1, time, outputs, places};
    auto const view = [&dims](std::vector<float> const& from) {
      return tensor_view<float const>(from.data(), dims, tshift::layout::ntsc);
    };
    bool const same = output_of(half, view(x), {}, out) == output_of(full, view(rounded), {}, out);
    sum.count(same, [&] { return "conv2d of " + std::to_string(inputs) + " to " + std::to_string(outputs); });
  }
  std::cout << "bf16, conv2d: " << sum.cases << " cases\n";
  REQUIRE_ALL(sum, 60);
}

TEST_CASE("bf16: an LSTM is that of rounded numbers, step by step, bit for bit") {
  random_bits random(904);
  tally sum;
  for (index_t const hidden : {1, 2, 15, 16, 17, 31, 33, 48, 65}) {
    for (index_t const N : {1, 2, 7, 20}) {
      index_t const inputs = random.in(0, 40), time = random.in(1, 12), rows = 4 * hidden;
      auto const direction = [&] {
        return std::vector<std::vector<float>>{uniform<float>(rows * inputs, random),
                                               uniform<float>(rows * hidden, random), uniform<float>(rows, random),
                                               uniform<float>(rows, random)};
      };
      auto const ahead = direction(), back = direction();
      auto const halves = [](auto const& w) {
        return tshift::nn::lstm_weights<float>{{w[0], stored::bf16}, {w[1], stored::bf16}, w[2], w[3]};
      };
      tshift::shape const dims{N, time, inputs}, out{N, time, 2 * hidden}, one{N, time, hidden};
      std::vector<float> const x = uniform<float>(dims.size(), random), rounded = read_rows(x);
      tshift::nn::lstm<float> const half(inputs, hidden, halves(ahead), halves(back));
      auto const got = output_of(half, {x.data(), dims}, {}, out);
      auto const want = [&](std::vector<std::vector<float>> const& w, std::vector<float> const& from) {
        std::vector<float> const ih = nearest(w[0]), hh = nearest(w[1]);
        rounded_lstm const full{{inputs, hidden, {ih, hh, w[2], w[3]}}};
        std::vector<float> y(static_cast<std::size_t>(one.size()));
        exact_workspace<float> workspace(full.workspace_size(dims));
        full.forward({from.data(), dims}, tensor_view<float>(y.data(), one), workspace);
        return y;
      };
      auto const first = want(ahead, rounded), second = turned(want(back, turned(rounded, dims)), one);
      bool same = true;
      for (index_t row = 0; row < N * time; ++row) {
        for (index_t j = 0; j < hidden; ++j) {
          same &= same_bits(got[static_cast<std::size_t>(row * 2 * hidden + j)],
                            first[static_cast<std::size_t>(row * hidden + j)]);
          same &= same_bits(got[static_cast<std::size_t>((row * 2 + 1) * hidden + j)],
                            second[static_cast<std::size_t>(row * hidden + j)]);
        }
      }
      sum.count(same,
                [&] { return "lstm of " + std::to_string(hidden) + " units, " + std::to_string(N) + " sequences"; });
    }
  }
  std::cout << "bf16, lstm: " << sum.cases << " cases\n";
  REQUIRE_ALL(sum, 36);
}

TEST_CASE("bf16: Winograd's products and summaries round what they multiply") {
  random_bits random(905);
  for (int repeat = 0; repeat < 20; ++repeat) {
    index_t const inputs = random.in(1, 40), outputs = random.in(1, 60), time = random.in(3, 40),
                  places = random.in(1, 9);
    // Sums and differences of small whole numbers, and halves of them, are bf16: then nothing may change at all.
    std::vector<float> const small = whole_numbers(outputs * inputs * 15, 4, random);
    std::vector<float> const three(small.begin(), small.begin() + outputs * inputs * 3);
    std::vector<float> const numbers = whole_numbers(time * inputs * places, 20, random);
    tshift::shape const line{1, time, inputs}, image{1, time, inputs, places};
    tshift::nn::winograd_conv1d<float> const full1(inputs, outputs, three),
        half1(inputs, outputs, {three, stored::bf16});
    tshift::shape const out1{1, full1.frames(time), outputs}, out2{1, time, outputs, places};
    auto const forward1 = [&](auto const& block, std::vector<float> const& x) {
      std::vector<float> y(static_cast<std::size_t>(out1.size()));
      exact_workspace<float> workspace(static_cast<index_t>(block.workspace_size(line)));
      block.forward(tensor_view<float const>(x.data(), line), tensor_view<float>(y.data(), out1), workspace);
      return y;
    };
    CHECK(forward1(half1, numbers) == forward1(full1, numbers));
    tshift::conv2d_options const how{.inputs = inputs,
                                     .outputs = outputs,
                                     .time = tshift::window_axis::same(5),
                                     .space = tshift::window_axis::same(3)};
    tshift::nn::winograd_conv2d<float> const full2(how, small), half2(how, {small, stored::bf16});
    tensor_view<float const> const pixels(numbers.data(), image, tshift::layout::ntsc);
    CHECK(output_of(half2, pixels, {}, out2) == output_of(full2, pixels, {}, out2));
    // Of any numbers, within what so many rounded factors are off by: about 2^-9 each, half of it in the weights.
    std::vector<float> const any = uniform<float>(outputs * inputs * 15, random),
                             x = uniform<float>(image.size(), random);
    std::vector<float> const any3(any.begin(), any.begin() + outputs * inputs * 3);
    tshift::nn::winograd_conv1d<float> const real1(inputs, outputs, any3), near1(inputs, outputs, {any3, stored::bf16});
    CHECK(relative_distance(forward1(near1, x), forward1(real1, x)) < 0x1p-7);
    tshift::nn::winograd_conv2d<float> const real2(how, any), near2(how, {any, stored::bf16});
    tensor_view<float const> const real(x.data(), image, tshift::layout::ntsc);
    double const off = relative_distance(output_of(near2, real, {}, out2), output_of(real2, real, {}, out2));
    CHECK(off < 0x1p-7);
    CHECK(off > 0x1p-14);  // they are rounded
    std::vector<float> const vector = whole_numbers(9, 1, random), weight = whole_numbers(9 * inputs, 2, random);
    std::vector<tshift::summary_kind> const kinds{tshift::summary_kind::attention};
    tshift::nn::summary<float> const full3(inputs, kinds, 1, {weight, {}, vector});
    tshift::nn::summary<float> const half3(inputs, kinds, 1, {{weight, stored::bf16}, {}, vector});
    tensor_view<float const> const rows(numbers.data(), line);
    CHECK(output_of(half3, rows, {}, {1, 1, inputs}) == output_of(full3, rows, {}, {1, 1, inputs}));
  }
}

TEST_CASE("bf16: weights take half the memory, and no more while they are packed") {
  constexpr index_t size = 512;
  random_bits random(906);
  std::vector<std::uint16_t> halves(static_cast<std::size_t>(size * size));
  for (std::uint16_t& half : halves) half = static_cast<std::uint16_t>(random.in(0x3c00, 0x3f80));
  tshift::weights::state_dict dict;
  dict.add({"w", tshift::weights::dtype::bf16, {size, size}, std::as_bytes(std::span(halves))});
  dict.store_as(stored::bf16);
  tshift::weights::state_reader<float> reader("linear", dict);
  values<float> const weight = reader.take("w", {size, size});
  REQUIRE(weight.how() == stored::bf16);
  long const before = bytes_asked.load();
  tshift::nn::linear<float> const block(size, size, weight);
  long const half = bytes_asked.load() - before;
  CHECK(half >= 2 * size * size);
  CHECK(half < 2 * size * size + 4096);
  tshift::nn::linear<float> const full(size, size, {weight, stored::full});
  CHECK(bytes_asked.load() - before - half >= 4 * size * size);
  // Its weights were bf16 already: nothing is rounded but rows.
  std::vector<float> const x = whole_numbers(3 * size, 100, random);
  tensor_view<float const> const rows(x.data(), {1, 3, size});
  CHECK(output_of(block, rows, {}, {1, 3, size}) == output_of(full, rows, {}, {1, 3, size}));
}

TEST_CASE("bf16 is refused where sums are of double, with a sentence") {
  std::vector<double> const w(200, 1.0), b(8, 1.0);
  values<double> const half(values<double>(std::span<double const>(w).first(4)), stored::bf16);
  values<double> const sixteen(values<double>(std::span<double const>(w).first(16)), stored::bf16);
  values<double> const twelve(values<double>(std::span<double const>(w).first(12)), stored::bf16);
  std::string const rule = ": weights as bf16, must be in full where sums are of double";
  CHECK(message_of([&] { tshift::nn::linear<double>(2, 2, half); }) == "linear" + rule);
  CHECK(message_of([&] { tshift::nn::conv1d<double>({.inputs = 2, .outputs = 2}, half); }) == "conv1d" + rule);
  CHECK(message_of([&] { tshift::nn::conv2d<double>({.inputs = 2, .outputs = 2}, half); }) == "conv2d" + rule);
  CHECK(message_of([&] { tshift::nn::winograd_conv1d<double>(2, 2, twelve); }) == "winograd_conv1d" + rule);
  CHECK(message_of([&] {
          tshift::nn::winograd_conv2d<double>(
              {.inputs = 2, .outputs = 2, .time = tshift::window_axis::same(1), .space = tshift::window_axis::same(3)},
              twelve);
        }) == "winograd_conv2d" + rule);
  std::span<double const> const eight(b);
  CHECK(message_of([&] {
          tshift::nn::lstm<double>(2, 2, {sixteen, {eight, stored::full}, eight, eight});
        }) == "lstm: weight_hh has 8 elements, must have 16");
  CHECK(message_of([&] { tshift::nn::lstm<double>(2, 2, {sixteen, sixteen, eight, eight}); }) == "lstm" + rule);
  CHECK(message_of([&] {
          tshift::nn::summary<double>(2, {tshift::summary_kind::attention}, 1, {half, {}, eight.first(2)});
        }) == "summary" + rule);
}
