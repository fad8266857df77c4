// SPDX-License-Identifier: MIT
// Normalisation: of utterances, by statistics of a training set or a speaker, in place, ragged, saved and read again.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/audio/normalise.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "audio_cases.hpp"

namespace {

using namespace test_support;
using audio::band_statistics;
using tshift::eps_in;
using tshift::normalise_options;
using tshift::tensor_view;

/// The formula, of all values at once.
void moments_of(std::vector<double> const& values, double& mean, double& variance) {
  long double sum = 0, squares = 0;
  for (double const v : values) sum += v;
  auto const count = static_cast<long double>(values.size());
  sum /= count;
  for (double const v : values) squares += (v - sum) * (v - sum);
  mean = static_cast<double>(sum), variance = static_cast<double>(squares / count);
}

double normalised(double x, double mean, double variance, normalise_options const& o) {
  if (!o.divide) return x - mean;
  return o.place == eps_in::variance ? (x - mean) / std::sqrt(variance + o.eps)
                                     : (x - mean) / (std::sqrt(variance) + o.eps);
}

constexpr index_t N = 3, time = 30, C = 4;
constexpr index_t lengths[N] = {30, 1, 17};

std::vector<double> values_of(std::vector<double> const& x, index_t n, index_t c) {
  std::vector<double> result;
  for (index_t t = 0; t < lengths[n]; ++t) result.push_back(x[static_cast<std::size_t>((n * time + t) * C + c)]);
  return result;
}

template <class T>
void check_formulas() {
  tally sum;
  double const most = sizeof(T) == 8 ? 1e-12 : 1e-6;
  std::vector<double> x = made_signal(N * time * C, 41);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += 5 * static_cast<double>(i % C);  // means apart from zero
  std::vector<T> const from = as<T>(x);
  tensor_view<T const> const in(from, {N, time, C}, tshift::layout::ntc, lengths);
  band_statistics statistics(C), parts(C);
  statistics.add(in);
  for (index_t n = 0; n < N; ++n) {
    band_statistics one(C);
    one.add(in.slice_sequences(n, 1));
    parts.merge(one);
  }
  for (bool const divide : {true, false}) {
    for (double const eps : {0.1, 1e-7}) {
      for (eps_in const place : {eps_in::variance, eps_in::deviation}) {
        normalise_options const o{divide, eps, place};
        std::vector<T> own(from.size(), T(-7)), global(from.size(), T(-7)), same = from;
        tensor_view<T> const y(own.data(), in.shape), z(global.data(), in.shape);
        long const made = allocations_in([&] {
          audio::normalise_utterances(in, y, o);
          audio::normalise(in, z, statistics, o);
          audio::normalise_utterances(tensor_view<T const>(same.data(), in.shape, tshift::layout::ntc, lengths),
                                      tensor_view<T>(same.data(), in.shape), o);
        });
        sum.count(made == 0 && same == own, [] { return std::string("in place, or allocations"); });
        for (index_t c = 0; c < C; ++c) {
          std::vector<double> all;
          for (index_t n = 0; n < N; ++n) {
            auto const some = values_of(x, n, c);
            all.insert(all.end(), some.begin(), some.end());
          }
          double mean = 0, variance = 0, whole_mean = 0, whole_variance = 0;
          moments_of(all, whole_mean, whole_variance);
          sum.count(std::fabs(statistics.mean(c) - whole_mean) < most * 10 &&
                        std::fabs(statistics.variance(c) - whole_variance) < most * 10 &&
                        std::fabs(parts.mean(c) - whole_mean) < most * 10 &&
                        std::fabs(parts.variance(c) - whole_variance) < most * 10,
                    [] { return std::string("statistics"); });
          for (index_t n = 0; n < N; ++n) {
            moments_of(values_of(x, n, c), mean, variance);
            for (index_t t = 0; t < time; ++t) {
              double const value = x[static_cast<std::size_t>((n * time + t) * C + c)];
              bool const inside = t < lengths[n];
              double const want = inside ? normalised(value, mean, variance, o) : 0;
              double const want_global = inside ? normalised(value, whole_mean, whole_variance, o) : 0;
              sum.count(std::fabs(want - static_cast<double>(y(n, t, c))) <= 5 * most &&
                            std::fabs(want_global - static_cast<double>(z(n, t, c))) <= 5 * most,
                        [&] { return std::to_string(want) + ", not " + std::to_string(y(n, t, c)); });
            }
          }
        }
      }
    }
  }
  REQUIRE_ALL(sum, 8 * (1 + C + C * N * time));
}

TEST_CASE("utterances and statistics are their formulas", "[audio]") {
  check_formulas<float>();
  check_formulas<double>();
}

TEST_CASE("statistics are saved, and serve a speaker", "[audio]") {
  std::vector<double> const x = made_signal(300, 42);
  tensor_view<double const> const in(x, {1, 100, 3});
  band_statistics speaker(3);
  REQUIRE(speaker.frames() == 0);
  REQUIRE(speaker.mean(2) == 0);
  REQUIRE(speaker.variance(2) == 0);
  for (index_t t = 0; t < 100; t += 25) speaker.add(in.slice_frames(t, 25));
  REQUIRE(speaker.frames() == 100);
  std::vector<double> const saved(speaker.values().begin(), speaker.values().end());
  band_statistics const again(3, saved);
  REQUIRE(std::equal(saved.begin(), saved.end(), again.values().begin(), again.values().end()));
  std::vector<double> a(300), b(300);
  audio::normalise(in, tensor_view<double>(a, {1, 100, 3}), speaker);
  audio::normalise(in, tensor_view<double>(b, {1, 100, 3}), again);
  REQUIRE(a == b);
  // An empty sequence adds nothing.
  speaker.add(tensor_view<double const>(x, {1, 0, 3}));
  REQUIRE(std::equal(saved.begin(), saved.end(), speaker.values().begin()));
  // A wave as wav2vec 2.0 has it; a constant one is zeros.
  std::vector<float> wave(50, 0.25f);
  tensor_view<float> const flat(wave, {1, 50, 1});
  audio::normalise_utterances(flat, flat, {.eps = 1e-7, .place = eps_in::variance});
  REQUIRE(std::all_of(wave.begin(), wave.end(), [](float v) { return v == 0; }));
  // NaN stays in its channel.
  std::vector<double> spoiled = x;
  spoiled[4] = std::nan("");
  audio::normalise_utterances(tensor_view<double const>(spoiled, {1, 100, 3}), tensor_view<double>(b, {1, 100, 3}));
  REQUIRE(std::isnan(b[1]));
  REQUIRE(std::isfinite(b[0]));
  REQUIRE(std::isfinite(b[2]));
}

TEST_CASE("normalisation refuses", "[audio]") {
  std::vector<float> x(40), y(40);
  tensor_view<float const> const in(x, {1, 10, 4});
  tensor_view<float> const to(y, {1, 10, 4});
  REQUIRE(message_of([&] { audio::normalise_utterances(in, to, {.eps = -1}); }) ==
          "normalise_utterances: eps = -1, must be >= 0 and finite");
  REQUIRE(message_of([&] { audio::normalise_utterances(in, to, {.place = static_cast<eps_in>(7)}); }) ==
          "normalise_utterances: place = 7, must be a named eps_in");
  REQUIRE(message_of([&] {
            audio::normalise_utterances(in, tensor_view<float>(y, {1, 9, 4}));
          }) == "normalise_utterances: x has time 10, y has 9");
  REQUIRE(message_of([&] {
            audio::normalise_utterances(tensor_view<float const>(y, {1, 9, 4}),
                                        tensor_view<float>(y.data() + 1, {1, 9, 4}));
          }) == "normalise_utterances: x and y overlap in memory, must be the same view or share no element");
  REQUIRE(message_of([&] { audio::normalise(in, to, band_statistics(3)); }) ==
          "normalise: x has 4 channels, the statistics have 3 bands");
  REQUIRE(message_of([&] { audio::normalise(in, to, band_statistics(4)); }) ==
          "normalise: the statistics are of no frames, must be of >= 1");
  band_statistics statistics(4);
  REQUIRE(message_of([&] {
            statistics.add(tensor_view<float const>(x, {1, 20, 2}));
          }) == "band_statistics::add: 2 bands, must be 4");
  REQUIRE(message_of([&] { statistics.merge(band_statistics(2)); }) == "band_statistics::merge: 2 bands, must be 4");
  REQUIRE(message_of([&] { (void)statistics.mean(4); }) == "band_statistics: band = 4, must be in [0, 4)");
  REQUIRE(message_of([] { (void)band_statistics(-1); }) == "band_statistics: bands = -1, must be in [0, 2^28]");
  REQUIRE(message_of([] { (void)band_statistics(2, std::vector<double>(5)); }) ==
          "band_statistics: 5 values, must be 6, three for each of 2 bands");
  REQUIRE(message_of([] {
            (void)band_statistics(1, std::vector<double>{1, 0, -1});
          }) == "band_statistics: value 2 = -1, must be finite, counts and squares >= 0");
  audio::normalise(tensor_view<float const>(x, {1, 10, 0}), tensor_view<float>(y, {1, 10, 0}), band_statistics(0));
}

}  // namespace
