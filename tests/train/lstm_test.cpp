// SPDX-License-Identifier: MIT
// train::lstm: one and two directions, hidden sizes around every vector, lengths, batches that walk together and in groups.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/nn/lstm.hpp>
#include <tshift/train/lstm.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;

auto lstm_of(index_t inputs, index_t hidden, bool bidirectional) {
  return [=]<class T>(T, parameter_table& table) {
    return tshift::train::lstm<T>(table, "rnn", inputs, hidden, bidirectional);
  };
}

/// A case with the lengths that are given, not drawn.
void check_lengths(index_t hidden, std::vector<index_t> const& lengths, bool zero_slope, train_totals& sum) {
  parameter_table table;
  auto const block = lstm_of(3, hidden, true)(double(), table);
  index_t longest = 1;
  for (index_t const length : lengths) longest = length > longest ? length : longest;
  train_draw const how{.dims = {static_cast<index_t>(lengths.size()), longest, 3}, .zero_slope = zero_slope};
  auto one = draw<double>(table, block, how, 7);
  one.lengths = lengths;
  random_bits random(8);
  check_slopes(one, how, sum, random);
  check_bits(one, how);
  ++sum.cases;
}

/// y is inference's bit for bit, also past the lengths.
template <class T>
void check_inference(index_t hidden, bool bidirectional, tshift::shape const& dims, std::uint64_t seed) {
  INFO("H = " << hidden << ", [" << dims.batch << ", " << dims.time << ", " << dims.channels << "]");
  parameter_table table;
  auto const block = lstm_of(dims.channels, hidden, bidirectional)(T(), table);
  auto const one = draw<T>(table, block, {.dims = dims}, seed);
  auto const weights = [&](std::string const& suffix) {
    auto const part = [&](std::string const& name) {
      auto const* found = table.find("rnn." + name + suffix);
      REQUIRE(found != nullptr);
      return std::span<T const>(one.values)
          .subspan(static_cast<std::size_t>(found->offset), static_cast<std::size_t>(found->size));
    };
    return tshift::nn::lstm_weights<T>{part("weight_ih_l0"), part("weight_hh_l0"), part("bias_ih_l0"),
                                       part("bias_hh_l0")};
  };
  auto const known = bidirectional ? tshift::nn::lstm<T>(dims.channels, hidden, weights(""), weights("_reverse"))
                                   : tshift::nn::lstm<T>(dims.channels, hidden, weights(""));
  typename std::remove_cvref_t<decltype(one)>::result r;
  tshift::detail::run_here here;
  one.forward(here, one.input(), r);
  std::vector<T> y(r.y.size(), T(7)), workspace = known.make_workspace(dims);
  known.forward(one.input(), tensor_view<T>(y.data(), one.out), workspace);
  CHECK(equal_bits(r.y, y));
}

}  // namespace

TEST_CASE("train::lstm: gradients are slopes, and bits depend on nothing", "[train][lstm]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (index_t const hidden : {1, 3, 8, 16, 17, 33}) {
    for (index_t const batch : {1, 2, 5}) {
      for (index_t const time : {1, 3, 7}) {
        // W_hh has no gradient where no sequence has two steps: certain at T = 1, and drawn in small batches.
        index_t const inputs = 1 + static_cast<index_t>(seed) * 5 % 19;
        train_draw const how{.dims = {batch, time, inputs}, .zero_slope = batch < 5 || time == 1};
        check_training(lstm_of(inputs, hidden, seed % 2 == 0), how, seed, sum);
        ++seed;
      }
    }
  }
  check_training(lstm_of(4, 5, true), {.dims = {35, 4, 4}}, 99, sum);   // three groups
  check_training(lstm_of(3, 2, true), {.dims = {2, 500, 3}}, 98, sum);  // more frames than one sum has
  for (index_t const hidden : {5, 16}) {
    check_lengths(hidden, {3, 0, 1, 4, 2}, false, sum);
    check_lengths(hidden, {1, 1, 0}, true, sum);
    check_lengths(hidden, {0, 0}, true, sum);
    check_lengths(hidden, {2}, false, sum);
  }
  sum.print("lstm");
  REQUIRE(sum.cases == 64);
  REQUIRE(sum.gradients == 468);
}

TEST_CASE("train::lstm: y has the bits of inference", "[train][lstm]") {
  std::uint64_t seed = 1;
  for (index_t const hidden : {1, 5, 16, 35}) {
    for (bool const bidirectional : {false, true}) {
      check_inference<float>(hidden, bidirectional, {3, 9, 4}, ++seed);
      check_inference<double>(hidden, bidirectional, {3, 9, 4}, ++seed);
    }
  }
  check_inference<float>(6, true, {2, 300, 7}, ++seed);  // inference takes these steps in several parts
  check_inference<float>(6, true, {140, 3, 7}, ++seed);
  REQUIRE(seed == 19);
}

TEST_CASE("train::lstm: what is large is shared out, and is the same", "[train][lstm]") {
  struct {
    index_t hidden;
    tshift::shape dims;
    index_t walks;  // directions, and groups of sequences
    bool products;  // whether those with the weights are large as well
  } const cases[] = {{33, {2, 300, 70}, 2, true}, {33, {20, 40, 8}, 4, false}};
  index_t checked = 0;
  for (auto const& each : cases) {
    parameter_table table;
    auto const block = lstm_of(each.dims.channels, each.hidden, true)(float(), table);
    train_draw const how{.dims = each.dims};
    auto const one = draw<float>(table, block, how, 21);
    check_bits(one, how);
    std::vector<index_t> parts;
    (void)one.all(recording_executor{parts});
    CHECK(std::count(parts.begin(), parts.end(), each.walks) >= 2);  // forwards and backwards
    CHECK((parts.size() > 2) == each.products);
    ++checked;
  }
  REQUIRE(checked == 2);
}

TEST_CASE("train::lstm: both biases have the same gradient, and the names are PyTorch's", "[train][lstm]") {
  parameter_table table;
  auto const block = lstm_of(4, 3, true)(float(), table);
  std::vector<std::string> names;
  for (auto const& each : table) names.push_back(each.name);
  CHECK(names == std::vector<std::string>{"rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0",
                                          "rnn.weight_ih_l0_reverse", "rnn.weight_hh_l0_reverse",
                                          "rnn.bias_ih_l0_reverse", "rnn.bias_hh_l0_reverse"});
  CHECK(table.find("rnn.weight_ih_l0")->shape == std::vector<index_t>{12, 4});
  CHECK(table.find("rnn.weight_hh_l0_reverse")->shape == std::vector<index_t>{12, 3});
  CHECK(table.find("rnn.bias_hh_l0")->shape == std::vector<index_t>{12});
  CHECK(block.parameters_end() == table.size());
  auto const one = draw<float>(table, block, {.dims = {2, 5, 4}}, 11);
  tshift::detail::run_here here;
  auto const got = one.all(here);
  for (std::string const suffix : {"", "_reverse"}) {
    auto const *ih = table.find("rnn.bias_ih_l0" + suffix), *hh = table.find("rnn.bias_hh_l0" + suffix);
    auto const first = got.gradients.data() + ih->offset, second = got.gradients.data() + hh->offset;
    CHECK(same_bytes(first, second, 12 * sizeof(float)));
    CHECK(std::any_of(first, first + 12, [](float g) { return g != 0; }));
  }
}

TEST_CASE("train::lstm refuses what does not fit", "[train][lstm][errors]") {
  parameter_table table;
  tshift::train::lstm<float> const block(table, "rnn", 3, 2, true);
  CHECK(block.inputs() == 3);
  CHECK(block.hidden() == 2);
  CHECK(block.outputs() == 4);
  CHECK(message_of([&] { tshift::train::lstm<float>(table, "rnn", 3, 2); }) ==
        "parameter_table: rnn.weight_ih_l0 is there already");
  CHECK(message_of([&] { tshift::train::lstm<float>(table, "second", 3, -2); }) == "lstm: a size is -2, must be >= 0");
  CHECK(message_of([&] { tshift::train::lstm<float>(table, "third", -3, 2); }) ==
        "parameter_table: a size is -3, must be >= 0");
  tshift::shape const dims{1, 2, 3};
  std::vector<float> x(6, 1.F), y(8, 7.F), saved = block.make_saved(dims), workspace = block.make_workspace(dims);
  tensor_view<float> const from(x.data(), dims), to(y.data(), {1, 2, 4}), narrow(y.data(), {1, 2, 2});
  CHECK(message_of([&] { block.forward(from, narrow, saved, workspace); }) == "lstm: y has 2 channels, must have 4");
  CHECK(message_of([&] { block.forward(from, to, std::span(saved).first(3), workspace); }) ==
        "lstm: saved has 3 elements, must be >= " + std::to_string(block.saved_size(dims)));
  std::vector<float> few(static_cast<std::size_t>(table.size() - 1), 5.F);
  CHECK(message_of([&] { block.backward(from, saved, to, {}, few, workspace); }) ==
        "lstm: gradients has " + std::to_string(table.size() - 1) +
            " elements, must be >= " + std::to_string(table.size()));
  CHECK(y == std::vector<float>(8, 7.F));
  CHECK(few == std::vector<float>(few.size(), 5.F));
  CHECK(message_of([&] {
          (void)block.saved_size({index_t{1} << 40, index_t{1} << 40, 3});
        }) == "lstm: the product of the sizes must fit in 2^63 - 1");
}
