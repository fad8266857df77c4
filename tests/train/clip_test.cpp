// SPDX-License-Identifier: MIT
// train::gradient_clipping: against a sum in long double, threads, what is not finite and where.
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/train/clip.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::train::clipping;
using tshift::train::first_not_finite;
using tshift::train::gradient_clipping;
using tshift::train::parameter_table;

template <class T>
index_t compare() {
  random_bits random(5);
  index_t cases = 0;
  for (index_t const size : {0, 1, 15, 16, 17, 1000, 16383, 70000, 3000001}) {
    parameter_table table;
    table.add("a", {size});
    table.add("frozen", {3, 5});
    table.add("b", {size / 3, 2});
    table.set_trains("frozen", false);
    auto gradients = uniform<T>(table.size(), random);
    auto const* frozen = table.find("frozen");
    for (index_t i = 0; i < 15; ++i) {
      gradients[static_cast<std::size_t>(frozen->offset + i)] = std::numeric_limits<T>::quiet_NaN();
    }
    long double sum = 0;
    for (auto const& each : table) {
      for (index_t i = 0; i < each.size && each.trains; ++i) {
        long double const g = gradients[static_cast<std::size_t>(each.offset + i)];
        sum += g * g;
      }
    }
    auto const norm = static_cast<double>(std::sqrt(sum));
    std::span<T const> const view = gradients;
    clipping const got = gradient_clipping(table, view, 5);
    INFO("size " << size);
    CHECK(std::fabs(got.norm - norm) <= 1e-14 * norm);
    CHECK(got.factor == Approx(norm + 1e-6 > 5 ? 5 / (norm + 1e-6) : 1).epsilon(1e-13));
    CHECK(got.finite());
    CHECK(first_not_finite(table, view) == nullptr);
    CHECK(gradient_clipping(table, view).factor == 1);
    for (any_executor const& exec :
         {any_executor(thread_executor{2}), any_executor(thread_executor{7}), any_executor(reversed_executor{})}) {
      CHECK(gradient_clipping(exec, table, view, 5).norm == got.norm);
    }
    CHECK(allocations_in([&] { (void)gradient_clipping(table, view, 5); }) == 0);
    ++cases;
  }
  return cases;
}

}  // namespace

TEST_CASE("train::gradient_clipping: norm and factor, whoever sums", "[train][clip]") {
  CHECK(compare<float>() == 9);
  CHECK(compare<double>() == 9);
}

TEST_CASE("train::gradient_clipping: PyTorch's 1e-6 is kept", "[train][clip]") {
  parameter_table table;
  table.add("w", {1});
  std::vector<double> const gradients = {1e-6};
  CHECK(gradient_clipping(table, std::span<double const>(gradients), 1e-6).factor == Approx(0.5).epsilon(1e-12));
}

TEST_CASE("train::gradient_clipping: what is not finite, and where", "[train][clip]") {
  parameter_table table;
  table.add("a.weight", {40, 2});
  table.add("b.weight", {33});
  table.add("c.weight", {9});
  double const bad[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                        -std::numeric_limits<double>::infinity()};
  index_t cases = 0;
  for (double const value : bad) {
    for (index_t const at : {0, 79, 80, 112, 113, 121}) {
      std::vector<float> gradients(static_cast<std::size_t>(table.size()), 1.f);
      gradients[static_cast<std::size_t>(at)] = static_cast<float>(value);
      gradients[121] = static_cast<float>(value);
      std::span<float const> const view = gradients;
      CHECK_FALSE(gradient_clipping(table, view, 1).finite());
      auto const* const where = first_not_finite(table, view);
      REQUIRE(where != nullptr);
      CHECK(where->name == (at < 80 ? "a.weight" : at < 113 ? "b.weight" : "c.weight"));
      ++cases;
    }
  }
  CHECK(cases == 18);
  std::vector<float> const large(static_cast<std::size_t>(table.size()), 3e38f);  // whose squares no float holds
  CHECK(gradient_clipping(table, std::span<float const>(large), 1).norm ==
        Approx(static_cast<double>(3e38f) * std::sqrt(122.0)));
}

TEST_CASE("train::gradient_clipping: what is refused", "[train][clip]") {
  parameter_table table;
  table.add("w", {3});
  std::vector<float> gradients(2);
  CHECK(message_of([&] { (void)gradient_clipping(table, std::span<float>(gradients), 1); }) ==
        "gradient_clipping: gradients has 2 elements, must be >= 3");
  gradients.resize(3);
  CHECK(message_of([&] { (void)gradient_clipping(table, std::span<float>(gradients), 0); }) ==
        "gradient_clipping: most = 0, must be > 0");
}
