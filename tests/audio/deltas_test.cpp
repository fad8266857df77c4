// SPDX-License-Identifier: MIT
// Deltas against their definition; what is known of straight lines and parabolas; ragged batches and refusals.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/audio/deltas.hpp>
#include <tshift/audio/reference.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/thread_executor.hpp"
#include "audio_cases.hpp"

namespace {

using namespace test_support;
using tshift::delta_kind;
using tshift::tensor_view;

constexpr delta_kind kinds[] = {delta_kind::htk, delta_kind::librosa, delta_kind::librosa_second};

template <class T>
void check_definition() {
  tally sum;
  for (delta_kind const kind : kinds) {
    for (index_t const time : {0, 1, 2, 3, 4, 5, 8, 9, 10, 17, 40}) {
      if (kind != delta_kind::htk && time > 0 && time < 9) continue;
      for (index_t const bands : {1, 7}) {
        std::vector<double> const x = made_signal(time * bands, 31), want = audio::reference::deltas(x, bands, kind);
        std::vector<T> const from = as<T>(x);
        std::vector<T> y(x.size(), T(-7)), shared(x.size(), T(-8));
        tensor_view<T> const to(y.data(), {1, time, bands}), other(shared.data(), {1, time, bands});
        tensor_view<T const> const in(from.data(), {1, time, bands});
        long const made = allocations_in([&] { audio::deltas(in, to, kind); });
        audio::deltas(thread_executor{3}, in, other, kind);
        double worst = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
          worst = std::max(worst, std::fabs(want[i] - static_cast<double>(y[i])));
        bool const good = worst <= (sizeof(T) == 8 ? 1e-15 : 1e-7) && made == 0 && y == shared;
        sum.count(good, [&] { return std::to_string(time) + " frames: " + std::to_string(worst); });
      }
    }
  }
  REQUIRE_ALL(sum, 2 * (11 + 2 * 5));
}

TEST_CASE("deltas are their formulas", "[audio]") {
  check_definition<float>();
  check_definition<double>();
}

TEST_CASE("lines have constant deltas, parabolas constant second ones", "[audio]") {
  constexpr index_t time = 20;
  std::vector<double> line, parabola, y(time);
  for (index_t t = 0; t < time; ++t)
    line.push_back(3 * static_cast<double>(t)), parabola.push_back(static_cast<double>(t * t));
  tensor_view<double> const to(y.data(), {1, time, 1});
  audio::deltas(tensor_view<double const>(line, {1, time, 1}), to, delta_kind::librosa);
  for (double const value : y) REQUIRE(std::fabs(value - 3) < 1e-13);
  audio::deltas(tensor_view<double const>(parabola, {1, time, 1}), to, delta_kind::librosa_second);
  for (double const value : y) REQUIRE(std::fabs(value - 2) < 1e-12);
  audio::deltas(tensor_view<double const>(line, {1, time, 1}), to, delta_kind::htk);
  REQUIRE(std::fabs(y[10] - 3) < 1e-14);
  REQUIRE(std::fabs(y[0] - 1.5) < 1e-14);  // (1 * 3 + 2 * 6) / 10: the first frame stands before itself, too
}

TEST_CASE("stacked, and sequences of a ragged batch by themselves", "[audio]") {
  constexpr index_t N = 3, time = 15, C = 4;
  tally sum;
  for (delta_kind const kind : {delta_kind::htk, delta_kind::librosa}) {
    index_t const lengths[N] = {15, 0, kind == delta_kind::htk ? 1 : 9};
    std::vector<double> const x = made_signal(N * time * C, 32);
    tensor_view<double const> const in(x, {N, time, C}, tshift::layout::ntc, lengths);
    std::vector<double> y(x.size() * 3, -7);
    tensor_view<double> const to(y.data(), {N, time, 3 * C});
    audio::stack_deltas(in, to, kind);
    for (index_t n = 0; n < N; ++n) {
      std::vector<double> const own(x.begin() + n * time * C, x.begin() + (n * time + lengths[n]) * C);
      std::vector<double> const first = audio::reference::deltas(own, C, kind);
      std::vector<double> const second = kind == delta_kind::htk
                                             ? audio::reference::deltas(first, C, kind)
                                             : audio::reference::deltas(own, C, delta_kind::librosa_second);
      for (index_t t = 0; t < time; ++t) {
        for (index_t c = 0; c < C; ++c) {
          auto const at = static_cast<std::size_t>(t * C + c);
          bool const inside = t < lengths[n];
          double const off = std::max({std::fabs(to(n, t, c) - (inside ? own[at] : 0)),
                                       std::fabs(to(n, t, C + c) - (inside ? first[at] : 0)),
                                       std::fabs(to(n, t, 2 * C + c) - (inside ? second[at] : 0))});
          sum.count(off < 1e-14, [&] { return std::to_string(n) + ", " + std::to_string(t); });
        }
      }
    }
  }
  REQUIRE_ALL(sum, 2 * N * time * C);
}

TEST_CASE("deltas refuse", "[audio]") {
  std::vector<float> x(40), y(120);
  auto const says = [&](tshift::shape const& in, tshift::shape const& out, delta_kind kind) {
    return message_of([&] { audio::deltas(tensor_view<float const>(x, in), tensor_view<float>(y.data(), out), kind); });
  };
  REQUIRE(says({1, 10, 4}, {1, 9, 4}, delta_kind::htk) ==
          "deltas: y is [1, 9, 4], x is [1, 10, 4]; y must have 1 times the channels, the rest equal");
  REQUIRE(says({1, 8, 4}, {1, 8, 4}, delta_kind::librosa) ==
          "deltas: sequence 0 has 8 frames, must have >= 9 for librosa's deltas, or none");
  REQUIRE(says({1, 8, 4}, {1, 8, 4}, static_cast<delta_kind>(9)) == "deltas: kind = 9, must be a named delta_kind");
  REQUIRE(message_of([&] {
            audio::deltas(tensor_view<float const>(y, {1, 10, 4}), tensor_view<float>(y.data(), {1, 10, 4}),
                          delta_kind::htk);
          }) == "deltas: x and y overlap in memory, must share no element");
  REQUIRE(message_of([&] {
            audio::stack_deltas(tensor_view<float const>(x, {1, 10, 4}), tensor_view<float>(y.data(), {1, 10, 11}),
                                delta_kind::htk);
          }) == "stack_deltas: y is [1, 10, 11], x is [1, 10, 4]; y must have 3 times the channels, the rest equal");
  REQUIRE(message_of([&] {
            audio::stack_deltas(tensor_view<float const>(x, {1, 10, 4}), tensor_view<float>(y.data(), {1, 10, 12}),
                                delta_kind::librosa_second);
          }) == "stack_deltas: kind = librosa_second, must be htk or librosa; librosa has it in third place");
}

}  // namespace
