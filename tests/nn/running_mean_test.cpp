// SPDX-License-Identifier: MIT
// running_mean: exact where sums are, near the definition for as many frames as there are, whatever the chunks.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <tshift/nn/kernel/running_mean.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::tensor_view;
using tshift::nn::kernel::running_mean;

/// The mean of two values in turns, in `frames` frames.
template <class T>
double mean_of_many(index_t frames, index_t chunk, T value, T every_other) {
  running_mean<T> mean(1, 1);
  std::vector<T> x(static_cast<std::size_t>(chunk));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 2 == 0 ? value : every_other;
  for (index_t done = 0; done < frames; done += chunk) mean.add(tensor_view<T const>(x.data(), {1, chunk, 1}));
  T result = 0;
  mean.value(&result);
  CHECK(mean.count() == frames);
  return static_cast<double>(result);
}

}  // namespace

TEST_CASE("running_mean: ten million frames do not drift", "[nn][running_mean]") {
  constexpr index_t many = 10'000'000;
  CHECK(mean_of_many<float>(many, 10000, 0.1f, 0.1f) == static_cast<double>(0.1f));
  CHECK(std::abs(mean_of_many<double>(many, 10000, 0.1, 0.1) - 0.1) <= 0x1p-39 * 0.1);
  // What a running sum in float, or in double without levels, does not hold: 1e7 and 1, or 1e16 and 3, in turns.
  CHECK(mean_of_many<float>(many, 1000, 1e7f, 1.f) == 5000000.5);
  CHECK(std::abs(mean_of_many<double>(many, 1000, 1e16, 3.) - (1e16 + 3) / 2) <= 0x1p-39 * 1e16);
}

TEST_CASE("running_mean: every channel and sequence, in any chunks, saved and restored", "[nn][running_mean]") {
  random_bits random(7201);
  constexpr index_t N = 3, C = 7, time = 9000;
  auto const x = uniform<float>(N * time * C, random);
  tensor_view<float const> const from(x.data(), {N, time, C});
  running_mean<float> whole(N, C), cut(N, C), other(N, C);
  whole.add(from);
  std::vector<std::byte> state(cut.state_bytes());
  for (index_t first = 0; first < time;) {
    index_t const some = std::min(random.in(0, 300), time - first);
    cut.add(from.slice_frames(first, some));
    first += some;
    cut.save(state.data());
    other.restore(state.data());
    std::swap(cut, other);
  }
  std::vector<float> a(N * C), b(N * C);
  whole.value(a.data());
  cut.value(b.data());
  CHECK(a == b);
  index_t off = 0;
  for (index_t n = 0; n < N; ++n) {
    for (index_t c = 0; c < C; ++c) {
      double sum = 0;
      for (index_t t = 0; t < time; ++t) sum += static_cast<double>(from(n, t, c));
      off += std::abs(sum / time - static_cast<double>(a[static_cast<std::size_t>(n * C + c)])) > 1e-8 ? 1 : 0;
    }
  }
  CHECK(off == 0);
  cut.clear();
  cut.value(b.data());
  CHECK(std::isnan(b[0]));
  CHECK(cut.count() == 0);
  CHECK(message_of([] { running_mean<float>(-1, 3); }) == "running_mean: a size is -1, must be >= 0");
}
