// SPDX-License-Identifier: MIT
// Optimisers, clipping, losses and schedules against PyTorch's, in double: optim.txt, see README.md.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <tshift/train/clip.hpp>
#include <tshift/train/loss.hpp>
#include <tshift/train/optimiser.hpp>
#include <tshift/train/schedule.hpp>

#include "../support/catch.hpp"
#include "../support/random.hpp"
#include "case_file.hpp"

namespace {

using tshift::index_t;
using tshift::tensor_view;
namespace train = tshift::train;

constexpr std::size_t golden_cases = 35;

/// The lines of a case: the first word of each, and the others.
struct golden_case {
  std::string kind;  ///< first word of its first line
  std::map<std::string, std::vector<std::string>> lines;

  std::vector<std::string> const& words(std::string const& key) const { return lines.at(key); }
  std::vector<double> numbers(std::string const& key, std::size_t from = 0) const {
    std::vector<double> values;
    for (std::size_t i = from; i < words(key).size(); ++i) values.push_back(std::stod(words(key)[i]));
    return values;
  }
  index_t whole(std::string const& key, std::size_t at) const { return std::stol(words(key)[at]); }
};

bool read_line(golden_case& c, std::string const& key, std::istringstream& words) {
  if (key == "case") return true;
  if (c.kind.empty()) c.kind = key;
  test_support::read_list(words, c.lines[key]);
  return true;
}

/// made() of generate_optim.py.
template <class T>
std::vector<T> made(std::size_t count, index_t seed, double scale = 1) {
  test_support::random_bits random(static_cast<std::uint64_t>(seed));
  std::vector<T> values;
  for (std::size_t i = 0; i < count; ++i) {
    auto const part = static_cast<double>(random() >> 40) - static_cast<double>(1 << 23);
    values.push_back(static_cast<T>(part / static_cast<double>(1 << 23) * scale));
  }
  return values;
}

struct distances {
  double worst = 0;
  index_t numbers = 0;

  /// Relative to the larger of 1 and the number.
  template <class T>
  void compare(std::vector<T> const& got, std::vector<double> const& want, double allowed) {
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      double const off = std::fabs(static_cast<double>(got[i]) - want[i]) / std::max(1.0, std::fabs(want[i]));
      INFO("number " << i);
      REQUIRE(off <= allowed);
      worst = std::max(worst, off);
      ++numbers;
    }
  }
};

template <class T>
void check_optimiser(golden_case const& one, double allowed, distances& sum) {
  train::parameter_table table;
  table.add("mlp.weight", {5, 7});
  table.add("mlp.bias", {5});
  table.add("frozen.weight", {3, 2});
  table.add("shift.offset", {2, 3});
  table.set_trains("frozen", false);
  table.set_decays("shift", false);
  table.set_rate("shift", 10);
  auto const count = static_cast<std::size_t>(table.size());
  double const clip = one.numbers("clip")[0];
  index_t const seed = one.whole("clip", 1);
  std::string const& kind = one.words("optimiser")[0];
  auto const o = one.numbers("optimiser", 1);
  auto const norms = one.numbers("norms");
  std::vector<T> values = made<T>(count, seed), first(count), second(count);
  for (index_t step = 1; step <= 10; ++step) {
    std::vector<T> const gradients = made<T>(count, seed + step);
    train::optimiser_memory<T> const memory{values, gradients, first, second};
    double scale = 1;
    if (clip > 0) {
      train::clipping const found = train::gradient_clipping(table, std::span<T const>(gradients), clip);
      CHECK(found.norm == Approx(norms.at(static_cast<std::size_t>(step - 1))).epsilon(1e-13));
      scale = found.factor;
    }
    if (kind == "adamw") {
      train::adamw(table, {.rate = o[0], .beta1 = o[2], .beta2 = o[3], .eps = o[4], .decay = o[1]}, step, memory,
                   scale);
    } else if (kind == "adam") {
      train::adam(table, {.rate = o[0], .beta1 = o[2], .beta2 = o[3], .eps = o[4], .decay = o[1]}, step, memory, scale);
    } else {
      train::sgd(table, {.rate = o[0], .momentum = o[2], .nesterov = o[3] != 0, .decay = o[1]}, memory, scale);
    }
    if (step == 1) sum.compare(values, one.numbers("first"), allowed);
  }
  sum.compare(values, one.numbers("last"), allowed);
}

template <class T>
void check_cross_entropy(golden_case const& one, double allowed, distances& sum) {
  index_t const N = one.whole("cross_entropy", 0), K = one.whole("cross_entropy", 1);
  bool const weighted = one.whole("cross_entropy", 2) != 0;
  double const smoothing = one.numbers("cross_entropy")[3];
  index_t const seed = one.whole("cross_entropy", 4);
  auto const z = made<T>(static_cast<std::size_t>(N * K), seed, 8);
  std::vector<double> weights;
  if (weighted) weights = made<double>(static_cast<std::size_t>(K), seed + 2);
  for (double& each : weights) each += 1.25;
  std::vector<index_t> labels;
  for (std::size_t i = 0; i < static_cast<std::size_t>(N); ++i) labels.push_back(one.whole("labels", i));
  std::vector<T> dz(z.size());
  double const loss = train::cross_entropy(tensor_view<T const>(z, {N, 1, K}), labels, {weights, smoothing},
                                           tensor_view<T>(dz, {N, 1, K}));
  sum.compare(std::vector<double>{loss}, one.numbers("loss"), 1e-12);  // also in float: the logits are exact there
  sum.compare(dz, one.numbers("gradient"), allowed);
}

template <class T>
void check_distance(golden_case const& one, double allowed, distances& sum) {
  index_t const count = one.whole(one.kind, 0), seed = one.whole(one.kind, 1);
  auto x = made<T>(static_cast<std::size_t>(count), seed), target = made<T>(x.size(), seed + 1);
  x[5] = target[5];
  std::vector<T> dx(x.size());
  tshift::shape const dims{1, count / 4, 4};
  tensor_view<T const> const from(x, dims), to(target, dims);
  double const divisor = train::elements_inside(from);
  tensor_view<T> const gradient(dx, dims);
  double const loss = one.kind == "l1" ? train::l1(from, to, divisor, gradient)
                                       : train::mean_squared_error(from, to, divisor, gradient);
  sum.compare(std::vector<double>{loss}, one.numbers("loss"), 1e-12);
  sum.compare(dx, one.numbers("gradient"), allowed);
}

void check_plateau(golden_case const& one, distances& sum) {
  auto const o = one.numbers("plateau", 2);
  bool const higher = one.words("plateau")[0] == "max";
  train::schedules::plateau schedule(1, {.higher_is_better = higher,
                                         .factor = o[0],
                                         .patience = static_cast<index_t>(o[1]),
                                         .threshold = o[2],
                                         .relative = one.words("plateau")[1] == "rel",
                                         .cooldown = static_cast<index_t>(o[3]),
                                         .floor = o[4],
                                         .eps = o[5]});
  std::vector<double> rates;
  auto const metrics = made<double>(40, static_cast<index_t>(o[6]));
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    double const part = static_cast<double>(i) / 50;
    schedule.step((metrics[i] + 1) * (higher ? 1 + part : 1 - part));
    rates.push_back(schedule.rate());
  }
  sum.compare(rates, one.numbers("rates"), 1e-15);
}

void check_released(golden_case const& one, distances& sum) {
  train::schedules::as_released_fine_tuning const schedule{.steps = one.whole(one.kind, 0),
                                                           .warm_up = one.whole(one.kind, 1)};
  auto const want = one.numbers("rates");
  for (std::size_t e = 0; e < want.size(); ++e) {
    CHECK(schedule.rate(static_cast<index_t>(e)) == Approx(want[e]).epsilon(1e-14));
    ++sum.numbers;
  }
}

}  // namespace

TEST_CASE("golden: optimisers, losses and schedules are PyTorch's", "[golden][train]") {
  auto const cases = test_support::read_case_file<golden_case>("optim.txt", read_line);
  REQUIRE(cases.size() == golden_cases);
  std::map<std::string, index_t> kinds;
  distances exact, single;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    golden_case const& one = cases[i];
    INFO("case " << i << ", " << one.kind);
    ++kinds[one.kind];
    if (one.kind == "optimiser") {
      check_optimiser<double>(one, 1e-12, exact);
      check_optimiser<float>(one, 1e-5, single);
    } else if (one.kind == "cross_entropy") {
      check_cross_entropy<double>(one, 1e-12, exact);
      check_cross_entropy<float>(one, 1e-7, single);
    } else if (one.kind == "plateau") {
      check_plateau(one, exact);
    } else if (one.kind == "released_fine_tuning") {
      check_released(one, exact);
    } else {
      check_distance<double>(one, 1e-12, exact);
      check_distance<float>(one, 1e-7, single);
    }
  }
  CHECK(
      kinds ==
      std::map<std::string, index_t>{
          {"optimiser", 9}, {"cross_entropy", 18}, {"l1", 1}, {"mse", 1}, {"plateau", 4}, {"released_fine_tuning", 2}});
  std::cout << "optim.txt: " << exact.numbers << " numbers, worst " << exact.worst << " (double); " << single.numbers
            << ", worst " << single.worst << " (float)\n";
  CHECK(exact.numbers > 1500);
  CHECK(single.numbers > 1200);
}
