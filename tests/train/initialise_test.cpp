// SPDX-License-Identifier: MIT
// train::initialise: the rule of each name and shape, distributions, independence of the rest of the table, pinned
// values.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/initialise.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::train::initial;
using tshift::train::parameter_table;

parameter_table model() {
  parameter_table table;
  table.add("specaugment.masked_spec_embed", {4000});
  table.add("conv_block.0.sequential.0.weight", {64, 1, 7});
  table.add("conv_block.0.sequential.0.bias", {64});
  table.add("conv_block.0.sequential.2.weight", {64});
  table.add("conv_block.0.sequential.2.bias", {64});
  table.add("mlp.fc1.weight", {100, 64});
  table.add("mlp.fc1.bias", {4000});
  table.add("rnn.weight_ih_l0", {400, 64});
  table.add("rnn.weight_hh_l0", {400, 100});
  table.add("rnn.bias_ih_l0_reverse", {400});
  table.add("position_embeddings.weight", {100, 64});
  table.add("token_mixer.distance_embedding.weight", {100, 64});
  table.add("lonely.bias", {5});
  table.add("weight", {30, 40});
  table.add("bias", {30});
  table.add("shift.offset", {6});
  table.add("cls_token", {1, 1, 6400});
  table.add("attention.vector", {400});
  return table;
}

struct moments {
  double low = 0, high = 0, mean = 0, deviation = 0;
};

moments of(std::vector<double> const& values, tshift::train::parameter const& p) {
  auto const first = values.begin() + p.offset, last = first + p.size;
  moments m{*std::min_element(first, last), *std::max_element(first, last), 0, 0};
  for (auto i = first; i < last; ++i) m.mean += *i / static_cast<double>(p.size);
  for (auto i = first; i < last; ++i) m.deviation += (*i - m.mean) * (*i - m.mean) / static_cast<double>(p.size);
  m.deviation = std::sqrt(m.deviation);
  return m;
}

}  // namespace

TEST_CASE("train::initialise: PyTorch's values by name and shape", "[train][initialise]") {
  parameter_table const table = model();
  std::vector<double> values(static_cast<std::size_t>(table.size()), 1e300);
  tshift::train::initialise(table, 42, std::span<double>(values));
  index_t cases = 0;
  auto const uniform = [&](char const* name, double low, double high) {
    INFO(name);
    auto const* p = table.find(name);
    REQUIRE(p != nullptr);
    moments const m = of(values, *p);
    double const width = high - low, few = width * 12 / static_cast<double>(p->size);
    CHECK((m.low >= low && m.high <= high));
    CHECK((m.low < low + few && m.high > high - few));
    CHECK(std::fabs(m.mean - (low + high) / 2) < 4 * width / std::sqrt(12.0 * static_cast<double>(p->size)));
    CHECK(std::fabs(m.deviation - width / std::sqrt(12.0)) < 0.25 * width);
    ++cases;
  };
  auto const around_0 = [&](char const* name, index_t n) {
    double const bound = 1 / std::sqrt(static_cast<double>(n));
    uniform(name, -bound, bound);
  };
  auto const normal = [&](char const* name) {
    INFO(name);
    auto const* p = table.find(name);
    REQUIRE(p != nullptr);
    moments const m = of(values, *p);
    CHECK(std::fabs(m.mean) < 4 / std::sqrt(static_cast<double>(p->size)));
    CHECK(std::fabs(m.deviation - 1) < 4 / std::sqrt(2.0 * static_cast<double>(p->size)));
    CHECK(m.high > 3);
    ++cases;
  };
  auto const constant = [&](char const* name, double value) {
    INFO(name);
    auto const* p = table.find(name);
    REQUIRE(p != nullptr);
    moments const m = of(values, *p);
    CHECK((m.low == value && m.high == value));
    ++cases;
  };
  uniform("specaugment.masked_spec_embed", 0, 1);
  around_0("conv_block.0.sequential.0.weight", 7);
  around_0("conv_block.0.sequential.0.bias", 7);
  constant("conv_block.0.sequential.2.weight", 1);
  constant("conv_block.0.sequential.2.bias", 0);
  around_0("mlp.fc1.weight", 64);
  around_0("mlp.fc1.bias", 64);
  around_0("rnn.weight_ih_l0", 100);
  around_0("rnn.weight_hh_l0", 100);
  around_0("rnn.bias_ih_l0_reverse", 100);
  normal("position_embeddings.weight");
  normal("token_mixer.distance_embedding.weight");
  constant("lonely.bias", 0);
  around_0("weight", 40);
  around_0("bias", 40);
  constant("shift.offset", 0);
  normal("cls_token");
  around_0("attention.vector", 400);
  CHECK(cases == table.count());
}

TEST_CASE("train::initialise: a value depends on seed and name, not on the rest", "[train][initialise]") {
  parameter_table const table = model();
  parameter_table other;
  other.add("something.else", {5, 5});
  other.add("mlp.fc1.weight", {100, 64});
  std::vector<float> a(static_cast<std::size_t>(table.size())), b(static_cast<std::size_t>(other.size())), c = a;
  tshift::train::initialise(table, 42, std::span<float>(a));
  tshift::train::initialise(other, 42, std::span<float>(b));
  tshift::train::initialise(table, 43, std::span<float>(c));
  auto const* from = table.find("mlp.fc1.weight");
  auto const* to = other.find("mlp.fc1.weight");
  index_t changed = 0;
  for (index_t i = 0; i < from->size; ++i) {
    CHECK(a[static_cast<std::size_t>(from->offset + i)] == b[static_cast<std::size_t>(to->offset + i)]);
    changed += a[static_cast<std::size_t>(from->offset + i)] != c[static_cast<std::size_t>(from->offset + i)] ? 1 : 0;
  }
  CHECK(changed > from->size * 99 / 100);
  // The two matrices of the LSTM have the same rule and different values.
  CHECK(a[static_cast<std::size_t>(table.find("rnn.weight_ih_l0")->offset)] !=
        a[static_cast<std::size_t>(table.find("rnn.weight_hh_l0")->offset)]);
}

TEST_CASE("train::initialise: rules of one's own, pinned", "[train][initialise]") {
  parameter_table table;
  table.add("uniform", {2});
  table.add("normal", {2});
  table.add("truncated", {20000});
  table.add("kept", {2});
  table.add("five", {2});
  std::vector<double> values(static_cast<std::size_t>(table.size()), 7);
  auto const rule = [](tshift::train::parameter const& p) {
    if (p.name == "uniform") return initial::uniform(2, 5);
    if (p.name == "normal") return initial::normal(0.5);
    if (p.name == "truncated") return initial::truncated_normal(1, 1.5);
    if (p.name == "five") return initial::constant(5);
    return initial{};
  };
  tshift::train::initialise(table, 1, std::span<double>(values), rule);
  CHECK(values[0] == 0x1.8cb0f8db7e6cap+1);
  CHECK(values[1] == 0x1.31557af91f9e4p+2);
  CHECK(values[2] == 0x1.124f1267b0b22p-1);
  CHECK(values[3] == -0x1.0f4f48ea28a12p-2);
  moments const m = of(values, *table.find("truncated"));
  CHECK((m.low >= -1.5 && m.low < -1.49 && m.high <= 1.5 && m.high > 1.49));
  CHECK(m.deviation == Approx(0.7430).epsilon(0.02));
  CHECK(values[20004] == 7);
  CHECK(values[20006] == 5);
}

TEST_CASE("train::initialise: what is refused, before the first write", "[train][initialise]") {
  parameter_table table;
  table.add("w", {3});
  std::vector<float> values(2);
  auto const with = [&](initial const& of) {
    return message_of(
        [&] { tshift::train::initialise(table, 1, std::span<float>(values), [&of](auto const&) { return of; }); });
  };
  CHECK(with({}) == "initialise: values has 2 elements, must be >= 3");
  values.assign(3, 7.f);
  CHECK(with(initial::uniform(1, 0)) ==
        "initialise: w is drawn in [1, 0] with deviation 0, must be finite, in order, and around 0");
  CHECK(with(initial::normal(-1)) ==
        "initialise: w is drawn in [0, 0] with deviation -1, must be finite, in order, and around 0");
  CHECK(with(initial::truncated_normal(1, 1e-9)) ==
        "initialise: w is drawn in [-1e-09, 1e-09] with deviation 1, must be finite, in order, and around 0");
  CHECK(values == std::vector<float>(3, 7.f));
}
