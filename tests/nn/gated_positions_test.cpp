// SPDX-License-Identifier: MIT
// self_attention with gated positions: against the oracle, near and far distances, buckets, refusals.
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/nn/self_attention.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::nn::bucketed_distances;
using tshift::nn::gated_positions;

template <class T>
struct gated_mixer {
  index_t heads, farthest;
  std::vector<T> weight, bias, table, gate_weight, gate_bias, constant;
  tshift::nn::self_attention<T> block;

  gated_mixer(index_t D, index_t H, index_t buckets, index_t max_distance, random_bits& random)
      : heads(H), farthest(max_distance),
        weight(uniform<T>(3 * D * D, random, 1.5 / std::sqrt(static_cast<double>(D + 1)))),
        bias(uniform<T>(3 * D, random)), table(uniform<T>(buckets * H, random, 2)),
        gate_weight(uniform<T>(8 * (D / H), random)), gate_bias(uniform<T>(8, random)),
        constant(uniform<T>(H, random, 3)),
        block(D, H, weight, bias, {bucketed_distances<T>(H, max_distance, table), gate_weight, gate_bias, constant}) {}

  void define(tensor_view<oracle::number const> const& x, tensor_view<oracle::number> const& y) const {
    reference::gated_self_attention<oracle::number, T>(x, y, heads, weight, bias, table, farthest, gate_weight,
                                                       gate_bias, constant);
  }
  void forward(tshift::nn::input<T> const& x, tensor_view<T> const& y) const {
    exact_workspace<T> workspace(block.workspace_size(x.shape()));
    block.forward(x, y, workspace);
  }
};

template <class T>
void check_sizes() {
  random_bits random(611);
  summary sum;
  auto const check = [&](tshift::shape const& dims, index_t heads, index_t buckets, index_t max_distance) {
    gated_mixer<T> const one(dims.channels, heads, buckets, max_distance, random);
    check_case<T>(
        sum, random, dims, dims.channels, rows::within_sequence, 3,
        [&](auto const& x, auto const& y) { one.forward(x, y); },
        [&](auto const& x, auto const& y) { one.define(x, y); });
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 31, 32, 33}) {
    // Tables that reach past the sequence, and that end within it.
    for (index_t const max_distance : {3, 9, 40}) {
      index_t const N = random.in(1, 3);
      check({N, time, 12}, 2, 8, max_distance);
      check({N, time, 15}, 3, random.in(4, 11), max_distance);
    }
  }
  for (index_t depth = 1; depth <= 20; ++depth) check({2, random.in(1, 20), 2 * depth}, 2, 12, 7);
  check({1, 131, 6}, 1, 16, 20);  // more rows than are looked up together
  sum.print("gated self_attention", type_name<T>());
  REQUIRE_ALL(sum, 75);
}

template <class T>
void check_errors() {
  std::vector<T> const w(300, T(1));
  auto const some = [&w](index_t n) { return std::span<T const>(w).first(static_cast<std::size_t>(n)); };
  using distances = bucketed_distances<T>;
  using gated = gated_positions<T>;
  CHECK(message_of([&] { distances(2, 9, some(9)); }) ==
        "bucketed_distances: table has 9 elements, must be [buckets, 2]");
  CHECK(message_of([&] { distances(0, 9, some(8)); }) ==
        "bucketed_distances: table has 8 elements, must be [buckets, 0]");
  CHECK(message_of([&] { distances(2, 9, some(6)); }) == "bucketed_distances: 3 buckets, must be >= 4");
  CHECK(message_of([&] { distances(2, 2, some(16)); }) == "bucketed_distances: max_distance = 2, must be in [3, 2^20]");
  CHECK(message_of([&] { distances(2, (1 << 20) + 1, some(16)); }) ==
        "bucketed_distances: max_distance = 1048577, must be in [3, 2^20]");
  distances const good(2, 9, some(16));
  CHECK(good.heads() == 2);
  CHECK(message_of([&] { gated(good, some(25), some(8), some(2)); }) ==
        "gated_positions: weight has 25 elements, must have 24");
  CHECK(message_of([&] { gated(good, some(24), some(7), some(2)); }) ==
        "gated_positions: bias has 7 elements, must have 8");
  CHECK(message_of([&] { gated(good, some(24), some(8), some(3)); }) ==
        "gated_positions: constant has 3 elements, must have 2");
  gated const three(good, some(24), some(8), some(2));
  CHECK(three.depth() == 3);
  using block = tshift::nn::self_attention<T>;
  CHECK(message_of([&] { block(8, 2, some(192), {}, three); }) ==
        "self_attention: the positions are of 2 heads of 3 channels, must be of 2 heads of 4");
  CHECK(message_of([&] { block(6, 3, some(108), {}, three); }) ==
        "self_attention: the positions are of 2 heads of 3 channels, must be of 3 heads of 2");
  block const whole(6, 2, some(108), {}, three);
  CHECK(whole.longest() == -1);
}

}  // namespace

TEST_CASE("gated positions: against the oracle, a shift in memory and single sequences", "[nn][attention]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("gated positions: which bucket is which distance", "[nn][attention]") {
  using tshift::nn::distance_bucket;
  // WavLM's own: 320 buckets to 800 frames. Each of the first 80 has its own, in both directions.
  for (index_t d = 0; d < 80; ++d) {
    CHECK(distance_bucket(-d, 320, 800) == d);
    if (d > 0) CHECK(distance_bucket(d, 320, 800) == 160 + d);
  }
  // 80 + floor(80 log10(|d| / 80)), worked out by hand.
  index_t const known[][2] = {{80, 80},   {82, 80},   {83, 81},   {160, 104},
                              {400, 135}, {777, 158}, {778, 159}, {5000, 159}};
  for (auto const& [distance, bucket] : known) {
    CHECK(distance_bucket(-distance, 320, 800) == bucket);
    CHECK(distance_bucket(distance, 320, 800) == 160 + bucket);
  }
}

TEST_CASE("gated positions refuse what does not fit", "[nn][attention][errors]") {
  check_errors<float>();
  check_errors<double>();
}
