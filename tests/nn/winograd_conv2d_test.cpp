// SPDX-License-Identifier: MIT
// winograd_conv2d: against the convolution over images of all widths, kernels and strides along time, zeros on each side,
// every tail of a tile and of a vector, lengths, shifted input, parts and threads; what it refuses.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/nn/winograd_conv2d.hpp>

#include "../support/catch.hpp"
#include "../support/image_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::activation;
using tshift::conv2d_options;
using tshift::window_axis;
using tshift::nn::winograd_conv2d;

template <class T>
struct layer {
  conv2d_options how;
  std::vector<T> weight, bias;
  winograd_conv2d<T> block;

  layer(conv2d_options const& options, bool with_bias, random_bits& random, activation const& f = {})
      : how(options), weight(uniform<T>(options.outputs * options.inputs * options.time.taps * 3, random)),
        bias(with_bias ? uniform<T>(options.outputs, random) : std::vector<T>()), block(options, weight, bias, f) {}

  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape()));
    block.forward(x, y, workspace);
  }
  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::conv2d<oracle::number, T>(x, y, how, weight, bias);
  }
};

window_axis draw_time(index_t taps, random_bits& random) {
  if (random.chance(2)) return window_axis::same(taps);
  return {taps, random.in(1, 3), random.in(0, taps), random.in(0, taps + 1)};
}

window_axis draw_space(random_bits& random) {
  return random.chance(2) ? window_axis::same(3) : window_axis{3, 1, random.in(0, 5), random.in(0, 5)};
}

/// x is [batch, time, space, inputs].
template <class T>
void check_one(summary& sum, random_bits& random, index_t batch, index_t time, index_t space,
               conv2d_options const& options, bool with_bias = true) {
  layer<T> const one(options, with_bias, random);
  image_sizes const sizes{[&one](index_t n) { return one.block.frames(n); },
                          [&one](index_t n) { return one.block.places(n); }};
  check_image_case<T>(
      sum, random, {batch, time, options.inputs, space}, options.outputs, sizes, 8.0,
      [&](auto const& x, auto const& y) { one.forward(x, y); },
      [&](auto const& x, auto const& y) { one.define(x, y); });
}

template <class T>
void check_sizes() {
  random_bits random(941);
  summary sum;
  for (index_t taps = 1; taps <= 6; ++taps) {
    for (index_t space = 0; space <= 9; ++space) {
      conv2d_options options{.inputs = random.in(1, 9), .outputs = random.in(0, 20)};
      options.time = draw_time(taps, random);
      options.space = draw_space(random);
      index_t const batch = random.in(1, 3), time = random.in(0, 9);
      check_one<T>(sum, random, batch, time, space, options, !random.chance(4));
    }
  }
  for (index_t inputs = 1; inputs <= 40; ++inputs) {
    conv2d_options options{.inputs = inputs, .outputs = random.in(1, 60)};
    options.time = draw_time(random.in(1, 4), random);
    options.space = draw_space(random);
    index_t const time = random.in(1, 7), space = random.in(1, 9);
    check_one<T>(sum, random, 1 + inputs % 3, time, space, options);
  }
  // More frames than are computed at a time, of few places and of many; taps times channels about 768.
  for (index_t const space : {1, 2, 10, 40, 300}) {
    for (index_t const stride : {1, 2}) {
      conv2d_options options{.inputs = 3, .outputs = 5, .time = {4, stride, 1, 2}, .space = window_axis::same(3)};
      check_one<T>(sum, random, 2, space < 10 ? 300 : 37, space, options);
    }
  }
  for (index_t const inputs : {153, 154, 256, 770}) {
    conv2d_options const options{
        .inputs = inputs, .outputs = 13, .time = window_axis::same(5), .space = window_axis::same(3)};
    check_one<T>(sum, random, 1, 6, 5, options);
  }
  sum.print("winograd_conv2d", type_name<T>());
  REQUIRE_ALL(sum, 114);
}

/// Frames are cut into parts, and places into pairs: whoever computes them, the bits are the same.
template <class T>
void check_parts() {
  random_bits random(942);
  conv2d_options const how{.inputs = 37, .outputs = 50, .time = window_axis::same(5), .space = window_axis::same(3)};
  for (index_t const space : {10, 11}) {
    layer<T> const one(how, true, random, activation::leaky_relu(0.1));
    tshift::shape const dims{2, 150, 37, space}, out{2, 150, 50, space};
    std::vector<T> const values = uniform<T>(dims.size(), random);
    index_t const lengths[] = {150, 61};
    tensor_view<T const> const x(values.data(), dims, tshift::layout::ntsc, lengths);
    std::vector<T> y(static_cast<std::size_t>(out.size())), other(y.size()), room = one.block.make_workspace(dims);
    one.block.forward(x, tensor_view<T>(y.data(), out, tshift::layout::ntsc), room);
    auto const check = [&](any_executor const& run) {
      std::fill(other.begin(), other.end(), around_outputs<T>);
      one.block.forward(run, x, tensor_view<T>(other.data(), out, tshift::layout::ntsc), room);
      CHECK(same_bytes(y.data(), other.data(), y.size() * sizeof(T)));
    };
    check(any_executor(thread_executor{2}));
    check(any_executor(thread_executor{5}));
    check(any_executor(reversed_executor{}));
  }
}

/// f of what is made without it; and zeros past lengths stay zeros.
template <class T>
void check_activations() {
  random_bits random(943);
  conv2d_options const how{.inputs = 5, .outputs = 19, .time = {2, 1, 0, 1}, .space = window_axis::same(3)};
  std::vector<T> const w = uniform<T>(19 * 5 * 6, random), b = uniform<T>(19, random),
                       values = uniform<T>(2 * 9 * 5 * 7, random);
  index_t const lengths[] = {4, 9};
  tensor_view<T const> const x(values.data(), {2, 9, 5, 7}, tshift::layout::ntsc, lengths);
  for (activation const f :
       {activation::relu(), activation::leaky_relu(0.3), activation::elu(0.7), activation::gelu()}) {
    winograd_conv2d<T> const plain(how, w, b), with(how, w, b, f);
    std::vector<T> y(2 * 9 * 7 * 19), z(y.size(), around_outputs<T>), room = with.make_workspace(x.shape);
    tensor_view<T> const made(y.data(), {2, 9, 19, 7}, tshift::layout::ntsc);
    plain.forward(x, made, room);
    tshift::nn::activate<T>(f, tensor_view<T>(y.data(), {1, 2 * 9 * 7, 19}), tensor_view<T>(y.data(), {1, 126, 19}));
    with.forward(x, tensor_view<T>(z.data(), made.shape, tshift::layout::ntsc), room);
    CHECK(same_bytes(y.data(), z.data(), y.size() * sizeof(T)));
    CHECK(std::all_of(z.begin() + 4 * 7 * 19, z.begin() + 9 * 7 * 19, [](T value) { return value == 0; }));
  }
}

template <class T>
void check_errors() {
  std::vector<T> const w(72, T(1)), b(4, T(1));
  auto const message = [&](conv2d_options const& options, activation const& f = {}) {
    return message_of([&] { winograd_conv2d<T>(options, w, b, f); });
  };
  conv2d_options const good{.inputs = 3, .outputs = 4, .time = {2, 3, 1, 0}, .space = {3, 1, 0, 2}};
  CHECK(message(good).empty());
  auto const with = [&](auto const& change) {
    conv2d_options options = good;
    change(options);
    CHECK(winograd_conv2d<T>::fits(options) == !message(options).ends_with("must be >= 1, 1, 3, 1"));
    return message(options);
  };
  std::string const rule = ", must be >= 1, 1, 3, 1", name = "winograd_conv2d: ";
  CHECK(with([](auto& o) { o.space.taps = 5; }) == name + "3 inputs, 1 groups, space of 5 taps and stride 1" + rule);
  CHECK(with([](auto& o) { o.space.stride = 2; }) == name + "3 inputs, 1 groups, space of 3 taps and stride 2" + rule);
  CHECK(with([](auto& o) { o.inputs = 0; }) == name + "0 inputs, 1 groups, space of 3 taps and stride 1" + rule);
  CHECK(with([](auto& o) { o.groups = 2, o.inputs = 4; }) ==
        name + "4 inputs, 2 groups, space of 3 taps and stride 1" + rule);
  CHECK(with([](auto& o) { o.inputs = 4; }) == name + "weight has 72 elements, must have 96");
  CHECK(with([](auto& o) { o.outputs = 5; }) == name + "weight has 72 elements, must have 90");
  CHECK(with([](auto& o) { o.time.taps = 0; }).starts_with("conv2d: time.taps = 0"));
  CHECK(message_of([&] { winograd_conv2d<T>(good, w, std::vector<T>(3)); }) ==
        name + "bias has 3 elements, must have 4");
  CHECK(message(good, {static_cast<activation::kind>(9), 0}) == name + "activation = 9, must be a named activation");

  // Work that no index counts.
  conv2d_options const large{.inputs = 3, .outputs = 4, .time = window_axis::same(2), .space = window_axis::same(3)};
  CHECK(message_of([&] {
          (void)winograd_conv2d<T>(large, w, b).workspace_size({1, 1, 3, std::numeric_limits<index_t>::max() / 16});
        }) == name + "the product of the sizes must fit in 2^63 - 1");
  random_bits random(944);
  conv2d_options const same{.inputs = 3, .outputs = 4, .time = window_axis::same(2), .space = window_axis::same(3)};
  layer<T> const one(same, true, random);
  check_image_refusals<T>("winograd_conv2d", 3, 4, [&](auto const& x, auto const& y) {
    std::vector<T> room(4096);
    one.block.forward(x, y, room);
  });
  tensor_view<T const> const x(w.data(), {1, 3, 3, 4}, tshift::layout::ntsc);
  std::vector<T> y(48), room = one.block.make_workspace(x.shape);
  CHECK(
      message_of([&] {
        one.block.forward(x, tensor_view<T>(y.data(), {1, 3, 4, 4}, tshift::layout::ntsc), std::span(room).subspan(1));
      }) == name + "workspace has " + std::to_string(room.size() - 1) +
                " elements, must be >= " + std::to_string(room.size()));
}

}  // namespace

TEST_CASE("winograd_conv2d: against the convolution, and single sequences", "[nn][winograd_conv2d]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("winograd_conv2d: parts and threads", "[nn][winograd_conv2d]") {
  check_parts<float>();
  check_parts<double>();
}

TEST_CASE("winograd_conv2d: activations", "[nn][winograd_conv2d]") {
  check_activations<float>();
  check_activations<double>();
}

TEST_CASE("winograd_conv2d refuses what does not fit", "[nn][winograd_conv2d][errors]") {
  check_errors<float>();
  check_errors<double>();
}
