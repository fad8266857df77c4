// SPDX-License-Identifier: MIT
// self_attention: the three kinds of positions, heads, depths that are no multiple of a vector, the table's reach,
// lengths, large scores.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <tshift/nn/self_attention.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;

constexpr frame_positions kinds[] = {frame_positions::absolute, frame_positions::relative_key,
                                     frame_positions::relative_key_query};

template <class T>
struct mixer {
  index_t channels, heads;
  frame_positions kind;
  std::vector<T> weight, bias, table;
  tshift::nn::self_attention<T> block;

  /// @param size  of queries and keys
  mixer(index_t D, index_t H, frame_positions how, index_t reach, random_bits& random, bool with_bias = true,
        double size = 1.5)
      : channels(D), heads(H), kind(how),
        weight(uniform<T>(3 * D * D, random, size / std::sqrt(static_cast<double>(D + 1)))),
        bias(with_bias ? uniform<T>(3 * D, random) : std::vector<T>()),
        table(how == frame_positions::absolute ? std::vector<T>()
                                               : uniform<T>((2 * reach - 1) * (D / H), random, size)),
        block(D, H, weight, bias, how, table) {}

  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::self_attention<oracle::number, T>(x, y, heads, weight, bias, kind, table);
  }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape()));
    block.forward(x, y, workspace);
  }
};

template <class T>
void check_sizes() {
  random_bits random(371);
  summary sum;
  auto const check = [&](tshift::shape const& dims, index_t heads, frame_positions kind, index_t more) {
    mixer<T> const one(dims.channels, heads, kind, std::max<index_t>(dims.time + more, 1), random, !random.chance(4));
    check_case<T>(
        sum, random, dims, dims.channels, rows::within_sequence, 2,
        [&](auto const& x, auto const& y) { one.forward(x, y); },
        [&](auto const& x, auto const& y) { one.define(x, y); });
  };
  for (frame_positions const kind : kinds) {
    for (index_t const time : {0, 1, 2, 7, 8, 9, 31, 32, 33, 95, 96, 97}) {  // the table just long enough, and longer
      check({time > 90 ? 1 : random.in(0, 3), time, 12}, 2, kind, 0);
      index_t const more = random.in(1, 70), N = random.in(1, 3);
      check({time > 90 ? 1 : N, time, time > 90 ? 10 : 24}, time > 90 ? 1 : 12, kind, more);
    }
    for (index_t depth = kind == frame_positions::absolute ? 0 : 1; depth <= 20; ++depth) {
      index_t const time = random.in(1, 20), more = random.in(0, 5);
      check({2, time, 2 * depth}, 2, kind, more);
    }
    for (index_t const channels : {33, 64, 70}) check({2, 11, channels}, 1, kind, 3);
    check({3, 200, 4}, 1, kind, 0);  // longer than what is computed together
  }
  check({2, 400, 2}, 1, frame_positions::relative_key_query, 0);  // K of the weighted sum is cut nowhere, however long
  sum.print("self_attention", type_name<T>());
  REQUIRE_ALL(sum, 146);
}

/// Heads that together are narrower or wider than x, with biases and without.
template <class T>
void check_widths() {
  random_bits random(375);
  summary sum;
  for (frame_positions const kind : kinds) {
    for (index_t const inputs : {0, 1, 5, 16, 33}) {
      for (index_t const heads : {1, 3}) {
        for (index_t const depth : {1, 7, 16}) {
          index_t const D = heads * depth, time = random.in(0, 20), N = random.in(1, 3), reach = time + 1;
          auto const weight = uniform<T>(3 * D * inputs, random, 1.5 / std::sqrt(static_cast<double>(inputs + 1)));
          auto const bias = random.chance(2) ? std::vector<T>() : uniform<T>(3 * D, random);
          bool const plain = kind == frame_positions::absolute;
          auto const table = plain ? std::vector<T>() : uniform<T>((2 * reach - 1) * depth, random);
          tshift::attention_sizes const sizes{inputs, heads, depth};
          tshift::nn::self_attention<T> const block(sizes, weight, bias, kind, table);
          check_case<T>(
              sum, random, {N, time, inputs}, D, rows::within_sequence, 2,
              [&](auto const& x, auto const& y) {
                exact_workspace<T> workspace(block.workspace_size(x.shape()));
                block.forward(x, y, workspace);
              },
              [&](auto const& x, auto const& y) {
                reference::self_attention<oracle::number, T>(x, y, heads, weight, bias, kind, table);
              });
        }
      }
    }
  }
  sum.print("self_attention, heads of any width", type_name<T>());
  REQUIRE_ALL(sum, 90);
}

/// Scores of some thousands: exp must not overflow, and the largest wins.
template <class T>
void check_large_scores() {
  random_bits random(372);
  index_t ran = 0;
  for (frame_positions const kind : kinds) {
    for (double const size : {10.0, 100.0, 1e4}) {
      mixer<T> const one(24, 2, kind, 20, random, true, size);
      auto const x = uniform<T>(20 * 24, random, 4);
      std::vector<T> y(x.size());
      tensor_view<T const> const in(x.data(), {1, 20, 24});
      tensor_view<T> const out(y.data(), {1, 20, 24});
      one.forward(in, out);
      REQUIRE(std::all_of(y.begin(), y.end(), [](T value) { return std::isfinite(value); }));
      oracle::tensor want(in.shape);
      one.define(oracle::read(in), want.view());
      CHECK(error_of<T>(out, want) <= 2);
      ++ran;
    }
  }
  REQUIRE(ran == 9);
}

template <class T>
void check_errors() {
  random_bits random(373);
  std::vector<T> const w(108, T(1)), b(18, T(1)), short_w(107, T(1)), table(9, T(1));
  using block = tshift::nn::self_attention<T>;
  std::span<T const> const none;
  CHECK(message_of([&] { block(6, 4, w, b); }) == "self_attention: 4 heads, must divide the 6 channels");
  CHECK(message_of([&] { block(6, 0, w, b); }) == "self_attention: 0 heads, must divide the 6 channels");
  CHECK(message_of([&] { block(6, -2, w, b); }) == "self_attention: -2 heads, must divide the 6 channels");
  CHECK(message_of([&] { block(-6, 2, w, b); }) == "self_attention: 2 heads, must divide the -6 channels");
  CHECK(message_of([&] { block(6, 2, w, b, static_cast<frame_positions>(7), table); }) ==
        "self_attention: position = 7, must be a named position");
  CHECK(message_of([&] { block(6, 2, short_w, b); }) == "linear: weight has 107 elements, must have 108");
  CHECK(message_of([&] { block(6, 2, w, table); }) == "linear: bias has 9 elements, must have 18");
  CHECK(message_of([&] { block(6, 2, w, b, frame_positions::absolute, table); }) ==
        "self_attention: table has 9 elements, must have 0");
  CHECK(message_of([&] { block(6, 2, w, b, frame_positions::relative_key, std::span(table).first(8)); }) ==
        "self_attention: table has 8 elements, must have an odd number of rows of 3");
  CHECK(message_of([&] { block(6, 2, w, b, frame_positions::relative_key, std::span(table).first(6)); }) ==
        "self_attention: table has 6 elements, must have an odd number of rows of 3");
  CHECK(message_of([&] { block(6, 2, w, b, frame_positions::relative_key_query, none); }) ==
        "self_attention: table has 0 elements, must have an odd number of rows of 3");
  block const good(6, 2, w, b, frame_positions::relative_key, table), plain(6, 2, w, none);
  CHECK(good.channels() == 6);
  CHECK(good.heads() == 2);
  CHECK(good.kind() == frame_positions::relative_key);
  CHECK(good.longest() == 2);
  CHECK(plain.longest() == -1);
  CHECK(good.workspace_size({0, 5, 6}) == 0);
  CHECK(good.workspace_size({5, 0, 6}) == 0);
  CHECK(message_of([&] {
          (void)plain.workspace_size({1, index_t{1} << 40, 6});
        }) == "self_attention: 1099511627776 frames of 6 channels, each must be <= 268435456");
  CHECK(message_of([&] { (void)plain.workspace_size({-1, 2, 6}); }) == "self_attention: a size is -1, must be >= 0");
  using sizes = tshift::attention_sizes;
  CHECK(message_of([&] { block(sizes{4, 3, 3}, w, none); }).empty());
  CHECK(message_of([&] { block(sizes{4, 0, 3}, w, none); }) == "self_attention: 0 heads, must be >= 1");
  CHECK(message_of([&] { block(sizes{4, 3, -3}, w, none); }) == "self_attention: a size is -3, must be >= 0");
  CHECK(message_of([&] { block(sizes{5, 3, 3}, w, none); }) == "linear: weight has 108 elements, must have 135");
  block const wide(sizes{4, 3, 3}, w, none);
  CHECK(wide.inputs() == 4);
  CHECK(wide.channels() == 9);
  std::vector<T> room(4096);
  check_refusals<T>("self_attention", 4, 9, false, [&](auto const& x, auto const& y) { wide.forward(x, y, room); });
  mixer<T> const one(3, 1, frame_positions::absolute, 0, random);
  check_refusals<T>("self_attention", 3, 3, false, [&](auto const& x, auto const& y) { one.forward(x, y); });

  std::vector<T> memory(100, T(1));
  auto const before = memory;
  index_t const fits[] = {2, 0}, too_long[] = {1, 3};
  auto const x = [&](std::span<index_t const> l) {
    return tensor_view<T>(memory.data(), {2, 3, 6}, tshift::layout::ntc, l);
  };
  tensor_view<T> const y(memory.data() + 50, {2, 3, 6});
  std::vector<T> workspace(static_cast<std::size_t>(good.workspace_size(y.shape)), T(2));
  CHECK(message_of([&] { good.forward(x({}), y, workspace); }) ==
        "self_attention: sequence 0 has 3 frames, the table of distances serves at most 2");
  CHECK(message_of([&] { good.forward(x(too_long), y, workspace); }) ==
        "self_attention: sequence 1 has 3 frames, the table of distances serves at most 2");
  auto const size = std::to_string(workspace.size());
  CHECK(message_of([&] { good.forward(x(fits), y, std::span(workspace).subspan(1)); }) ==
        "self_attention: workspace has " + std::to_string(workspace.size() - 1) + " elements, must be >= " + size);
  CHECK(memory == before);
  CHECK(workspace == std::vector<T>(workspace.size(), T(2)));
  CHECK(message_of([&] { good.forward(x(fits), y, workspace); }).empty());  // time 3, but no sequence is that long
}

}  // namespace

TEST_CASE("self_attention: against the oracle, a shift in memory and single sequences", "[nn][attention]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("self_attention: heads narrower or wider than x", "[nn][attention]") {
  check_widths<float>();
  check_widths<double>();
}

TEST_CASE("self_attention: large scores do not overflow", "[nn][attention]") {
  check_large_scores<float>();
  check_large_scores<double>();
}

TEST_CASE("self_attention: which row of the table is which distance", "[nn][attention]") {
  // Queries are 1, keys 0, values the input: scores are the table's alone. Row i is the distance l - r = i - 2.
  float const weight[] = {0, 0, 1}, bias[] = {1, 0, 0};
  float const table[] = {0, 200, 0, 0, 0};  // l - r = -1: every frame looks at the one behind it
  tshift::nn::self_attention<float> const block(1, 1, weight, bias, frame_positions::relative_key, table);
  float const x[] = {1, 2, 4};
  float y[3];
  std::vector<float> workspace(static_cast<std::size_t>(block.workspace_size({1, 3, 1})));
  block.forward(tensor_view<float const>(x, {1, 3, 1}), tensor_view<float>(y, {1, 3, 1}), workspace);
  CHECK(y[0] == 2.f);
  CHECK(y[1] == 4.f);
  CHECK(std::fabs(y[2] - 7.f / 3) < 1e-6f);  // nobody is behind the last
}

TEST_CASE("self_attention: what lies behind a sequence is not attended to", "[nn][attention]") {
  random_bits random(374);
  for (frame_positions const kind : kinds) {
    mixer<float> const one(12, 3, kind, 9, random);
    auto x = uniform<float>(9 * 12, random);
    std::fill(x.begin() + 5 * 12, x.end(), std::numeric_limits<float>::quiet_NaN());
    index_t const lengths[] = {5};
    std::vector<float> y(x.size(), 7.f);
    one.forward(tensor_view<float const>(x.data(), {1, 9, 12}, tshift::layout::ntc, lengths),
                tensor_view<float>(y.data(), {1, 9, 12}));
    CHECK(std::none_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
    CHECK(std::all_of(y.begin() + 5 * 12, y.end(), [](float value) { return value == 0.f; }));
  }
}

TEST_CASE("self_attention refuses what does not fit", "[nn][attention][errors]") {
  check_errors<float>();
  check_errors<double>();
}

TEST_CASE("self_attention: a batch in several groups is its sequences one by one", "[nn][self_attention]") {
  // Sequences of 100 frames go three at a time, and one is left over.
  constexpr index_t N = 4, time = 100, channels = 8;
  std::vector<float> weight(3 * channels * channels), x(N * time * channels), y(x.size() + 64, -7.f), one(y.size());
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i % 11) / 8 - 0.5f;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) / 4 - 1.5f;
  tshift::nn::self_attention<float> const block(channels, 2, weight, {});
  tshift::shape const dims{N, time, channels};
  std::vector<float> workspace(static_cast<std::size_t>(block.workspace_size(dims)));
  tensor_view<float const> const from(x.data(), dims);
  tensor_view<float> const all(y.data(), dims), single(one.data(), dims);
  block.forward(from, all, workspace);
  for (index_t n = 0; n < N; ++n) block.forward(from.slice_sequences(n, 1), single.slice_sequences(n, 1), workspace);
  bool equal = true;
  for (std::size_t i = 0; i < x.size(); ++i) equal = equal && y[i] == one[i];
  REQUIRE(equal);
  for (std::size_t i = x.size(); i < y.size(); ++i) REQUIRE(y[i] == -7.f);
}
