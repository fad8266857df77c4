// SPDX-License-Identifier: MIT
// lstm: one and two directions, lengths, gates far out, batches larger than a block of rows.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <tshift/nn/lstm.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::nn::lstm_weights;

template <class T>
struct layer {
  struct one_way {
    std::vector<T> ih, hh, bi, bh;
    lstm_weights<T> weights() const { return {ih, hh, bi, bh}; }
  };
  index_t inputs, hidden;
  std::vector<one_way> ways;
  tshift::nn::lstm<T> block;

  layer(index_t D, index_t H, index_t directions, random_bits& random, double size = 1) : inputs(D), hidden(H) {
    double const in = size * 1.5 / std::sqrt(static_cast<double>(D + 1));
    double const back = size * 1.5 / std::sqrt(static_cast<double>(H + 1));
    for (index_t d = 0; d < directions; ++d) {
      ways.push_back({uniform<T>(4 * H * D, random, in), uniform<T>(4 * H * H, random, back),
                      uniform<T>(4 * H, random, size), uniform<T>(4 * H, random, size)});
    }
    block = directions == 1 ? tshift::nn::lstm<T>(D, H, ways[0].weights())
                            : tshift::nn::lstm<T>(D, H, ways[0].weights(), ways[1].weights());
  }

  /// The directions side by side; errors are relative to the largest output of each.
  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    for (std::size_t d = 0; d < ways.size(); ++d) {
      one_way const& w = ways[d];
      auto const part = y.slice_channels(static_cast<index_t>(d) * hidden, hidden);
      reference::lstm<oracle::number, T>(x, part, d == 1, w.ih, w.hh, w.bi, w.bh);
      oracle::scale_by_largest(part, x);
    }
  }

  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape()));
    block.forward(x, y, workspace);
  }
};

// epsilons of the largest output; the docstring's 1e-6 is 8.4 in float.
constexpr double allowed = 6;

template <class T>
void check_sizes() {
  random_bits random(361);
  summary sum;
  auto const check = [&](tshift::shape const& dims, index_t hidden, index_t directions) {
    layer<T> const one(dims.channels, hidden, directions, random);
    check_case<T>(
        sum, random, dims, directions * hidden, rows::within_sequence, allowed,
        [&](auto const& x, auto const& y) { one.forward(x, y); },
        [&](auto const& x, auto const& y) { one.define(x, y); });
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 200}) {
    for (index_t const directions : {1, 2}) {
      index_t const hidden = random.in(0, time > 90 ? 17 : 40);
      check({random.in(0, 3), time, random.in(0, 20)}, hidden, directions);
    }
  }
  for (index_t hidden = 0; hidden <= 50; ++hidden)
    check({random.in(1, 3), 6, random.in(1, 70)}, hidden, 1 + hidden % 2);
  for (index_t N = 1; N <= 16; ++N) check({N, 5, 9}, 11, 2);  // sequences that pass a panel together
  check({100, 3, 5}, 7, 2);                                   // more than a block of rows
  sum.print("lstm", type_name<T>());
  REQUIRE_ALL(sum, 88);
}

/// Gates at +-100 and more: sigmoid and tanh end where they should, without NaN.
template <class T>
void check_far_out() {
  random_bits random(362);
  summary sum;
  for (double const size : {30.0, 100.0, 1000.0, 1e30}) {
    for (index_t const hidden : {1, 5, 16, 19}) {
      layer<T> const one(4, hidden, 2, random, size);
      auto const x = uniform<T>(2 * 12 * 4, random, 4);
      tensor_view<T const> const in(x.data(), {2, 12, 4});
      std::vector<T> y(static_cast<std::size_t>(2 * 12 * 2 * hidden));
      tensor_view<T> const out(y.data(), {2, 12, 2 * hidden});
      one.forward(in, out);
      bool const finite = std::all_of(y.begin(), y.end(), [](T v) { return std::fabs(v) <= 1; });
      sum.count(finite, [&] { return "gates of size " + std::to_string(size); });
    }
  }
  REQUIRE_ALL(sum, 16);
  // Saturated for certain: what is left is i g = -1 and o tanh(c) with c = -1, -2, -3.
  std::vector<T> const none(4, T(0)), bias = {T(100), T(100), T(-100), T(100)};
  tshift::nn::lstm<T> const block(1, 1, lstm_weights<T>{none, none, bias, none});
  T const x[3] = {};
  T y[3] = {};
  std::vector<T> workspace(static_cast<std::size_t>(block.workspace_size({1, 3, 1})));
  block.forward(tensor_view<T const>(x, {1, 3, 1}), tensor_view<T>(y, {1, 3, 1}), workspace);
  for (int t = 0; t < 3; ++t) {
    CHECK(std::fabs(y[t] - std::tanh(T(-1 - t))) <= 2 * std::numeric_limits<T>::epsilon());
  }
}

template <class T>
void check_errors() {
  random_bits random(363);
  std::vector<T> const w12(12 * 3, T(1)), w13(12 * 2, T(1)), b(12, T(1)), shorter(11, T(1));
  auto const message = [&](index_t D, index_t H, lstm_weights<T> const& w) {
    return message_of([&] { tshift::nn::lstm<T>(D, H, w); });
  };
  CHECK(message(2, 3, {w13, w12, b, b}).empty());
  CHECK(message(2, 3, {w12, w12, b, b}) == "lstm: weight_ih has 36 elements, must have 24");
  CHECK(message(2, 3, {w13, w13, b, b}) == "lstm: weight_hh has 24 elements, must have 36");
  CHECK(message(2, 3, {w13, w12, shorter, b}) == "lstm: bias_ih has 11 elements, must have 12");
  CHECK(message(2, 3, {w13, w12, b, shorter}) == "lstm: bias_hh has 11 elements, must have 12");
  CHECK(message(2, -3, {w13, w12, b, b}) == "lstm: a size is -3, must be >= 0");
  CHECK(message(-2, 3, {w13, w12, b, b}) == "lstm: a size is -2, must be >= 0");
  CHECK(message_of([&] {
          tshift::nn::lstm<T>(2, 3, {w13, w12, b, b}, {w13, w12, b, shorter});
        }) == "lstm: bias_hh has 11 elements, must have 12");
  layer<T> const wide(3, 2, 2, random), square(3, 3, 1, random);
  CHECK(wide.block.inputs() == 3);
  CHECK(wide.block.hidden() == 2);
  CHECK(wide.block.outputs() == 4);
  CHECK(message_of([&] {
          (void)wide.block.workspace_size({index_t{1} << 40, index_t{1} << 40, 3});
        }) == "lstm: the product of the sizes must fit in 2^63 - 1");
  check_refusals<T>("lstm", 3, 4, false, [&](auto const& x, auto const& y) { wide.forward(x, y); });
  check_refusals<T>("lstm", 3, 3, false, [&](auto const& x, auto const& y) { square.forward(x, y); });
  CHECK(message_of([&] {
          (void)wide.block.workspace_size({std::numeric_limits<index_t>::max() / 4, 1, 3});
        }) == "lstm: the product of the sizes must fit in 2^63 - 1");
  index_t const size = wide.block.workspace_size({1, 2, 3});
  std::vector<T> x(6, T(1)), y(8, T(7)), workspace(static_cast<std::size_t>(size - 1), T(3));
  CHECK(message_of([&] {
          wide.block.forward(tensor_view<T>(x.data(), {1, 2, 3}), tensor_view<T>(y.data(), {1, 2, 4}), workspace);
        }) == "lstm: workspace has " + std::to_string(size - 1) + " elements, must be >= " + std::to_string(size));
  CHECK(y == std::vector<T>(8, T(7)));
  CHECK(workspace == std::vector<T>(workspace.size(), T(3)));
}

}  // namespace

TEST_CASE("lstm: against the oracle, a shift in memory and single sequences", "[nn][lstm]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("lstm: gates far out", "[nn][lstm]") {
  check_far_out<float>();
  check_far_out<double>();
}

TEST_CASE("lstm: the backward direction is the forward one over reversed time", "[nn][lstm]") {
  random_bits random(364);
  layer<float> const both(6, 9, 2, random);
  tshift::nn::lstm<float> const second(6, 9, both.ways[1].weights());
  auto x = uniform<float>(7 * 6, random);
  std::vector<float> y(7 * 18), z(7 * 9), workspace(static_cast<std::size_t>(both.block.workspace_size({1, 7, 6})));
  tensor_view<float const> const in(x.data(), {1, 7, 6}), reversed(x.data() + 36, {1, 7, 6}, {0, -6, 1, 1});
  both.block.forward(in, tensor_view<float>(y.data(), {1, 7, 18}), workspace);
  second.forward(reversed, tensor_view<float>(z.data() + 54, {1, 7, 9}, {0, -9, 1, 1}), workspace);
  for (index_t t = 0; t < 7; ++t) {
    for (index_t c = 0; c < 9; ++c) {
      CHECK(y[static_cast<std::size_t>(t * 18 + 9 + c)] == z[static_cast<std::size_t>(t * 9 + c)]);
    }
  }
}

TEST_CASE("lstm refuses what does not fit", "[nn][lstm][errors]") {
  check_errors<float>();
  check_errors<double>();
}
