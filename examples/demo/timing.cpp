// SPDX-License-Identifier: MIT
#include "timing.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <random>

namespace demo {
namespace {

constexpr double sample_seconds = 2e-4;  // a sample must dwarf the clock's tick of a microsecond
constexpr int most_repeats = 10000;
constexpr std::size_t least_rounds = 3;

/// Seconds this program has computed: on a busy machine, time in which others had the core does not count.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds per call, over `repeats` calls. The compiler must believe that somebody looks at the memory each time.
template <class Operation>
double sample(Operation const& operation, int repeats) {
  double const start = cpu_seconds();
  for (int i = 0; i < repeats; ++i) {
    operation();
    asm volatile("" ::: "memory");
  }
  return (cpu_seconds() - start) / repeats;
}

/// Calls in a row that take about a sample's time.
template <class Operation>
int calibrate(Operation const& operation) {
  int repeats = 1;
  while (repeats < most_repeats && sample(operation, repeats) * repeats < sample_seconds) repeats *= 2;
  return repeats;
}

}  // namespace

double median(std::vector<double> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

timings measure(std::vector<float> const& x, std::vector<float>& y, std::vector<float>& z, tshift::shape dims,
                tshift::shift_plan const& plan, float fill, double seconds) {
  tshift::tensor_view<float const> const in(x.data(), dims);
  tshift::tensor_view<float> const out(y.data(), dims), both(z.data(), dims);
  auto const copy = [&] { std::memcpy(y.data(), x.data(), x.size() * sizeof(float)); };
  auto const shift = [&] { tshift::shift(in, out, plan, fill); };
  auto const inplace = [&] { tshift::shift_inplace(both, plan, fill); };

  std::array<int, 3> const repeats = {calibrate(copy), calibrate(shift), calibrate(inplace)};
  std::array<std::vector<double>, 3> times;
  std::array<std::size_t, 3> order = {0, 1, 2};
  std::mt19937 random(1);
  double const start = wall_seconds();
  while (times[0].size() < least_rounds || wall_seconds() - start < seconds) {
    // In a fixed order, a disturbance with a rhythm of its own could hit the same one again and again.
    std::ranges::shuffle(order, random);
    for (std::size_t const which : order) {
      times[which].push_back(which == 0   ? sample(copy, repeats[0])
                             : which == 1 ? sample(shift, repeats[1])
                                          : sample(inplace, repeats[2]));
    }
  }
  return {median(times[0]), median(times[1]), median(times[2])};
}

}  // namespace demo
