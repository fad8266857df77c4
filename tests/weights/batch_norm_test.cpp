// SPDX-License-Identifier: MIT
// fold_batch_norm: the layer alone, then its norm, in long double; layers that share a norm; what it refuses.
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/weights/batch_norm.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/random.hpp"

namespace {

using test_support::message_of;
using test_support::random_bits;
using tshift::index_t;
using tshift::weights::batch_norm;
using tshift::weights::fold_batch_norm;

template <class T>
std::vector<T> drawn(index_t size, random_bits& random, double low, double high) {
  std::vector<T> values(static_cast<std::size_t>(size));
  for (T& value : values) {
    value = static_cast<T>(low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53);
  }
  return values;
}

/// The largest difference between norm(layer(x)) and folded(x), in epsilons of what the sums are made of.
template <class T>
double worst_of(index_t outputs, index_t first, index_t channels, bool with_bias, bool affine, random_bits& random) {
  index_t const inputs = random.in(1, 20);
  auto const weight = drawn<T>(outputs * inputs, random, -1, 1);
  auto const bias = with_bias ? drawn<T>(outputs, random, -1, 1) : std::vector<T>();
  auto const mean = drawn<T>(channels, random, -2, 2), variance = drawn<T>(channels, random, 1e-3, 4);
  auto const scale = affine ? drawn<T>(channels, random, -2, 2) : std::vector<T>();
  auto const offset = affine ? drawn<T>(channels, random, -2, 2) : std::vector<T>();
  double const eps = random.chance(2) ? 1e-5 : 1e-3;
  auto const layer = fold_batch_norm<T>(outputs, weight, bias, {scale, offset, mean, variance, eps}, first);
  REQUIRE(layer.weight.size() == weight.size());
  REQUIRE(layer.bias.size() == static_cast<std::size_t>(outputs));
  auto const x = drawn<T>(inputs, random, -1, 1);
  double worst = 0;
  for (index_t o = 0; o < outputs; ++o) {
    auto const i = static_cast<std::size_t>(o);
    auto const c = static_cast<std::size_t>(first + o);
    long double const by = (affine ? static_cast<long double>(scale[c]) : 1) /
                           std::sqrt(static_cast<long double>(variance[c]) + static_cast<long double>(eps));
    long double sum = with_bias ? static_cast<long double>(bias[i]) : 0, got = static_cast<long double>(layer.bias[i]);
    long double size = std::fabs(sum);
    for (index_t k = 0; k < inputs; ++k) {
      auto const at = static_cast<std::size_t>(o * inputs + k);
      auto const value = static_cast<long double>(x[static_cast<std::size_t>(k)]);
      sum += static_cast<long double>(weight[at]) * value;
      got += static_cast<long double>(layer.weight[at]) * value;
      size += std::fabs(static_cast<long double>(weight[at]) * value);
    }
    long double const middle = static_cast<long double>(mean[c]);
    long double const extra = affine ? static_cast<long double>(offset[c]) : 0;
    long double const want = (sum - middle) * by + extra;
    size = (size + std::fabs(middle)) * std::fabs(by) + std::fabs(extra);
    long double const off = std::fabs(got - want) / size;
    worst = std::max(worst, static_cast<double>(off / static_cast<long double>(std::numeric_limits<T>::epsilon())));
  }
  return worst;
}

template <class T>
void check() {
  random_bits random(631);
  index_t ran = 0;
  for (bool const with_bias : {true, false}) {
    for (bool const affine : {true, false}) {
      for (int again = 0; again < 20; ++again) {
        index_t const outputs = random.in(1, 9), first = random.in(0, 5), more = random.in(0, 4);
        CHECK(worst_of<T>(outputs, first, first + outputs + more, with_bias, affine, random) <=
              (sizeof(T) == sizeof(float) ? 0.51 : 4));  // rounded once, and in double like all it is made from
        ++ran;
      }
    }
  }
  REQUIRE(ran == 80);
}

template <class T>
void check_errors() {
  std::vector<T> const w(12, T(1)), three(3, T(1)), two(2, T(1));
  std::vector<T> negative = three;
  negative[1] = T(-1);
  auto const message = [&](index_t outputs, std::vector<T> const& weight, std::vector<T> const& bias,
                           batch_norm<T> const& norm, index_t first = 0) {
    return message_of([&] { fold_batch_norm<T>(outputs, weight, bias, norm, first); });
  };
  CHECK(message(3, w, three, {three, three, three, three}).empty());
  CHECK(message(3, w, {}, {{}, {}, three, three}).empty());
  CHECK(message(2, w, two, {three, three, three, three}, 1).empty());
  CHECK(message(0, {}, {}, {three, three, three, three}, 3).empty());
  CHECK(message(4, w, {}, {three, three, three, three}) ==
        "fold_batch_norm: outputs [0, 4), must be channels of the norm, which has 3");
  CHECK(message(2, w, {}, {three, three, three, three}, 2) ==
        "fold_batch_norm: outputs [2, 4), must be channels of the norm, which has 3");
  CHECK(message(0, {}, {}, {three, three, three, three}, 4) ==
        "fold_batch_norm: outputs [4, 4), must be channels of the norm, which has 3");
  CHECK(message(1, w, {}, {three, three, three, three}, -1) ==
        "fold_batch_norm: outputs [-1, 0), must be channels of the norm, which has 3");
  CHECK(message(-1, w, {}, {three, three, three, three}, 1) ==
        "fold_batch_norm: outputs [1, 0), must be channels of the norm, which has 3");
  CHECK(message(3, w, {}, {three, three, three, two}) == "fold_batch_norm: variance has 2 elements, must have 3");
  CHECK(message(3, w, {}, {two, three, three, three}) == "fold_batch_norm: norm.weight has 2 elements, must have 3");
  CHECK(message(3, w, {}, {three, two, three, three}) == "fold_batch_norm: norm.bias has 2 elements, must have 3");
  CHECK(message(3, w, two, {three, three, three, three}) == "fold_batch_norm: bias has 2 elements, must have 3");
  CHECK(message(3, std::vector<T>(13, T(1)), {}, {three, three, three, three}) ==
        "fold_batch_norm: weight has 13 elements, must have 12");
  CHECK(message(3, w, {}, {three, three, three, negative}) ==
        "fold_batch_norm: variance[1] + eps = -0.99999, must be > 0 and finite");
  CHECK(message(3, w, {}, {three, three, three, three, std::numeric_limits<double>::infinity()}) ==
        "fold_batch_norm: variance[0] + eps = inf, must be > 0 and finite");
}

}  // namespace

TEST_CASE("fold_batch_norm: a layer and its norm in one", "[weights][batch_norm]") {
  check<float>();
  check<double>();
}

TEST_CASE("fold_batch_norm refuses what does not fit", "[weights][batch_norm][errors]") {
  check_errors<float>();
  check_errors<double>();
}
