// SPDX-License-Identifier: MIT
// train::self_attention: the kinds of positions, heads, depths that are no multiple of a vector, sequences that are one
// tile, one block, several; the table's reach; y has inference's bits.
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/nn/self_attention.hpp>
#include <tshift/train/self_attention.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;

constexpr frame_positions kinds[] = {frame_positions::absolute, frame_positions::relative_key,
                                     frame_positions::relative_key_query};

struct setting {
  index_t channels, heads;
  frame_positions kind;
  index_t reach = 0;
  tshift::train::attention_names names = {};
  index_t buckets = 0, farthest = 0;  // of gated positions
  index_t depth = 0;                  // of a head; 0: heads are as wide as x together

  index_t made() const { return depth > 0 ? heads * depth : channels; }
};

auto mixer_of(setting const& how) {
  return [how]<class T>(T, parameter_table& table) {
    using block = tshift::train::self_attention<T>;
    if (how.depth > 0) {
      tshift::attention_sizes const sizes{how.channels, how.heads, how.depth};
      return block(table, "mixer", sizes, how.kind, how.reach, how.names);
    }
    if (how.buckets == 0) return block(table, "mixer", how.channels, how.heads, how.kind, how.reach, how.names);
    tshift::train::bucketed_distances<T> const distances(table, "embed.weight", how.heads, how.buckets, how.farthest);
    return block(table, "mixer", how.channels, how.heads, distances, how.names);
  };
}

tshift::train::attention_names with_bias(bool bias, tshift::train::attention_names names = {}) {
  names.bias = bias;
  return names;
}

/// y as nn::self_attention computes it, with the same values.
template <class T>
void check_inference(setting const& how, tshift::shape const& dims, std::uint64_t seed, index_t& ran) {
  parameter_table table;
  auto const one = draw<T>(table, mixer_of(how)(T(), table), {.dims = dims}, seed);
  auto const values_of = [&one](std::string const& name) {
    auto const* const found = one.table.find(name);
    return found == nullptr
               ? std::vector<T>()
               : std::vector<T>(one.values.begin() + found->offset, one.values.begin() + found->offset + found->size);
  };
  std::vector<T> weight, bias;
  for (std::string const& name : how.names.projections) {
    for (T const each : values_of("mixer." + name + ".weight")) weight.push_back(each);
    for (T const each : values_of("mixer." + name + ".bias")) bias.push_back(each);
  }
  auto const block_of = [&] {
    using block = tshift::nn::self_attention<T>;
    if (how.depth > 0) {
      tshift::attention_sizes const sizes{how.channels, how.heads, how.depth};
      return block(sizes, weight, bias, how.kind, values_of("mixer.distance_embedding.weight"));
    }
    if (how.buckets == 0) {
      return block(how.channels, how.heads, weight, bias, how.kind, values_of("mixer.distance_embedding.weight"));
    }
    tshift::nn::bucketed_distances<T> const distances(how.heads, how.farthest, values_of("embed.weight"));
    return block(how.channels, how.heads, weight, bias,
                 {distances, values_of("mixer.gru_rel_pos_linear.weight"), values_of("mixer.gru_rel_pos_linear.bias"),
                  values_of("mixer.gru_rel_pos_const")});
  };
  auto const block = block_of();
  tshift::shape const out{dims.batch, dims.time, how.made()};
  std::vector<T> y(static_cast<std::size_t>(out.size()), around_outputs<T>), workspace = block.make_workspace(dims);
  block.forward(one.input(), tensor_view<T>(y.data(), out), workspace);
  tshift::detail::run_here here;
  CHECK(equal_bits(one.all(here).y, y));
  CHECK(equal_bits(one.all(any_executor(thread_executor{3})).y, y));
  ++ran;
}

}  // namespace

TEST_CASE("train::self_attention: gradients are slopes, and bits depend on nothing", "[train][self_attention]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (frame_positions const kind : kinds) {
    for (index_t const heads : {1, 2, 4}) {
      for (index_t const depth : {1, 3, 8, 16}) {
        for (index_t const time : {1, 2, 9, 40, 100}) {
          if (time == 100 && heads * depth > 16) continue;
          // Of short sequences no frame may be left, or two that a shift has made the same: a slope is rounding there.
          train_draw const how{.dims = {4, time, heads * depth}, .shifts = time > 2, .zero_slope = time < 40};
          setting const block{heads * depth, heads, kind, time + static_cast<index_t>(seed % 3),
                              with_bias(seed % 4 != 0)};
          check_training(mixer_of(block), how, seed, sum);
          ++seed;
        }
      }
    }
    // Blocks of 128 queries: two and a tile's rest; groups of two sequences, and one; a depth of two panels, of two
    // blocks of K.
    check_training(mixer_of({24, 4, kind, 300}), {.dims = {1, 261, 24}}, seed++, sum);
    check_training(mixer_of({32, 4, kind, 130}), {.dims = {5, 130, 32}}, seed++, sum);
    check_training(mixer_of({60, 1, kind, 20}), {.dims = {4, 17, 60}}, seed++, sum);
    random_bits random(seed);
    parameter_table table;
    train_draw const how{.dims = {4, 5, 800}};
    auto one = draw<double>(table, mixer_of({800, 1, kind, 6})(double(), table), how, seed++);
    for (double& value : one.values) value /= 30;  // or one weight would be all
    one.block.pack(std::span<double const>(one.values));
    check_slopes(one, how, sum, random);
    check_bits(one, how);
  }
  frame_positions const both = frame_positions::relative_key_query;
  check_training(mixer_of({32, 4, both, 20000}), {.dims = {2, 20, 32}}, seed++, sum);  // the table's rows in parts
  auto const apart = tshift::train::attention_names::apart();
  check_training(mixer_of({12, 2, both, 30, apart}), {.dims = {4, 11, 12}}, seed++, sum);
  sum.print("self_attention");
  REQUIRE(sum.cases == 182);
  REQUIRE(sum.gradients == 641);
}

TEST_CASE("train::self_attention: WavLM's gated positions", "[train][self_attention]") {
  train_totals sum;
  std::uint64_t seed = 200;
  // One bias of all three: that of the keys alone has no gradient, all scores of a query change by the same.
  tshift::train::attention_names const names;
  for (index_t const heads : {1, 2, 4}) {
    for (index_t const depth : {1, 3, 8, 16}) {
      for (index_t const time : {1, 2, 9, 40}) {
        // Buckets that reach past the sequence, and that end within it.
        index_t const buckets = seed % 2 == 0 ? 8 : 13, farthest = seed % 3 == 0 ? 5 : 60;
        // A constant's gradient is one number, which may be the small difference of large ones.
        train_draw const how{.dims = {4, time, heads * depth},
                             .shifts = time > 2,
                             .zero_slope = time < 40,
                             .allowed_slope = 1e-5,
                             .allowed_float = 1e-4};
        setting const block{heads * depth, heads, frame_positions::absolute, 0, names, buckets, farthest};
        check_training(mixer_of(block), how, seed, sum);
        ++seed;
      }
    }
  }
  setting const wide{24, 4, frame_positions::absolute, 0, names, 32, 100};
  check_training(mixer_of(wide), {.dims = {1, 261, 24}}, seed++, sum);
  check_training(mixer_of(wide), {.dims = {5, 130, 24}}, seed++, sum);
  sum.print("self_attention, gated");
  REQUIRE(sum.cases == 50);
  REQUIRE(sum.gradients == 350);
}

TEST_CASE("train::self_attention: heads that are wider than x together, or narrower", "[train][self_attention]") {
  train_totals sum;
  std::uint64_t seed = 400;
  for (frame_positions const kind : kinds) {
    for (auto const& [inputs, heads, depth] :
         {std::array<index_t, 3>{7, 1, 20}, {12, 3, 5}, {20, 2, 3}, {5, 4, 16}, {33, 1, 33}, {9, 9, 1}}) {
      for (index_t const time : {9, 40}) {
        train_draw const how{.dims = {4, time, inputs}, .zero_slope = time < 40};
        setting const block{inputs, heads, kind, time, with_bias(seed % 3 == 0), 0, 0, depth};
        check_training(mixer_of(block), how, seed++, sum);
      }
    }
    setting const wide{24, 3, kind, 261, with_bias(false), 0, 0, 11};
    check_training(mixer_of(wide), {.dims = {3, 261, 24}}, seed++, sum);
  }
  sum.print("self_attention, wide");
  REQUIRE(sum.cases == 39);
  REQUIRE(sum.gradients == 39 * 2 + 26 + 12);
}

TEST_CASE("train::self_attention: y has the bits of inference", "[train][self_attention]") {
  index_t ran = 0;
  auto const apart = tshift::train::attention_names::apart();
  for (frame_positions const kind : kinds) {
    for (auto const& [time, channels, heads] :
         {std::array<index_t, 3>{1, 4, 2}, {9, 12, 4}, {40, 50, 1}, {150, 48, 3}}) {
      check_inference<float>({channels, heads, kind, time + 3}, {3, time, channels}, 7, ran);
      check_inference<double>({channels, heads, kind, time, with_bias(false, apart)}, {4, time, channels}, 8, ran);
    }
  }
  for (index_t const time : {1, 9, 150}) {
    check_inference<float>({24, 3, frame_positions::absolute, 0, apart, 8, 20}, {3, time, 24}, 9, ran);
    check_inference<double>({24, 3, frame_positions::absolute, 0, apart, 9, 5}, {3, time, 24}, 9, ran);
  }
  for (frame_positions const kind : kinds) {
    check_inference<float>({13, 3, kind, 40, with_bias(false), 0, 0, 5}, {3, 40, 13}, 10, ran);
    check_inference<double>({13, 1, kind, 40, apart, 0, 0, 21}, {3, 40, 13}, 10, ran);
  }
  REQUIRE(ran == 36);
}

TEST_CASE("train::self_attention: scores of some thousands", "[train][self_attention]") {
  index_t ran = 0;
  for (frame_positions const kind : kinds) {
    parameter_table table;
    auto const one = draw<float>(table, mixer_of({24, 2, kind, 50})(float(), table), {.dims = {2, 40, 24}}, 5);
    for (float const size : {10.0F, 100.0F, 1e4F}) {
      auto large = one;
      for (float& value : large.values) value *= size;
      large.block.pack(std::span<float const>(large.values));
      tshift::detail::run_here here;
      auto const got = large.all(here);
      CHECK(std::all_of(got.dx.begin(), got.dx.end(), [](float v) { return std::isfinite(v); }));
      CHECK(std::all_of(got.gradients.begin(), got.gradients.end(), [](float v) { return std::isfinite(v); }));
      ++ran;
    }
  }
  REQUIRE(ran == 9);
}

TEST_CASE("train::self_attention: refusals", "[train][self_attention]") {
  using block = tshift::train::self_attention<float>;
  parameter_table table;
  auto const both = frame_positions::relative_key_query;
  CHECK(message_of([&] { block(table, "a", 6, 4); }) == "self_attention: 4 heads, must divide the 6 channels");
  CHECK(message_of([&] { block(table, "b", 6, 0); }) == "self_attention: 0 heads, must divide the 6 channels");
  CHECK(message_of([&] { block(table, "c", -6, 2); }) == "self_attention: 2 heads, must divide the -6 channels");
  CHECK(message_of([&] { block(table, "d", 6, 2, static_cast<frame_positions>(7), 3); }) ==
        "self_attention: position = 7, must be a named position");
  CHECK(message_of([&] { block(table, "e", 6, 2, both); }) == "self_attention: reach = 0, must be >= 1");
  CHECK(message_of([&] {
          block(table, "f", 6, 2, both, 3, {.projections = {"q", "k"}});
        }) == "self_attention: 2 names of projections, must be 1 or 3");

  CHECK(message_of([&] {
          block(table, "i", tshift::attention_sizes{6, 0, 2});
        }) == "self_attention: 0 heads, must be >= 1");
  CHECK(message_of([&] {
          block(table, "j", tshift::attention_sizes{6, 2, -2});
        }) == "self_attention: a size is -2, must be >= 0");

  tshift::train::bucketed_distances<float> const distances(table, "embed", 3, 8, 9);
  CHECK(message_of([&] { block(table, "g", 6, 2, distances); }) ==
        "self_attention: the distances are of 3 heads, must be of 2");
  using bucketed = tshift::train::bucketed_distances<float>;
  CHECK(message_of([&] { bucketed(table, "h", 2, 3, 9); }) == "bucketed_distances: 3 buckets, must be >= 4");
  CHECK(message_of([&] { bucketed(table, "h", 0, 8, 9); }) == "bucketed_distances: 0 heads, must be >= 1");
  CHECK(message_of([&] { bucketed(table, "h", 2, 8, 2); }) ==
        "bucketed_distances: max_distance = 2, must be in [3, 2^20]");

  parameter_table fresh;
  block const one(fresh, "mixer", 6, 2, both, 3);
  REQUIRE(fresh.count() == 3);
  CHECK(one.longest() == 3);
  CHECK(one.kind() == both);
  CHECK(one.heads() == 2);
  CHECK(block().longest() == -1);
  CHECK(message_of([&] {
          (void)block(fresh, "long", 6, 2).workspace_size({1, (index_t{1} << 28) + 1, 6});
        }) == "self_attention: 268435457 frames of 6 channels, each must be <= 268435456");
  std::vector<float> x(48), saved = one.make_saved({2, 4, 6}), workspace = one.make_workspace({2, 4, 6});
  std::vector<index_t> lengths{3, 4};
  tensor_view<float const> in(x.data(), {2, 4, 6}, tshift::layout::ntc, lengths);
  std::vector<float> y(48), gradients(static_cast<std::size_t>(fresh.size()));
  tensor_view<float> const out(y.data(), {2, 4, 6});
  CHECK(message_of([&] { one.forward(in, out, saved, workspace); }) ==
        "self_attention: sequence 1 has 4 frames, the table of distances serves at most 3");
  CHECK(message_of([&] { one.backward(in, saved, tensor_view<float const>(out), {}, gradients, workspace); }) ==
        "self_attention: sequence 1 has 4 frames, the table of distances serves at most 3");
  lengths[1] = 2;
  CHECK(message_of([&] { one.forward(in, out, std::span(saved).first(175), workspace); }) ==
        "self_attention: saved has 175 elements, must be >= 176");
}
