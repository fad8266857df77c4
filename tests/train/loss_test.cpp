// SPDX-License-Identifier: MIT
// train::cross_entropy, l1, mean_squared_error: against their formulas in long double, gradients against slopes, pieces
// of a batch against the whole, logits that overflow, what is refused. PyTorch's numbers are in
// golden/golden_optim_test.cpp.
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include <tshift/train/loss.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::train::cross_entropy;
using tshift::train::cross_entropy_divisor;
using tshift::train::cross_entropy_options;

struct batch_of_labels {
  std::vector<index_t> labels;
  std::vector<double> weights;
  double smoothing = 0;

  cross_entropy_options options() const { return {weights, smoothing}; }
};

batch_of_labels draw_labels(index_t N, index_t K, bool weighted, double smoothing, random_bits& random) {
  batch_of_labels b{{}, {}, smoothing};
  for (index_t n = 0; n < N; ++n) b.labels.push_back(random.in(0, K - 1));
  if (weighted) {
    for (double const each : uniform<double>(K, random)) b.weights.push_back(each + 1.1);
  }
  return b;
}

/// The formulas of the header, plain.
long double plain_loss(std::vector<double> const& z, index_t K, batch_of_labels const& b,
                       std::vector<long double>* dz) {
  auto const weight = [&b](std::size_t k) -> long double { return b.weights.empty() ? 1 : b.weights[k]; };
  long double divisor = 0, loss = 0;
  for (index_t const label : b.labels) divisor += weight(static_cast<std::size_t>(label));
  auto const classes = static_cast<std::size_t>(K);
  if (dz != nullptr) dz->resize(z.size());
  for (std::size_t n = 0; n < b.labels.size(); ++n) {
    long double sum = 0, targets = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += std::exp(static_cast<long double>(z[n * classes + k]));
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t k = 0; k < classes; ++k) {
        long double const p = std::exp(static_cast<long double>(z[n * classes + k])) / sum;
        long double const hit = static_cast<std::size_t>(b.labels[n]) == k ? 1 : 0;
        long double const t = weight(k) * ((1 - static_cast<long double>(b.smoothing)) * hit +
                                           static_cast<long double>(b.smoothing) / static_cast<long double>(K));
        if (pass == 0) {
          targets += t;
          loss -= t * std::log(p);
        } else if (dz != nullptr) {
          (*dz)[n * classes + k] = (p * targets - t) / divisor;
        }
      }
    }
  }
  return loss / divisor;
}

}  // namespace

TEST_CASE("train::cross_entropy: loss and gradient, weights and smoothing", "[train][loss]") {
  random_bits random(1);
  index_t cases = 0, not_zero = 0;
  double worst = 0, worst_float = 0;
  for (index_t const N : {1, 2, 33}) {
    for (index_t const K : {1, 2, 4, 17}) {
      for (bool const weighted : {false, true}) {
        for (double const smoothing : {0.0, 0.1, 1.0}) {
          auto const b = draw_labels(N, K, weighted, smoothing, random);
          auto z = uniform<double>(N * K, random, 5);
          for (double& each : z) each = static_cast<double>(static_cast<float>(each));
          std::vector<float> const single(z.begin(), z.end());
          std::vector<long double> want;
          auto const loss = static_cast<double>(plain_loss(z, K, b, &want));
          std::vector<double> dz(z.size(), around_outputs<double>);
          std::vector<float> dz_float(z.size(), around_outputs<float>);
          double const got = cross_entropy(tensor_view<double const>(z, {N, 1, K}), b.labels, b.options(),
                                           tensor_view<double>(dz, {N, 1, K}));
          double const got_float = cross_entropy(tensor_view<float const>(single, {N, 1, K}), b.labels, b.options(),
                                                 tensor_view<float>(dz_float, {N, 1, K}));
          CHECK(std::fabs(got - loss) <= 1e-14 * (1 + loss));
          CHECK(got_float == got);
          CHECK(cross_entropy(tensor_view<double const>(z, {N, 1, K}), b.labels, b.options()) == got);
          for (std::size_t i = 0; i < z.size(); ++i) {
            auto const each = static_cast<double>(want[i]);
            worst = std::max(worst, std::fabs(dz[i] - each));
            worst_float = std::max(worst_float, std::fabs(static_cast<double>(dz_float[i]) - each));
            if (std::fabs(each) > 1e-6) ++not_zero;
          }
          // The slope along a direction.
          auto const direction = uniform<double>(N * K, random);
          double expected = 0, size = 0;
          for (std::size_t i = 0; i < z.size(); ++i) {
            expected += direction[i] * dz[i];
            size += std::fabs(direction[i] * dz[i]);
          }
          auto const moved = [&](double h) {
            auto there = z;
            for (std::size_t i = 0; i < z.size(); ++i) there[i] += h * direction[i];
            return cross_entropy(tensor_view<double const>(there, {N, 1, K}), b.labels, b.options());
          };
          CHECK(std::fabs((moved(1e-5) - moved(-1e-5)) / 2e-5 - expected) <= 1e-8 * (1 + size));
          ++cases;
        }
      }
    }
  }
  std::cout << "cross_entropy: " << cases << " cases, worst gradient " << worst << " (double), " << worst_float
            << " (float)\n";
  CHECK(worst < 1e-15);
  CHECK(worst_float < 6e-8);
  REQUIRE(cases == 72);
  REQUIRE(not_zero > 4000);
}

TEST_CASE("train::cross_entropy: pieces of a batch are the batch, bit for bit", "[train][loss]") {
  random_bits random(2);
  index_t const N = 37, K = 4;
  auto const b = draw_labels(N, K, true, 0.1, random);
  auto const z = uniform<float>(N * K, random, 3);
  double const divisor = cross_entropy_divisor(b.labels, K, b.options());
  std::vector<float> whole(z.size()), pieces(z.size());
  double const loss = cross_entropy(tensor_view<float const>(z, {N, 1, K}), b.labels, b.options(),
                                    tensor_view<float>(whole, {N, 1, K}));
  double sum = 0;
  for (index_t first = 0; first < N;) {
    index_t const count = std::min<index_t>(N - first, random.in(1, 7));
    sum += cross_entropy(tensor_view<float const>(z.data() + first * K, {count, 1, K}),
                         std::span(b.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                         b.options(), divisor, tensor_view<float>(pieces.data() + first * K, {count, 1, K}));
    first += count;
  }
  CHECK(pieces == whole);
  CHECK(sum == Approx(loss).epsilon(1e-14));
  CHECK(allocations_in([&] {
          (void)cross_entropy(tensor_view<float const>(z.data(), {N, 1, K}), b.labels, b.options(), divisor,
                              tensor_view<float>(whole.data(), {N, 1, K}));
        }) == 0);
}

TEST_CASE("train::cross_entropy: rows that are no neighbours, and logits of any size", "[train][loss]") {
  // Logits in a wider tensor, between canaries.
  std::vector<double> const wide = {9, 1, 2, 9, 9, 3, 5, 9};
  std::vector<double> out(8, around_outputs<double>);
  std::vector<index_t> const labels = {0, 1};
  tshift::shape const dims{2, 1, 2};
  tshift::strides const steps{.batch = 4, .time = 4, .channels = 1};
  double const loss = cross_entropy(tensor_view<double const>(wide.data() + 1, dims, steps), labels, {},
                                    tensor_view<double>(out.data() + 1, dims, steps));
  CHECK(loss == Approx((std::log1p(std::exp(1.0)) + std::log1p(std::exp(-2.0))) / 2).epsilon(1e-14));
  for (std::size_t const i : {0u, 3u, 4u, 7u}) CHECK(out[i] == around_outputs<double>);

  float const infinity = std::numeric_limits<float>::infinity();
  std::vector<float> const large = {1e30f, -1e30f, 3e38f, 1000, 1001, 999, 0, 1, -infinity};
  std::vector<float> dz(9);
  std::vector<index_t> const of_large = {2, 1, 1};
  double const got =
      cross_entropy(tensor_view<float const>(large, {3, 1, 3}), of_large, {}, tensor_view<float>(dz, {3, 1, 3}));
  CHECK(got == Approx((0.40760596 + 0.31326169) / 3).epsilon(1e-7));
  for (float const each : dz) CHECK(std::isfinite(each));
  CHECK(dz[8] == 0);
  std::vector<float> const broken = {0, std::numeric_limits<float>::quiet_NaN(), 2, 1};
  std::vector<index_t> const fine = {0};
  CHECK(std::isnan(cross_entropy(tensor_view<float const>(broken, {1, 1, 4}), fine)));
}

TEST_CASE("train::cross_entropy: what is refused", "[train][loss]") {
  std::vector<float> const z(6), wrong_time(12);
  std::vector<float> dz(6, 7.f);
  std::vector<index_t> labels = {0, 1};
  tensor_view<float const> const logits(z, {2, 1, 3});
  tensor_view<float> const to(dz, {2, 1, 3});
  auto const with = [&](cross_entropy_options const& o, double divisor = 1) {
    return message_of([&] { (void)cross_entropy(logits, labels, o, divisor, to); });
  };
  std::vector<double> const two = {1, 1}, negative = {1, -1, 1}, none = {0, 0, 1};
  CHECK(with({two}) == "cross_entropy: 2 weights, must be one for each of 3 classes");
  CHECK(with({negative}) == "cross_entropy: weights[1] = -1, must be >= 0 and finite");
  CHECK(with({{}, 1.5}) == "cross_entropy: smoothing = 1.5, must be in [0, 1]");
  CHECK(with({}, 0) == "cross_entropy: divisor = 0, must be > 0 and finite");
  CHECK(message_of([&] { (void)cross_entropy(logits, labels, {none}, to); }) ==
        "cross_entropy: divisor = 0, must be > 0 and finite");
  labels[1] = 3;
  CHECK(with({}) == "cross_entropy: labels[1] = 3, must be in [0, 3)");
  labels[1] = -100;  // PyTorch passes over it
  CHECK(with({}) == "cross_entropy: labels[1] = -100, must be in [0, 3)");
  labels = {0};
  CHECK(with({}) == "cross_entropy: 1 labels, must be one for each of 2 samples");
  labels = {0, 0};
  CHECK(message_of([&] {
          (void)cross_entropy(tensor_view<float const>(wrong_time, {2, 2, 3}), labels);
        }) == "cross_entropy: logits has time 2, must be 1");
  CHECK(message_of([&] {
          (void)cross_entropy(logits, labels, {}, 1, tensor_view<float>(dz, {2, 1, 2}));
        }) == "cross_entropy: dlogits has 2 channels, must have 3");
  CHECK(message_of([&] { (void)cross_entropy(to, labels, {}, 1, to); }) ==
        "cross_entropy: logits and dlogits overlap in memory, must share no element");
  for (float const each : dz) CHECK(each == 7.f);
}

TEST_CASE("train::l1 and mean_squared_error: values, gradients, lengths and pieces", "[train][loss]") {
  random_bits random(3);
  index_t cases = 0;
  for (index_t const channels : {1, 7, 16, 50}) {
    for (index_t const time : {1, 9}) {
      tshift::shape const dims{3, time, channels};
      auto x = uniform<double>(dims.size(), random), target = uniform<double>(dims.size(), random);
      x[0] = target[0];  // sign(0) = 0
      std::vector<index_t> const lengths = {time, time / 2, 0};
      long double absolute = 0, squared = 0, count = 0;
      std::vector<double> dl1(x.size()), dmse(x.size());
      for (index_t n = 0; n < 3; ++n) {
        for (index_t i = 0; i < time * channels; ++i) {
          auto const at = static_cast<std::size_t>(n * time * channels + i);
          if (i >= lengths[static_cast<std::size_t>(n)] * channels) {
            x[at] = target[at] = around_inputs<double>;
            continue;
          }
          long double const d = static_cast<long double>(x[at]) - target[at];
          absolute += std::fabs(d);
          squared += d * d;
          count += 1;
          dl1[at] = d > 0 ? 1 : d < 0 ? -1 : 0;
          dmse[at] = static_cast<double>(2 * d);
        }
      }
      tensor_view<double const> const from(x, dims, tshift::layout::ntc, lengths), to(target, dims);
      auto const divisor = tshift::train::elements_inside(from);
      CHECK(divisor == static_cast<double>(count));
      std::vector<double> a(x.size(), around_outputs<double>), b = a;
      CHECK(tshift::train::l1(from, to, divisor, tensor_view<double>(a, dims)) ==
            Approx(static_cast<double>(absolute / count)).epsilon(1e-14));
      CHECK(tshift::train::mean_squared_error(from, to, divisor, tensor_view<double>(b, dims)) ==
            Approx(static_cast<double>(squared / count)).epsilon(1e-14));
      CHECK((tshift::train::l1(from, to, divisor) > 0) == (channels * time > 1));
      std::vector<double> pieces(x.size());
      for (index_t n = 0; n < 3; ++n) {
        tshift::shape const one{1, time, channels};
        (void)tshift::train::mean_squared_error(from.slice_sequences(n, 1), to.slice_sequences(n, 1), divisor,
                                                tensor_view<double>(pieces.data() + n * time * channels, one));
      }
      CHECK(pieces == b);
      for (std::size_t i = 0; i < x.size(); ++i) {
        CHECK(a[i] == Approx(dl1[i] / divisor).margin(1e-300));
        CHECK(b[i] == Approx(dmse[i] / divisor).epsilon(1e-14).margin(1e-300));
      }
      ++cases;
    }
  }
  REQUIRE(cases == 8);
  std::vector<float> x(4), y(4);
  tensor_view<float> const view(x, {1, 2, 2});
  CHECK(message_of([&] {
          (void)tshift::train::l1(view, tensor_view<float const>(y, {1, 1, 2}), 1);
        }) == "l1: x has time 2, target has 1");
  CHECK(message_of([&] {
          (void)tshift::train::l1(view, tensor_view<float const>(y, {1, 2, 2}), 0);
        }) == "l1: divisor = 0, must be > 0 and finite");
  CHECK(message_of([&] {
          (void)tshift::train::mean_squared_error(view, tensor_view<float const>(y, {1, 2, 2}), 1, view);
        }) == "mean_squared_error: x and dx overlap in memory, must share no element");
}
