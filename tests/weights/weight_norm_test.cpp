// SPDX-License-Identifier: MIT
// Weight norm folded, against plain loops in long double, and what has no fold.
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tshift/weights/tensor.hpp>
#include <tshift/weights/weight_norm.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/random.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::weights::dtype;
using tshift::weights::fold_weight_norm;
using tshift::weights::tensor;

template <class T>
void check_random(index_t outputs, index_t inputs, index_t taps, test_support::random_bits& random) {
  std::vector<T> v(static_cast<std::size_t>(outputs * inputs * taps)), g(static_cast<std::size_t>(taps));
  for (T& x : v) x = static_cast<T>(random.in(-1000000, 1000000)) / 997;
  for (T& x : g) x = static_cast<T>(random.in(-1000000, 1000000)) / 991;
  for (std::size_t k = 0; k < g.size(); ++k) v[k] += 2000;  // never all zeros
  auto const folded = fold_weight_norm(tensor("g", {1, 1, taps}, g), tensor("v", {outputs, inputs, taps}, v));
  REQUIRE(folded.size() == v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    std::size_t const k = i % g.size();
    long double sum = 0;
    for (std::size_t j = k; j < v.size(); j += g.size()) sum += static_cast<long double>(v[j]) * v[j];
    long double const wanted = static_cast<long double>(g[k]) * v[i] / std::sqrt(sum);
    // Half a step of float, and what double loses.
    long double const step = std::abs(wanted) * (0x1p-24L + 0x1p-48L);
    REQUIRE(std::abs(static_cast<long double>(folded[i]) - wanted) <= step);
  }
}

std::string refusal(tensor const& g, tensor const& v, char const* source = "") {
  return message_of([&] { fold_weight_norm(g, v, "conv", source); });
}

}  // namespace

TEST_CASE("A weight is its length along its direction, tap by tap", "[weight_norm]") {
  test_support::random_bits random(1);
  for (index_t const outputs : {1, 3, 8}) {
    for (index_t const inputs : {1, 2, 5}) {
      for (index_t const taps : {1, 2, 7}) {
        check_random<float>(outputs, inputs, taps, random);
        check_random<double>(outputs, inputs, taps, random);
      }
    }
  }
  std::vector<float> const none, g{5, -10}, v{3, 0, 4, 2};
  CHECK(fold_weight_norm(tensor("g", {1, 1, 2}, g), tensor("v", {2, 1, 2}, v)) == std::vector<float>{3, 0, 4, -10});
  CHECK(fold_weight_norm(tensor("g", {1, 1, 0}, none), tensor("v", {2, 1, 0}, none)).empty());
}

TEST_CASE("Directions of any size that double holds have a length", "[weight_norm]") {
  std::vector<double> const g{1, 1}, v{1e-150, 1e150, 0, 1e150};
  auto const folded = fold_weight_norm(tensor("g", {1, 1, 2}, g), tensor("v", {2, 1, 2}, v));
  CHECK(folded == std::vector<float>{1, static_cast<float>(std::sqrt(0.5)), 0, static_cast<float>(std::sqrt(0.5))});
  std::vector<double> const most{3.4028235e38, -3.40282356e38};  // the second rounds to the largest float
  float const largest = std::numeric_limits<float>::max();
  CHECK(fold_weight_norm(tensor("g", {1, 1, 2}, most), tensor("v", {1, 1, 2}, g)) ==
        std::vector<float>{largest, -largest});
}

TEST_CASE("What cannot be folded is refused", "[weight_norm]") {
  std::vector<float> const g{1, 2}, v{3, 0, 4, 0, 0, 0};
  std::vector<double> const large{1, 1e39}, infinite{1, 1e200};
  std::vector<int> const whole{1, 2};
  std::pair<std::string, std::string> const table[] = {
      {refusal({"g", {1, 1, 2}, g}, {"v", {3, 1, 2}, v}), "conv: v has length 0 at tap 1, must be positive and finite"},
      {refusal({"g", {1, 1, 2}, large}, {"v", {1, 1, 2}, infinite}, "W"),
       "conv: v has length inf at tap 1, must be positive and finite (W)"},
      {refusal({"g", {1, 1, 2}, large}, {"v", {1, 1, 2}, g}), "conv: g: 1e+39 is more than a float holds"},
      {refusal({"g", {2}, g}, {"v", {1, 1, 2}, g}), "conv: g is [2], must be [1, 1, 2]"},
      {refusal({"g", {1, 2, 1}, g}, {"v", {1, 1, 2}, g}, "W"), "conv: g is [1, 2, 1], must be [1, 1, 2] (W)"},
      {refusal({"g", {1, 1, 2}, g}, {"v", {1, 2}, g}), "conv: v is [1, 2], must have three dimensions"},
      {refusal({"g", {1, 1, 2}, whole}, {"v", {1, 1, 2}, g}), "conv: g has dtype I32, must be F32, F16, BF16 or F64"},
      {refusal({"g", {1, 1, 2}, g}, {"v", {1, 1, 2}, whole}, "W"),
       "conv: v has dtype I32, must be F32, F16, BF16 or F64 (W)"}};
  for (auto const& [is, wanted] : table) CHECK(is == wanted);
  CHECK(std::size(table) == 8);
}
