// SPDX-License-Identifier: MIT
// placement: y = [S] x + f([S] x) for a fused block, lazy ones with and without a workspace, and anybody's callable,
// beside the definition.
#include <cstddef>
#include <functional>
#include <vector>

#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/self_attention.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::nn::wrap;

constexpr placement places[] = {placement::none, placement::branch, placement::skip, placement::both};

/// All placements of a block: the bits of the definition.
/// @param wrapped  wrapped(where, plan) is the block in question; f the same as a callable
template <class T, class Wrapped, class F>
void check_block(summary& sum, random_bits& random, index_t channels, Wrapped const& wrapped, F const& f) {
  for (index_t i = 0; i < 10; ++i) {
    for (placement const where : places) {
      tshift::shape const dims = {random.in(0, 3), random.in(0, 12), channels};
      placed_tensor<T> x(dims, around_inputs<T>, random), y(dims, around_outputs<T>, random);
      x.fill(uniform<T>(dims.size(), random));
      auto const lengths = draw_lengths(dims.batch, dims.time, random);
      x.view.lengths = lengths;
      auto const plan = draw_plan(channels, dims.time, random).value_or(shift_plan(channels, {{0, channels, 1}}));
      auto const block = wrapped(where, plan);
      exact_workspace<T> workspace(block.workspace_size(dims));
      block.forward(x.view, y.view, workspace);
      std::vector<T> memory(static_cast<std::size_t>(dims.size()));
      tensor_view<T> const want(memory.data(), dims);
      reference::residual<T>(f, where, plan, x.view, want);
      bool good = true;
      tshift::reference::for_each_element(
          dims, [&](index_t n, index_t t, index_t c, index_t) { good &= same_bits(y.view(n, t, c), want(n, t, c)); });
      good &= y.gaps_untouched();
      sum.count(good, [&] {
        return "placement " + std::to_string(static_cast<int>(where)) + ", " + describe(dims, plan, lengths);
      });
    }
  }
}

template <class T>
void check_blocks() {
  random_bits random(381);
  summary sum;
  for (index_t const channels : {1, 4, 17, 32, 50}) {
    auto const w1 = uniform<T>(channels * 9, random), w2 = uniform<T>(channels * 9, random);
    auto const weight = uniform<T>(3 * channels * channels, random);
    tshift::nn::mlp<T> const fused({channels, 9, w1}, {9, channels, w2});
    tshift::nn::self_attention<T> const lazy(channels, 1, weight, {});
    tshift::nn::depthwise_conv1d<T> const direct(channels, 3, uniform<T>(channels * 3, random));
    auto const run = [](auto const& block) {
      return [&block](tensor_view<T const> const& x, tensor_view<T> const& y) {
        if constexpr (requires { block.workspace_size(x.shape); }) {
          std::vector<T> workspace(static_cast<std::size_t>(block.workspace_size(x.shape)));
          block.forward(x, y, workspace);
        } else {
          block.forward(x, y);
        }
      };
    };
    auto const plain = [](tensor_view<T const> const& x, tensor_view<T> const& y) {
      tshift::reference::for_each_element(x.shape, [&](index_t n, index_t t, index_t c, index_t) {
        y(n, t, c) = 3 * x(n, t, c) + x(n, 0, x.shape.channels - 1 - c);
      });
    };
    auto const wrapped = [](auto const& block) {
      return [&block](placement where, shift_plan const& plan) { return wrap<T>(block, where, plan); };
    };
    check_block<T>(sum, random, channels, wrapped(fused), run(fused));
    check_block<T>(sum, random, channels, wrapped(lazy), run(lazy));
    check_block<T>(sum, random, channels, wrapped(direct), run(direct));
    check_block<T>(sum, random, channels, wrapped(plain), plain);
    auto const outside = [&](placement where, shift_plan const& plan) {
      return wrap<T>(std::cref(plain), where, plan);
    };
    check_block<T>(sum, random, channels, outside, plain);
  }
  sum.print("placement", type_name<T>());
  REQUIRE_ALL(sum, 1000);
}

}  // namespace

TEST_CASE("wrap gives what the paths written out give, for blocks of every kind", "[nn][placement]") {
  check_blocks<float>();
  check_blocks<double>();
}

TEST_CASE("The four placements, in numbers", "[nn][placement]") {
  float const x[] = {1, 2, 4};
  auto const tenfold = [](tensor_view<float const> const& from, tensor_view<float> const& to) {
    for (index_t t = 0; t < 3; ++t) to(0, t, 0) = 10 * from(0, t, 0);
  };
  auto const result = [&](placement where) {
    std::vector<float> y(3), workspace(3);
    auto const block = wrap<float>(tenfold, where, shift_plan(1, {{0, 1, 1}}));
    CHECK(block.where() == where);
    CHECK(block.plan() == shift_plan(1, {{0, 1, 1}}));
    CHECK(block.workspace_size({1, 3, 1}) == (where == placement::branch || where == placement::both ? 3 : 0));
    block.forward(tensor_view<float const>(x, {1, 3, 1}), tensor_view<float>(y.data(), {1, 3, 1}), workspace);
    return y;
  };
  CHECK(result(placement::none) == std::vector<float>{11, 22, 44});
  CHECK(result(placement::branch) == std::vector<float>{1, 12, 24});
  CHECK(result(placement::skip) == std::vector<float>{10, 21, 42});
  CHECK(result(placement::both) == std::vector<float>{0, 11, 22});
}

TEST_CASE("wrap: a callable with a workspace_size of its own still gets memory for S x", "[nn][placement]") {
  struct sized {
    static index_t workspace_size(tshift::shape const&) { return 1; }
    void operator()(tensor_view<float const> const&, tensor_view<float> const&) const {}
  };
  auto const block = wrap<float>(sized(), placement::branch, shift_plan(5, {{0, 1, 1}}));
  REQUIRE(block.workspace_size({2, 3, 5}) == 30);
}

TEST_CASE("wrap refuses what does not fit", "[nn][placement][errors]") {
  std::vector<float> memory(200, 1.f), w(9, 1.f), workspace(64), many(4000);
  auto const before = memory;
  tensor_view<float> const x(memory.data(), {2, 3, 3}), y(memory.data() + 100, {2, 3, 3});
  shift_plan const plan(3, {{0, 1, 1}}), wide(4, {{0, 1, 1}});
  tshift::nn::mlp<float> const fused({3, 3, w}, {3, 3, w});
  bool called = false;
  auto const plain = [&](tensor_view<float const> const&, tensor_view<float> const&) { called = true; };
  CHECK(message_of([&] { wrap<float>(plain, static_cast<placement>(4), plan); }) ==
        "wrap: placement = 4, must be a named placement");
  CHECK(message_of([&] { wrap<float>(fused, static_cast<placement>(-1), plan); }) ==
        "wrap: placement = -1, must be a named placement");
  auto const refused = [&](auto const& f, shift_plan const& how, tensor_view<float> const& from,
                           tensor_view<float> const& to, std::size_t room) {
    auto const text =
        message_of([&] { wrap<float>(f, placement::both, how).forward(from, to, std::span(workspace).first(room)); });
    CHECK(memory == before);
    CHECK_FALSE(called);
    return text;
  };
  tensor_view<float> const more(y.data, {2, 4, 3}), other(y.data, {2, 3, 4}),
      strided(y.data, x.shape, tshift::layout::nct);
  auto const check_all = [&](auto const& f) {
    CHECK(refused(f, wide, x, other, 64) == "wrap: x has 3 channels, must have 4");
    CHECK(refused(f, plan, x, other, 64) == "wrap: y has 4 channels, must have 3");
    CHECK(refused(f, plan, x, more, 64) == "wrap: y is [2, 4], x is [2, 3]; batch and time must be equal");
    CHECK(refused(f, plan, x, strided, 64) == "wrap: y has stride 3 along channels, must be 1");
    CHECK(refused(f, plan, x, x, 64) == "wrap: y is x, must be other memory");
    CHECK(refused(f, plan, x, tensor_view<float>(memory.data() + 17, x.shape), 64) ==
          "wrap: x and y overlap in memory, must be the same view or share no element");
    CHECK(refused(f, plan, x, y, 17) == "wrap: workspace has 17 elements, must be >= 18");
  };
  check_all(fused);
  check_all(plain);
  // Frames that share memory: with those of the input, however many steps from frame to frame lie between the two
  // tensors, and if not, among themselves.
  shift_plan const sixteen(16, {{0, 1, 1}});
  auto const frames = [&](index_t first, index_t step) {
    return tensor_view<float>(memory.data() + first, {1, 60, 16}, tshift::strides{0, step, 1, 1});
  };
  char const* const in_part = "wrap: x and y overlap in memory, must be the same view or share no element";
  CHECK(refused(plain, sixteen, frames(0, 1), frames(40, 1), 64) == in_part);
  CHECK(refused(plain, sixteen, frames(40, 1), frames(0, 1), 64) == in_part);
  CHECK(refused(plain, sixteen, frames(0, 0), frames(15, 0), 64) == in_part);
  CHECK(refused(plain, sixteen, frames(0, 0), frames(16, 0), 64) ==
        "wrap: y has stride 0 along time, must be at least 1 or elements would share memory");
  CHECK(refused(plain, sixteen, frames(0, 1), frames(100, 1), 64) ==
        "wrap: y has stride 1 along time, must be at least 16 or elements would share memory");
  CHECK(refused(fused, wide, tensor_view<float>(x.data, {2, 3, 4}), other, 64) == "mlp: y has 4 channels, must have 3");
  // Lengths that contradict: the addition would refuse them, but only after the block has written.
  tshift::nn::self_attention<float> const lazy(3, 1, std::vector<float>(27, 1.f), {});
  index_t const lengths[] = {1, 3};
  tensor_view<float> const ragged(y.data, y.shape, tshift::layout::ntc, lengths);
  for (int kind = 0; kind < 2; ++kind) {
    called = false;
    auto const text = message_of([&] {
      if (kind == 0) wrap<float>(lazy, placement::none, plan).forward(x, ragged, std::span(many));
      if (kind == 1) wrap<float>(plain, placement::none, plan).forward(x, ragged, std::span(many));
    });
    CHECK(text.ends_with(": y has lengths, x has none; give them to x"));
    CHECK(memory == before);
    CHECK_FALSE(called);
  }
}
