// SPDX-License-Identifier: MIT
// train::adamw, adam, sgd: against their formulas in long double, over many steps and tables; flags and factors of
// parameters; threads; what is refused. PyTorch's numbers are in golden/golden_optim_test.cpp.
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include <tshift/train/optimiser.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::train::adam_options;
using tshift::train::optimiser_memory;
using tshift::train::parameter_table;
using tshift::train::sgd_options;

enum class rule { adamw, adam, sgd };

struct setting {
  rule how;
  adam_options adam;
  sgd_options sgd;
  double scale;
};

template <class T>
struct memory {
  std::vector<T> values, gradients, first, second;

  optimiser_memory<T> view() { return {values, gradients, first, second}; }
};

/// Rows of a matrix that decays, a bias that does not, an odd one that does not train, one with ten times the rate.
parameter_table make_table(index_t size) {
  parameter_table table;
  table.add("matrix.weight", {size, 3});
  table.add("matrix.bias", {size});
  table.add("frozen.weight", {1, size});
  table.add("nothing", {0});
  table.add("shift.offset", {1, 7});
  table.add("last", {2, 5});
  CHECK(table.set_trains("frozen", false) == 1);
  CHECK(table.set_decays("shift", false) == 1);
  CHECK(table.set_rate("shift", 10) == 1);
  return table;
}

template <class T>
memory<T> draw(parameter_table const& table, random_bits& random) {
  memory<T> m;
  m.values = uniform<T>(table.size(), random);
  m.gradients = uniform<T>(table.size(), random);
  m.first.assign(m.values.size(), T(0));
  m.second.assign(m.values.size(), T(0));
  return m;
}

template <class T, class Executor>
void step(Executor&& exec, parameter_table const& table, setting const& s, index_t number, memory<T>& m) {
  if (s.how == rule::adamw) return tshift::train::adamw(exec, table, s.adam, number, m.view(), s.scale);
  if (s.how == rule::adam) return tshift::train::adam(exec, table, s.adam, number, m.view(), s.scale);
  tshift::train::sgd(exec, table, s.sgd, m.view(), s.scale);
}

/// The formulas of the headers.
void reference_step(parameter_table const& table, setting const& s, index_t number, memory<long double>& m) {
  for (auto const& p : table) {
    if (!p.trains) continue;
    for (index_t i = p.offset; i < p.offset + p.size; ++i) {
      auto const at = static_cast<std::size_t>(i);
      long double g = m.gradients[at] * s.scale;
      long double &value = m.values[at], &first = m.first[at], &second = m.second[at];
      if (s.how == rule::sgd) {
        g += (p.decays ? s.sgd.decay : 0) * value;
        if (s.sgd.momentum > 0) {
          first = s.sgd.momentum * first + g;
          g = s.sgd.nesterov ? g + s.sgd.momentum * first : first;
        }
        value -= s.sgd.rate * p.rate * g;
        continue;
      }
      long double const rate = s.adam.rate * p.rate, decay = p.decays ? s.adam.decay : 0;
      if (s.how == rule::adamw) value *= 1 - rate * decay;
      if (s.how == rule::adam) g += decay * value;
      long double const b1 = s.adam.beta1, b2 = s.adam.beta2;
      first = b1 * first + (1 - b1) * g;
      second = b2 * second + (1 - b2) * g * g;
      long double const mhat = first / (1 - std::pow(b1, static_cast<long double>(number)));
      long double const vhat = second / (1 - std::pow(b2, static_cast<long double>(number)));
      value -= rate * mhat / (std::sqrt(vhat) + s.adam.eps);
    }
  }
}

std::vector<setting> settings() {
  std::vector<setting> all;
  for (rule const how : {rule::adamw, rule::adam}) {
    all.push_back({how, {}, {}, 1});
    all.push_back({how, {.rate = 5e-4, .decay = 0.05}, {}, 0.25});
    all.push_back({how, {.rate = 0.1, .beta1 = 0, .beta2 = 0.5, .eps = 1e-3, .decay = 0.3}, {}, 1.5});
  }
  all.push_back({rule::sgd, {}, {.rate = 0.1}, 1});
  all.push_back({rule::sgd, {}, {.rate = 0.1, .decay = 0.01}, 0.5});
  all.push_back({rule::sgd, {}, {.rate = 0.1, .momentum = 0.9}, 1});
  all.push_back({rule::sgd, {}, {.rate = 0.1, .momentum = 0.9, .nesterov = true, .decay = 0.01}, 2});
  return all;
}

template <class T>
void compare_with_formulas(double allowed, index_t& cases) {
  double worst = 0;
  random_bits random(sizeof(T));
  for (index_t const size : {1, 2, 5, 33, 1000}) {
    parameter_table const table = make_table(size);
    for (setting const& s : settings()) {
      memory<T> got = draw<T>(table, random);
      memory<long double> want;
      want.values.assign(got.values.begin(), got.values.end());
      want.first.assign(got.first.begin(), got.first.end());
      want.second.assign(got.second.begin(), got.second.end());
      auto const before = got.values;
      for (index_t number = 1; number <= 10; ++number) {
        got.gradients = uniform<T>(table.size(), random);
        want.gradients.assign(got.gradients.begin(), got.gradients.end());
        step(tshift::detail::run_here(), table, s, number, got);
        reference_step(table, s, number, want);
      }
      for (auto const& p : table) {
        for (index_t i = p.offset; i < p.offset + p.size; ++i) {
          auto const at = static_cast<std::size_t>(i);
          double const off = static_cast<double>(std::fabs(static_cast<long double>(got.values[at]) - want.values[at]) /
                                                 (1 + std::fabs(want.values[at])));
          INFO(p.name << ", element " << i - p.offset << " of size " << size);
          REQUIRE(off <= allowed);
          worst = std::max(worst, off);
          REQUIRE((got.values[at] == before[at]) == !p.trains);
          REQUIRE((p.trains || (got.first[at] == T(0) && got.second[at] == T(0))));
        }
      }
      ++cases;
    }
  }
  std::cout << "optimisers, " << sizeof(T) << " bytes: worst " << worst << " after 10 steps\n";
}

template <class T>
void same_bits_whoever_works() {
  random_bits random(17);
  parameter_table const table = make_table(90001);
  for (setting const& s : settings()) {
    memory<T> const start = draw<T>(table, random);
    memory<T> want = start;
    step(tshift::detail::run_here(), table, s, 3, want);
    auto const same = [&](any_executor const& exec) {
      memory<T> got = start;
      step(exec, table, s, 3, got);
      CHECK(got.values == want.values);
      CHECK(got.first == want.first);
      CHECK(got.second == want.second);
    };
    same(any_executor(thread_executor{2}));
    same(any_executor(thread_executor{7}));
    same(any_executor(reversed_executor{}));
    memory<T> again = start;
    CHECK(allocations_in([&] { step(tshift::detail::run_here(), table, s, 3, again); }) == 0);
  }
}

}  // namespace

TEST_CASE("train: optimisers follow their formulas", "[train][optimiser]") {
  index_t cases = 0;
  compare_with_formulas<double>(1e-13, cases);
  compare_with_formulas<float>(1e-5, cases);
  REQUIRE(cases == 100);
}

TEST_CASE("train: a step has the same bits whoever works on it", "[train][optimiser]") {
  same_bits_whoever_works<float>();
  same_bits_whoever_works<double>();
}

TEST_CASE("train: sgd without momentum needs no moments and touches none", "[train][optimiser]") {
  parameter_table const table = make_table(4);
  std::vector<double> values(static_cast<std::size_t>(table.size()), 1), gradients = values, first = values;
  tshift::train::sgd<double>(table, {.rate = 0.5}, {values, gradients});
  CHECK(values[0] == 0.5);
  tshift::train::sgd<double>(table, {.rate = 0.5}, {values, gradients, first});
  CHECK(values[0] == 0);
  for (double const each : first) CHECK(each == 1);
}

TEST_CASE("train: numbers of a step are of double precision also in float", "[train][optimiser]") {
  // With 1 - 0.999 taken in float the second moment would be off by 5e-5.
  parameter_table table;
  table.add("w", {1, 8});
  memory<float> m;
  m.values.assign(8, 0.f);
  m.gradients.assign(8, 1.f);
  m.first = m.second = m.values;
  tshift::train::adamw<float>(table, {}, 1, m.view());
  for (float const each : m.second) CHECK(each == static_cast<float>(1 - 0.999));
  for (float const each : m.first) CHECK(each == static_cast<float>(1 - 0.9));
}

TEST_CASE("train: what no optimiser does", "[train][optimiser]") {
  parameter_table table = make_table(2);
  random_bits random(1);
  memory<float> m = draw<float>(table, random);
  auto const before = m.values;
  auto const adamw = [&](adam_options const& o, index_t number = 1, double scale = 1) {
    return message_of([&] { tshift::train::adamw(table, o, number, m.view(), scale); });
  };
  double const nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(adamw({.rate = -1}) == "adamw: rate = -1, must be >= 0 and finite");
  CHECK(adamw({.eps = nan}) == "adamw: eps = nan, must be >= 0 and finite");
  CHECK(adamw({.decay = -0.5}) == "adamw: decay = -0.5, must be >= 0 and finite");
  CHECK(adamw({.beta1 = 1}) == "adamw: beta1 = 1, must be in [0, 1)");
  CHECK(adamw({.beta2 = -0.1}) == "adamw: beta2 = -0.1, must be in [0, 1)");
  CHECK(adamw({}, 0) == "adamw: step = 0, must be >= 1");
  CHECK(adamw({}, 1, nan) == "adamw: scale = nan, must be >= 0 and finite");
  CHECK(message_of([&] { tshift::train::adam(table, {.rate = nan}, 1, m.view()); }) ==
        "adam: rate = nan, must be >= 0 and finite");
  CHECK(message_of([&] { tshift::train::sgd(table, {.nesterov = true}, m.view()); }) ==
        "sgd: nesterov with momentum 0, must be > 0");
  CHECK(message_of([&] { tshift::train::sgd(table, {.momentum = -1}, m.view()); }) ==
        "sgd: momentum = -1, must be >= 0 and finite");
  CHECK(message_of([&] {
          tshift::train::adamw<float>(table, {}, 1, {m.values, m.gradients, m.first, m.values});
        }) == "adamw: values and second overlap in memory, must share no element");
  CHECK(message_of([&] {
          tshift::train::sgd<float>(table, {.momentum = 0.9}, {m.values, m.gradients});
        }) == "sgd: first has 0 elements, must be >= 27");
  CHECK(message_of([&] { table.set_rate("", -1); }) == "parameter_table: rate = -1, must be >= 0 and finite");
  CHECK(m.values == before);
}
