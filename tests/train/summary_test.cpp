// SPDX-License-Identifier: MIT
// train::summary: every kind, several and equal ones, one direction and two, both scorers, sequences that are one block
// of frames and several, lengths, shifts of x, threads, equal frames.
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/train/summary.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::attention_scorer;
using kind = tshift::summary_kind;
using kinds = std::vector<kind>;

struct setting {
  index_t channels;
  kinds of;
  index_t directions = 1, width = 0;
  attention_scorer scorer = attention_scorer::sigmoid;
};

auto summary_of(setting const& how, double eps = 1e-3) {
  return [=]<class T>(T, parameter_table& table) {
    return tshift::train::summary<T>(table, "attention", how.channels, how.of, how.directions, how.width, how.scorer,
                                     static_cast<T>(eps));
  };
}

bool has(setting const& how, kind one) { return std::count(how.of.begin(), how.of.end(), one) > 0; }

void check_one(setting const& how, index_t batch, index_t time, std::uint64_t seed, train_totals& sum) {
  INFO(how.of.size() << " kinds, first " << static_cast<int>(how.of[0]) << ", directions " << how.directions);
  train_draw const draw{.dims = {batch, time, how.channels},
                        .zero_slope = time < 20,
                        .allowed_slope = 1e-5,
                        .bends = has(how, kind::max)};
  check_training(summary_of(how), draw, seed, sum);
}

}  // namespace

TEST_CASE("train::summary: gradients are slopes, and bits depend on nothing", "[train][summary]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (kind const one : {kind::last, kind::mean, kind::max, kind::std, kind::attention}) {
    for (index_t const channels : {2, 8, 34}) {
      for (index_t const time : {1, 9, 40}) {
        index_t const directions = 1 + static_cast<index_t>(seed % 2);
        auto const scorer = seed % 3 == 0 ? attention_scorer::tanh : attention_scorer::sigmoid;
        check_one({channels, {one}, directions, 1 + static_cast<index_t>(seed % 7), scorer}, 4, time, seed, sum);
        ++seed;
      }
    }
  }
  check_one({12, {kind::mean, kind::max}}, 4, 20, seed++, sum);
  check_one({12, {kind::attention, kind::last, kind::std}, 2, 5, attention_scorer::tanh}, 4, 20, seed++, sum);
  check_one({12, {kind::last, kind::mean, kind::max, kind::std, kind::attention}, 2, 40}, 4, 20, seed++, sum);
  check_one({6, {kind::std, kind::attention, kind::std, kind::attention}, 1, 3}, 4, 20, seed++, sum);
  check_one({20, {kind::attention, kind::mean}, 1, 30}, 2, 300, seed++, sum);  // several blocks of frames
  check_one({800, {kind::attention, kind::max, kind::std}, 2, 4}, 3, 11, seed++, sum);
  sum.print("summary");
  REQUIRE(sum.cases == 51);
  REQUIRE(sum.gradients == 36 + 9 * 4 + 1 + 5 * 4);
}

TEST_CASE("train::summary: of equal frames the first, of NaN the first", "[train][summary]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  parameter_table table;
  auto const back = [&](std::vector<float> const& x, std::vector<float> const& dy, kind one, float eps = 1e-5F) {
    tshift::train::summary<float> const block(table, "a", 1, {one}, 1, 0, attention_scorer::sigmoid, eps);
    tshift::shape const in{1, static_cast<index_t>(x.size()), 1}, out{1, 1, 1};
    std::vector<float> y(1), dx(x.size(), around_outputs<float>), saved = block.make_saved(in);
    std::vector<float> room = block.make_workspace(in);
    block.forward(tensor_view<float const>(x, in), tensor_view<float>(y, out), saved, room);
    block.backward(tensor_view<float const>(x, in), saved, tensor_view<float const>(dy, out),
                   tensor_view<float>(dx, in), {}, room);
    return dx;
  };
  CHECK(back({1, 3, 2, 3, 3}, {5}, kind::max) == std::vector<float>{0, 5, 0, 0, 0});
  CHECK(back({1, nan, 2, nan}, {5}, kind::max) == std::vector<float>{0, 5, 0, 0});
  CHECK(back({2, 2, 2}, {5}, kind::std, 0) == std::vector<float>{0, 0, 0});  // no deviation, and no slope
  CHECK(back({1, 3}, {4}, kind::std, 0) == std::vector<float>{-2, 2});
}

TEST_CASE("train::summary: lengths are those of x", "[train][summary]") {
  setting const all{12, {kind::last, kind::mean, kind::max, kind::std, kind::attention}, 2, 7};
  check_dy_without_lengths(summary_of(all), {3, 150, 12}, {150, 0, 70});
}

TEST_CASE("train::summary: inference's bits", "[train][summary]") {
  index_t cases = 0;
  for (attention_scorer const scorer : {attention_scorer::sigmoid, attention_scorer::tanh}) {
    setting const how{12, {kind::last, kind::mean, kind::max, kind::std, kind::attention}, 2, 7, scorer};
    cases += check_forward(
        summary_of(how),
        [&](auto const& values, auto const& x, auto const& y) {
          using T = typename std::remove_cvref_t<decltype(values)>::value_type;
          std::span<T const> const all(values);
          tshift::nn::attention_weights<T> const network{all.first(84), all.subspan(84, 7), all.subspan(91), scorer};
          tshift::nn::summary<T> const block(12, how.of, 2, network, T(1e-3));
          auto room = block.make_workspace(x.shape());
          block.forward(x, y, room);
        },
        {3, 150, 12});
  }
  REQUIRE(cases == 2 * forward_cases);
}

TEST_CASE("train::summary: refuses", "[train][summary]") {
  auto const refused = [](index_t channels, kinds const& of, index_t directions, index_t width, float eps = 0,
                          attention_scorer scorer = attention_scorer::tanh) {
    parameter_table table;
    auto const message =
        message_of([&] { tshift::train::summary<float>(table, "a", channels, of, directions, width, scorer, eps); });
    CHECK((message.empty() || table.count() == 0));
    return message;
  };
  CHECK(refused(4, {kind::mean}, 2, -3) == "");
  CHECK(refused(4, {kind::mean, kind::attention}, 1, 0) == "summary: attention of width 0, must be >= 1");
  CHECK(refused(-4, {kind::mean}, 1, 0) == "summary: a size is -4, must be >= 0");
  CHECK(refused(4, {}, 1, 0) == "summary: 0 kinds, must be in [1, 8]");
  CHECK(refused(5, {kind::last}, 2, 0) == "summary: 2 directions of 5 channels, must be 1, or 2 of an even number");
  CHECK(refused(4, {kind::std}, 1, 0, -1) == "summary: eps = -1, must be >= 0 and finite");
  CHECK(refused(4, {static_cast<kind>(5)}, 1, 0) == "summary: kind = 5, must be a named kind");
  CHECK(refused(4, {kind::attention}, 1, 2, 0, static_cast<attention_scorer>(2)) ==
        "summary: scorer = 2, must be a named scorer");
}
