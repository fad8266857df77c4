// SPDX-License-Identifier: MIT
// train::branches: one block and several, images and frames, lengths, shifts of x and of dy, threads.
#include <cstddef>
#include <utility>
#include <vector>

#include <tshift/train/branches.hpp>
#include <tshift/train/conv1d.hpp>
#include <tshift/train/conv2d.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::activation;
using tshift::window_axis;
using tshift::train::branches;

/// Convolutions of these widths, 3, 4, ... channels.
auto widths_of(index_t channels, std::vector<index_t> const& widths, activation const& f = {}) {
  return [=]<class T>(T, parameter_table& table) {
    std::vector<tshift::train::conv2d<T>> blocks;
    for (index_t const width : widths) {
      index_t const outputs = 3 + static_cast<index_t>(blocks.size());
      tshift::conv2d_options const how{
          .inputs = channels, .outputs = outputs, .time = window_axis::same(width), .space = window_axis::same(3)};
      blocks.emplace_back(table, std::to_string(blocks.size()), how, true, f);
    }
    return branches<tshift::train::conv2d<T>>(std::move(blocks));
  };
}

}  // namespace

TEST_CASE("train::branches: gradients are slopes, and bits depend on nothing", "[train][branches]") {
  train_totals sum;
  std::uint64_t seed = 101;
  for (index_t const channels : {1, 3, 20}) {
    for (auto const& widths : {std::vector<index_t>{3}, {1, 4}, {5, 2, 3}}) {
      check_training(widths_of(channels, widths), {.dims = {4, 12, channels, 4}}, seed++, sum);
      check_training(widths_of(channels, widths, activation::gelu()), {.dims = {4, 12, channels, 4}}, seed++, sum);
    }
  }
  auto const frames = []<class T>(T, parameter_table& table) {
    std::vector<tshift::train::conv1d<T>> two;
    two.emplace_back(table, "a", tshift::conv1d_options{5, 4, 3, 1, 1, 1});
    two.emplace_back(table, "b", tshift::conv1d_options{5, 9, 5, 1, 2, 1});
    return branches<tshift::train::conv1d<T>>(std::move(two));
  };
  check_training(frames, {.dims = {4, 20, 5}}, seed++, sum);
  sum.print("branches");
  REQUIRE(sum.cases == 19);
  REQUIRE(sum.gradients == 6 * 3 + 6 * 5 + 6 * 7 + 5);
}

TEST_CASE("train::branches: each has channels of its own", "[train][branches]") {
  parameter_table table;
  auto const both = widths_of(3, {5, 2})(float(), table);
  random_bits random(5);
  auto const values = uniform<float>(table.size(), random), x = uniform<float>(2 * 9 * 3 * 6, random);
  auto block = both;
  block.pack(std::span<float const>(values));
  tshift::shape const in{2, 9, 3, 6}, out{2, 9, 7, 6};
  std::vector<float> y(static_cast<std::size_t>(out.size())), room = block.make_workspace(in);
  block.forward(tensor_view<float const>(x, in, dense), tensor_view<float>(y, out, dense), {}, room);
  tensor_view<float const> const all(y, out, dense);
  index_t first = 0;
  for (auto const& each : block.blocks()) {
    tshift::shape const own{2, 9, each.outputs(), 6};
    std::vector<float> part(static_cast<std::size_t>(own.size()));
    each.forward(tensor_view<float const>(x, in, dense), tensor_view<float>(part, own, dense), {}, room);
    bool same = true;
    tshift::reference::for_each_element(own, [&](index_t n, index_t t, index_t c, index_t s) {
      same &= part[element_at(own, n, t, c, s)] == all(n, t, first + c, s);
    });
    CHECK(same);
    first += each.outputs();
  }
  CHECK(first == 7);
}

TEST_CASE("train::branches: refuses", "[train][branches]") {
  using conv = tshift::train::conv2d<float>;
  parameter_table table;
  CHECK(message_of([] { branches<conv>(std::vector<conv>()); }) == "branches: no blocks, must be one or more");
  conv const three(table, "a", {.inputs = 3, .outputs = 2}), four(table, "b", {.inputs = 4, .outputs = 2});
  CHECK(message_of([&] { branches<conv>({three, four}); }) == "branches: one reads 3 channels, another 4");
  conv const shorter(table, "c", {.inputs = 3, .outputs = 2, .time = {3, 1, 0, 0}});
  branches<conv> const uneven({three, shorter});
  std::vector<float> x(3 * 5 * 4), y(4 * 5 * 4);
  CHECK(message_of([&] {
          uneven.forward(tensor_view<float>(x, {1, 5, 3, 4}, dense), tensor_view<float>(y, {1, 5, 4, 4}, dense), {});
        }) == "branches: the blocks make other numbers of frames or places of x");
}
