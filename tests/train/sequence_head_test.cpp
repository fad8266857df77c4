// SPDX-License-Identifier: MIT
// train::sequence_head: sizes, lengths, among them 0, shifts of x and of dy, threads; y has the bits of
// models::sequence_head.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <tshift/models/sequence_head.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/sequence_head.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::train::sequence_head;

auto head_of(index_t channels, index_t hidden, index_t classes) {
  return [=]<class T>(T, parameter_table& table) { return sequence_head<T>(table, channels, hidden, classes); };
}

/// y of inference, of the same values.
template <class T>
void check_inference(tshift::shape const& dims, index_t hidden, index_t classes, std::uint64_t seed, index_t& ran) {
  parameter_table table;
  train_draw const how{.dims = dims, .shifts = false};
  auto const one = draw<T>(table, head_of(dims.channels, hidden, classes)(T(), table), how, seed);
  auto const weights = tshift::train::state_dict_of<T>(table, one.values);
  tshift::models::sequence_head<T> const head(weights, dims.channels);
  std::vector<T> y(static_cast<std::size_t>(dims.batch * classes)), workspace = head.make_workspace(dims);
  head.forward(one.input().base(), tensor_view<T>(y.data(), {dims.batch, 1, classes}), workspace);
  tshift::detail::run_here here;
  CHECK(equal_bits(one.all(here).y, y));
  CHECK(equal_bits(one.all(any_executor(thread_executor{3})).y, y));
  ++ran;
}

}  // namespace

TEST_CASE("train::sequence_head: gradients are slopes, and bits depend on nothing", "[train][speech]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (auto const& [channels, hidden, classes] :
       {std::array<index_t, 3>{1, 1, 1}, {7, 5, 2}, {16, 8, 4}, {50, 33, 7}, {800, 256, 4}}) {
    for (index_t const time : {1, 9, 140}) {
      train_draw const how{.dims = {5, time, channels}, .zero_slope = time == 1};
      check_training(head_of(channels, hidden, classes), how, seed++, sum);
    }
  }
  sum.print("sequence_head");
  REQUIRE(sum.cases == 15);
  REQUIRE(sum.gradients == 75);
}

TEST_CASE("train::sequence_head: inference's bits", "[train][speech]") {
  index_t ran = 0;
  for (index_t const time : {1, 40, 300}) {
    check_inference<float>({4, time, 50}, 33, 7, 5, ran);
    check_inference<double>({4, time, 50}, 33, 7, 6, ran);
    check_inference<float>({2, time, 800}, 256, 4, 7, ran);
  }
  REQUIRE(ran == 9);
}

TEST_CASE("train::sequence_head: sequences without frames, and no others, are passed over", "[train][speech]") {
  check_dy_without_lengths(head_of(20, 10, 3), {3, 50, 20}, {50, 0, 7});
}

TEST_CASE("train::sequence_head: dy is read through its shift", "[train][speech]") {
  parameter_table table;
  auto const one = draw<float>(table, head_of(20, 10, 8)(float(), table), {.dims = {3, 9, 20}, .shifts = false}, 12);
  shift_plan const plan(8, {{2, 3, 1}});  // there is one frame: these three become zeros
  std::vector<float> moved = one.dy;
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = i % 8 >= 2 && i % 8 < 5 ? 0.0f : moved[i];
  tshift::detail::run_here here;
  tensor_view<float const> const as_drawn(one.dy.data(), one.out), in_memory(moved.data(), one.out);
  auto const got = one.all(here, one.input(), tshift::shifted(as_drawn, plan));
  auto const want = one.all(here, one.input(), in_memory);
  CHECK(equal_bits(got.dx, want.dx));
  CHECK(equal_bits(got.gradients, want.gradients));
  CHECK(relative_distance(got.gradients, one.all(here).gradients) > 0.01);
}

TEST_CASE("train::sequence_head: refusals", "[train][speech]") {
  auto const refused = [](index_t channels, index_t hidden, index_t classes) {
    parameter_table table;
    return message_of([&] { sequence_head<float>(table, channels, hidden, classes); });
  };
  CHECK(refused(8, 0, 4) == "sequence_head: 0 channels and 4 classes, must be one or more of each");
  CHECK(refused(8, 6, 0) == "sequence_head: 6 channels and 0 classes, must be one or more of each");
  CHECK(refused(-8, 6, 4) == "mean_pool: a size is -8, must be >= 0");
  CHECK(refused(8, 6, 4) == "");
  parameter_table table;
  sequence_head<float> const one(table, 8, 6, 4);
  REQUIRE(table.count() == 4);
  for (char const* name : {"projector.weight", "projector.bias", "classifier.weight", "classifier.bias"}) {
    CHECK(table.find(name) != nullptr);
  }
  CHECK(message_of([&] { sequence_head<float>(table, 8, 6, 4); }) ==
        "parameter_table: projector.weight is there already");
  CHECK(one.hidden() == 6);
  CHECK(one.parameters_end() == table.size());
  std::vector<float> x(48), y(12), saved = one.make_saved({2, 3, 8}), workspace = one.make_workspace({2, 3, 8});
  REQUIRE(saved.size() == 28);
  auto const forward = [&](tshift::shape const& out, std::size_t kept) {
    return message_of([&] {
      one.forward(tensor_view<float const>(x.data(), {2, 3, 8}), tensor_view<float>(y.data(), out),
                  std::span(saved).first(kept), workspace);
    });
  };
  CHECK(forward({2, 1, 4}, 28) == "");
  CHECK(forward({2, 3, 2}, 28) == "sequence_head: y has 2 channels, must have 4");
  CHECK(forward({2, 2, 4}, 28) == "sequence_head: y is [2, 2], must be [2, 1]");
  CHECK(forward({2, 1, 4}, 27) == "sequence_head: saved has 27 elements, must be >= 28");
}
