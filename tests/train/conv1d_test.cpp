// SPDX-License-Identifier: MIT
// train::conv1d: filters, strides, paddings and groups of all kinds, sequences shorter than the filter, strides longer
// than it, lengths, shifts of x and of dy, threads, windows of more channels than are summed together.
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/train/conv1d.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::conv1d_options;

auto conv_of(conv1d_options const& options, bool bias = true) {
  return [=]<class T>(T, parameter_table& table) { return tshift::train::conv1d<T>(table, "conv", options, bias); };
}

}  // namespace

TEST_CASE("train::conv1d: gradients are slopes, and bits depend on nothing", "[train][conv1d]") {
  train_totals sum;
  std::uint64_t seed = 421;
  for (index_t const taps : {1, 2, 3, 5, 10}) {
    for (index_t const stride : {1, 2, 3, 7}) {
      for (index_t const padding : {index_t{0}, (taps - 1) / 2, taps}) {
        index_t const groups = 1 + static_cast<index_t>(seed % 3);
        conv1d_options const options{groups * static_cast<index_t>(1 + seed % 7),
                                     groups * static_cast<index_t>(1 + seed % 5),
                                     taps,
                                     stride,
                                     padding,
                                     groups};
        check_training(conv_of(options, seed % 4 != 0), {.dims = {5, 23, options.inputs}}, seed, sum);
        ++seed;
      }
    }
  }
  REQUIRE(sum.cases == 60);
  REQUIRE(sum.gradients == 60 * 2 + 45);
  for (conv1d_options const& options :
       {conv1d_options{40, 50, 3, 2, 0, 1}, conv1d_options{40, 50, 3, 1, 1, 2}, conv1d_options{1, 17, 10, 5, 0, 1},
        conv1d_options{24, 24, 40, 1, 20, 2}, conv1d_options{9, 9, 3, 1, 1, 9}, conv1d_options{12, 16, 1, 1, 0, 1}}) {
    check_training(conv_of(options), {.dims = {2, 310, options.inputs}}, seed++, sum);
  }
  check_training(conv_of({200, 8, 9, 1, 4, 1}), {.dims = {2, 60, 200}}, seed++, sum);  // three taps at a time
  check_training(conv_of({800, 8, 2, 2, 0, 1}), {.dims = {2, 30, 800}}, seed++, sum);  // one
  check_training(conv_of({3, 8, 3, 1, 1, 1}), {.dims = {1, 900, 3}}, seed++, sum);     // sums of 384 frames
  check_training(conv_of({8, 8, 100, 50, 0, 1}), {.dims = {2, 400, 8}}, seed++,
                 sum);  // more taps than pieces of a table
  check_training(conv_of({8, 8, 70, 1, 30, 4}), {.dims = {2, 300, 8}}, seed++, sum);
  check_training(conv_of({3, 4, 3, std::numeric_limits<index_t>::max(), 1, 1}), {.dims = {3, 9, 3}}, seed++, sum);
  sum.print("conv1d");
  REQUIRE(sum.cases == 72);
  REQUIRE(sum.gradients == 165 + 36);
}

TEST_CASE("train::conv1d: x that is too short has a gradient of zero", "[train][conv1d]") {
  parameter_table table;
  tshift::train::conv1d<float> block(table, "conv", {2, 3, 5, 1, 0, 1});
  std::vector<float> const x(16, 1.0f);
  std::vector<float> dx(16, around_outputs<float>), gradients(static_cast<std::size_t>(table.size()), 7.0f);
  tshift::shape const dims{2, 4, 2};
  CHECK(block.frames(4) == 0);
  auto workspace = block.make_workspace(dims);
  block.backward(tensor_view<float const>(x, dims), {}, tensor_view<float const>(nullptr, {2, 0, 3}),
                 tensor_view<float>(dx, dims), gradients, workspace);
  CHECK(dx == std::vector<float>(16, 0.0f));
  CHECK(gradients == std::vector<float>(gradients.size(), 7.0f));
}

TEST_CASE("train::conv1d: lengths are those of x", "[train][conv1d]") {
  check_dy_without_lengths(conv_of({20, 30, 5, 2, 1, 2}), {3, 150, 20}, {150, 0, 70});
  check_dy_without_lengths(conv_of({20, 30, 5, 1, 2, 1}), {3, 150, 20}, {150, 0, 70});
}

TEST_CASE("train::conv1d: inference's bits", "[train][conv1d]") {
  conv1d_options const options{20, 30, 5, 2, 1, 2};
  index_t const cases =
      check_forward(conv_of(options),
                    [&options](auto const& values, auto const& x, auto const& y) {
                      using T = typename std::remove_cvref_t<decltype(values)>::value_type;
                      std::span<T const> const all(values);
                      tshift::nn::conv1d<T>(options, all.first(10 * 30 * 5), all.subspan(10 * 30 * 5)).forward(x, y);
                    },
                    {3, 150, 20});
  REQUIRE(cases == forward_cases);
}

TEST_CASE("train::conv1d: refuses", "[train][conv1d]") {
  auto const refused = [](conv1d_options const& options) {
    parameter_table table;
    auto const message = message_of([&] { tshift::train::conv1d<float>(table, "conv", options); });
    CHECK((message.empty() || table.count() == 0));
    return message;
  };
  CHECK(refused({4, 4, 0}) == "conv1d: 0 taps, must be >= 1");
  CHECK(refused({4, 4, 1, 0}) == "conv1d: stride = 0, must be >= 1");
  CHECK(refused({4, 4, 1, 1, -1}) == "conv1d: padding = -1, must be >= 0");
  CHECK(refused({4, 4, 1, 1, 0, 3}) == "conv1d: 3 groups, must divide the 4 inputs and the 4 outputs");
  CHECK(refused({-4, 4}) == "conv1d: a size is -4, must be >= 0");
  CHECK(refused({4, 4}) == "");
}
