// SPDX-License-Identifier: MIT
// chain: the bits of its blocks one after the other, whatever the rows it is cut into; and the skip of its last block.
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/nn/chain.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/shift_add.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::tensor_view;
namespace nn = tshift::nn;

template <class T>
nn::linear<T> layer(index_t in, index_t out, random_bits& random) {
  return {in, out, uniform<T>(in * out, random), uniform<T>(out, random)};
}
template <class T>
nn::layer_norm<T> norm(index_t channels, random_bits& random) {
  return {uniform<T>(channels, random), uniform<T>(channels, random)};
}
template <class T>
nn::depthwise_conv1d<T> conv(index_t channels, index_t taps, random_bits& random) {
  return {channels, taps, uniform<T>(channels * taps, random), uniform<T>(channels, random)};
}

/// What a block gives, in memory of its own.
template <class T, class Block>
std::vector<T> through(Block const& block, nn::input<T> const& x) {
  std::vector<T> y(static_cast<std::size_t>(x.shape().batch * x.shape().time * block.outputs()));
  exact_workspace<T> workspace(block.workspace_size(x.shape()));
  block.forward(x, tensor_view<T>(y.data(), {x.shape().batch, x.shape().time, block.outputs()}), workspace);
  return y;
}

/// Three blocks in a chain against three calls, from plain and shifted input, with a skip and without.
template <class T>
void check_against_calls() {
  random_bits random(951);
  tally sum;
  for (index_t const frames : {0, 1, 7, 8, 95, 129, 400}) {
    index_t const N = random.in(1, 3), C = random.in(1, 40), hidden = random.in(1, 60);
    auto const first = conv<T>(C, 2 * random.in(0, 3) + 1, random);
    auto const second = norm<T>(C, random);
    auto const third = nn::mlp<T>(layer<T>(C, hidden, random), layer<T>(hidden, C, random));
    nn::chain const block(first, second, third);
    tshift::shape const dims{N, frames, C};
    std::vector<T> const values = uniform<T>(dims.size(), random), beside = uniform<T>(dims.size(), random);
    auto const lengths = draw_lengths(N, frames, random);
    tensor_view<T const> const x(values.data(), dims, tshift::layout::ntc, lengths), skip(beside.data(), dims);
    tshift::shift_plan const plan(C, {{0, C / 2, 1}, {C / 2, C - C / 2, -2}});
    for (bool const moved : {false, true}) {
      nn::input<T> const in = moved ? nn::input<T>(tshift::shifted(x, plan)) : nn::input<T>(x);
      std::vector<T> const a = through<T>(first, in);
      std::vector<T> const b = through<T>(second, tensor_view<T const>(a.data(), dims));
      std::vector<T> const want = through<T>(third, tensor_view<T const>(b.data(), dims));
      std::vector<T> const got = through<T>(block, in);
      std::vector<T> added(want.size()), wanted(want.size());
      exact_workspace<T> workspace(block.workspace_size(dims));
      block.forward_add(in, skip, tensor_view<T>(added.data(), dims), workspace);
      exact_workspace<T> other(third.workspace_size(dims));
      third.forward_add(tensor_view<T const>(b.data(), dims), skip, tensor_view<T>(wanted.data(), dims), other);
      bool const same = same_bytes(got.data(), want.data(), want.size() * sizeof(T));
      bool const same_sum = same_bytes(added.data(), wanted.data(), want.size() * sizeof(T));
      sum.count(same && same_sum, [&] {
        return "T " + std::to_string(frames) + ", C " + std::to_string(C) + (moved ? ", shifted" : "") +
               (same ? ": with a skip" : "");
      });
    }
  }
  REQUIRE_ALL(sum, 14);
}

}  // namespace

TEST_CASE("chain gives the bits of its blocks one after the other", "[nn][chain]") {
  check_against_calls<float>();
  check_against_calls<double>();
}

TEST_CASE("chain: blocks of many widths, norms in the middle and at the end, chains in chains", "[nn][chain]") {
  random_bits random(952);
  auto const a = layer<float>(5, 40, random), b = layer<float>(40, 3, random), c = layer<float>(3, 17, random);
  auto const d = norm<float>(17, random), e = norm<float>(40, random);
  tshift::shape const dims{2, 70, 5};
  std::vector<float> const values = uniform<float>(dims.size(), random);
  tensor_view<float const> const x(values.data(), dims);
  auto const view = [&](std::vector<float> const& of) {
    return tensor_view<float const>(of.data(), {2, 70, static_cast<index_t>(of.size()) / 140});
  };
  std::vector<float> const y1 = through<float>(a, x), y2 = through<float>(e, view(y1)),
                           y3 = through<float>(b, view(y2));
  std::vector<float> const y4 = through<float>(c, view(y3)), y5 = through<float>(d, view(y4));
  CHECK(through<float>(nn::chain(a, e, b, c, d), x) == y5);
  CHECK(through<float>(nn::chain(nn::chain(a, e), nn::chain(b, c), d), x) == y5);
  CHECK(through<float>(nn::chain(a, e), x) == y2);
  nn::chain const whole(a, e, b, c, d);
  CHECK(whole.inputs() == 5);
  CHECK(whole.outputs() == 17);
  CHECK(whole.get<2>().outputs() == 3);
  CHECK(whole.work() == a.work() + b.work() + c.work() + d.work() + e.work());
}

TEST_CASE("chain refuses blocks that do not fit, and what every block refuses", "[nn][chain][errors]") {
  random_bits random(953);
  auto const a = layer<float>(3, 4, random), b = layer<float>(5, 3, random);
  CHECK(message_of([&] { nn::chain<nn::linear<float>, nn::linear<float>>(a, b); }) ==
        "chain: block 1 reads 5 channels, block 0 writes 4");
  nn::chain const block(a, layer<float>(4, 3, random));
  std::vector<float> workspace = block.make_workspace({2, 4, 3});
  check_refusals<float>("chain", 3, 3, false, [&](auto const& x, auto const& y) { block.forward(x, y, workspace); });
  CHECK(message_of([&] { (void)block.workspace_size({-1, 4, 3}); }) == "chain: a size is -1, must be >= 0");
}
