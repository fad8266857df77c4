// SPDX-License-Identifier: MIT
// mlp: the fused perceptron against the oracle, with and without a skip connection; parts of rows, depths and tails.
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/nn/mlp.hpp>
#include <tshift/shift_add.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;

template <class T>
struct perceptron {
  index_t outputs, hidden;
  std::vector<T> w1, b1, w2, b2;
  tshift::nn::mlp<T> block;

  perceptron(index_t in, index_t wide, index_t out, random_bits& random)
      : outputs(out), hidden(wide), w1(uniform<T>(wide * in, random)), b1(uniform<T>(wide, random)),
        w2(uniform<T>(out * wide, random)), b2(uniform<T>(out, random)),
        block(tshift::nn::linear<T>(in, wide, w1, b1), tshift::nn::linear<T>(wide, out, w2, b2)) {}

  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::mlp<oracle::number, T>(x, y, hidden, w1, b1, w2, b2);
  }
};

constexpr double allowed = 2;  // epsilons of the sum of magnitudes of both layers

template <class T>
void check_sizes() {
  random_bits random(351);
  summary sum;
  auto const check = [&](tshift::shape const& dims, index_t hidden, index_t outputs) {
    perceptron<T> const one(dims.channels, hidden, outputs, random);
    check_case<T>(
        sum, random, dims, outputs, rows::alone, allowed,
        [&](auto const& x, auto const& y) {
          exact_workspace<T> workspace(one.block.workspace_size(x.shape()));
          one.block.forward(x, y, workspace);
        },
        [&](auto const& x, auto const& y) { one.define(x, y); });
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 127, 128, 129, 200}) {
    index_t const hidden = random.in(0, 30), outputs = random.in(1, 30);
    check({random.in(0, time > 90 ? 2 : 3), time, random.in(1, 12)}, hidden, outputs);
  }
  for (index_t channels = 0; channels <= 70; ++channels) {
    index_t const hidden = random.in(1, 70), outputs = random.in(0, 50);
    check({random.in(1, 2), random.in(1, 8), channels}, hidden, outputs);
  }
  for (index_t const hidden : {383, 384, 385, 800}) check({1, 9, 10}, hidden, 21);
  sum.print("mlp", type_name<T>());
  REQUIRE_ALL(sum, 88);
}

/// With a skip connection that is shifted, or not, in its own way, and lies where it likes.
template <class T>
void check_skip() {
  random_bits random(352);
  summary sum;
  for (index_t i = 0; i < 120; ++i) {
    tshift::shape const dims = {random.in(1, 3), random.in(1, i % 10 == 0 ? 120 : 12), random.in(1, 60)};
    index_t const outputs = random.in(1, 60);
    perceptron<T> const one(dims.channels, random.in(1, 40), outputs, random);
    placed_tensor<T> x(dims, around_inputs<T>, random),
        skip({dims.batch, dims.time, outputs}, around_inputs<T>, random);
    placed_tensor<T> y(skip.view.shape, around_outputs<T>, random);
    x.fill(uniform<T>(dims.size(), random));
    skip.fill(uniform<T>(skip.view.size(), random));
    auto const lengths = draw_lengths(dims.batch, dims.time, random),
               other = draw_lengths(dims.batch, dims.time, random);
    x.view.lengths = lengths;
    skip.view.lengths = other;
    auto const plan = draw_plan(dims.channels, dims.time, random), beside = draw_plan(outputs, dims.time, random);
    exact_workspace<T> workspace(one.block.workspace_size(dims));
    one.block.forward_add(shifted_by<T>(plan, x.view), shifted_by<T>(beside, skip.view), y.view, workspace);
    oracle::tensor want(skip.view.shape);
    oracle::tensor const added = oracle::read(skip.view, beside);
    one.define(oracle::read(x.view, plan), want.view());
    tshift::reference::for_each_element(skip.view.shape, [&](index_t n, index_t t, index_t c, index_t) {
      want.view()(n, t, c) = want.view()(n, t, c) + added.view()(n, t, c);
    });
    double const error = error_of<T>(y.view, want);
    sum.worst = std::max(sum.worst, error);
    // The sum of two roundings: forward, then an addition.
    std::vector<T> plain(static_cast<std::size_t>(skip.view.size()));
    tensor_view<T> const z(plain.data(), skip.view.shape);
    one.block.forward(shifted_by<T>(plan, x.view), z, workspace);
    tshift::shift_add(tensor_view<T const>(skip.view), z, z, beside.value_or(shift_plan(outputs, {})));
    bool same = true;
    tshift::reference::for_each_element(
        z.shape, [&](index_t n, index_t t, index_t c, index_t) { same &= same_bits(z(n, t, c), y.view(n, t, c)); });
    bool const good = error <= allowed && same && y.gaps_untouched();
    sum.count(good, [&] {
      return describe(dims, plan.value_or(shift_plan(dims.channels, {})), lengths) + ", error " +
             std::to_string(error) + (same ? "" : ", differs from forward and shift_add");
    });
  }
  sum.print("mlp with skip", type_name<T>());
  REQUIRE_ALL(sum, 120);
}

template <class T>
void check_errors() {
  random_bits random(353);
  using tshift::nn::linear;
  using tshift::nn::mlp;
  std::vector<T> const w(35, T(1));
  CHECK(message_of([&] { mlp<T>(linear<T>(5, 7, w), linear<T>(5, 7, w)); }) ==
        "mlp: second has 5 inputs, first has 7 outputs");
  perceptron<T> const wide(3, 7, 2, random), square(3, 7, 3, random);
  CHECK(wide.block.inputs() == 3);
  CHECK(wide.block.hidden() == 7);
  CHECK(wide.block.outputs() == 2);
  CHECK(wide.block.workspace_size({2, 3, 3}) == 6 * 7);
  CHECK(wide.block.workspace_size({3, 1000, 3}) == tshift::nn::kernel::row_capacity * 7);
  CHECK(wide.block.workspace_size({0, 1000, 3}) == 0);
  CHECK(message_of([&] {
          (void)wide.block.workspace_size({index_t{1} << 40, index_t{1} << 40, 3});
        }) == "mlp: the product of the sizes must fit in 2^63 - 1");
  CHECK(message_of([&] { (void)wide.block.workspace_size({-1, 4, 3}); }) == "mlp: a size is -1, must be >= 0");
  std::vector<T> workspace(42), memory(2048, T(2));
  for (perceptron<T> const* one : {&wide, &square}) {
    check_refusals<T>("mlp", 3, one->outputs, false,
                      [&](auto const& x, auto const& y) { one->block.forward(x, y, workspace); });
  }
  tensor_view<T> const x(memory.data(), {2, 3, 3}), y(memory.data() + 100, {2, 3, 2}),
      skip(memory.data() + 200, y.shape);
  auto const before = memory;
  auto const refused = [&](char const* sentence, tshift::nn::input<T> const& s, std::size_t room) {
    CHECK(message_of([&] { wide.block.forward_add(x, s, y, std::span<T>(workspace).first(room)); }) == sentence);
    CHECK(memory == before);
  };
  CHECK(message_of([&] { wide.block.forward(x, y, std::span<T>(workspace).first(41)); }) ==
        "mlp: workspace has 41 elements, must be >= 42");
  refused("mlp: workspace has 41 elements, must be >= 42", skip, 41);
  // The workspace of every block is checked in one place.
  auto const meets = [&](char const* name, T* from) {
    CHECK(message_of([&] { wide.block.forward_add(x, skip, y, std::span<T>(from, 300)); }) ==
          std::string("mlp: ") + name + " and workspace overlap in memory, must share no element");
    CHECK(memory == before);
  };
  meets("x", memory.data() + 17);
  meets("y", memory.data() + 100 - 41);
  meets("skip", memory.data() + 211);
  wide.block.forward_add(x, skip, y, std::span<T>(memory.data() + 18, 82));  // 42 of it are used
  memory = before;
  refused("mlp: skip has 3 channels, must have 2", x, 42);
  refused("mlp: y is [2, 3], skip is [2, 4]; batch and time must be equal", tensor_view<T>(skip.data, {2, 4, 2}), 42);
  refused("mlp: skip and y overlap in memory, must be the same view or share no element",
          tensor_view<T>(y.data + 1, y.shape), 42);
  refused("mlp: y is skip, must be other memory", y, 42);
  refused("mlp: skip is shifted with fill value 3, must be 0", tshift::shifted(skip, {2, {{0, 1, 1}}}, T(3)), 42);
  refused("mlp: skip has stride 3 along channels, must be 1", tensor_view<T>(skip.data, y.shape, tshift::layout::nct),
          42);
}

}  // namespace

TEST_CASE("mlp: against the oracle, a shift in memory and single rows", "[nn][mlp]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("mlp: the skip connection is one addition, shifted or not", "[nn][mlp]") {
  check_skip<float>();
  check_skip<double>();
}

TEST_CASE("mlp refuses what does not fit", "[nn][mlp][errors]") {
  check_errors<float>();
  check_errors<double>();
}
