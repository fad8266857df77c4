// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>
#include <xsimd/xsimd.hpp>

namespace ser {
namespace {

constexpr int warm_up_runs = 2;
constexpr std::size_t least_runs = 15, most_runs = 1000;
constexpr double least_seconds = 0.5;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void print_table(std::span<float const> y, index_t classes) {
  if (y.empty()) {
    std::puts("no sequences");
    return;
  }
  std::string head = "sequence";
  for (index_t k = 0; k < classes; ++k) {
    std::string const label = "class " + std::to_string(k);
    head += std::string(label.size() < 15 ? 16 - label.size() : 1, ' ') + label + " ";
  }
  std::printf("%s  largest\n", head.c_str());
  auto const width = static_cast<std::size_t>(classes);
  for (std::size_t n = 0; n < y.size() / width; ++n) {
    auto const row = y.subspan(n * width, width);
    // Of a row with NaN none is the largest.
    bool const ordered = std::ranges::none_of(row, [](float value) { return std::isnan(value); });
    auto const largest = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
    std::printf("%8zu", n);
    for (std::size_t k = 0; k < width; ++k) {
      std::printf("%16.9g%c", static_cast<double>(row[k]), ordered && k == largest ? '*' : ' ');
    }
    std::printf("  %s\n", ordered ? std::to_string(largest).c_str() : "none");
  }
}

void print_verdicts(model_options const& words, std::span<float const> probabilities, index_t classes) {
  std::printf("\n");
  auto const width = static_cast<std::size_t>(classes);
  for (std::size_t n = 0; n < probabilities.size() / width; ++n) {
    auto const row = probabilities.subspan(n * width, width);
    auto const best = std::ranges::max_element(row);
    auto const k = static_cast<std::size_t>(best - row.begin());
    // Written so that NaN is unknown.
    bool const known = static_cast<double>(*best) >= words.unknown_below;
    std::string const label = words.labels.empty() ? "class " + std::to_string(k) : words.labels[k];
    std::printf("%8zu  %s %.3f\n", n, known ? label.c_str() : "unknown", static_cast<double>(*best));
  }
}

void print_times(network const& model, tshift::tensor_view<float const> const& x, index_t frames,
                 tshift::tensor_view<float> const& y, std::span<float> workspace) {
  for (int i = 0; i < warm_up_runs; ++i) model.forward(x, y, workspace);
  std::vector<double> times;
  double const start = seconds_now();
  while (times.size() < least_runs || (times.size() < most_runs && seconds_now() - start < least_seconds)) {
    double const begin = seconds_now();
    model.forward(x, y, workspace);
    times.push_back(seconds_now() - begin);
  }
  std::ranges::sort(times);
  double const median = times[times.size() / 2];

  double flops = 0;
  for (index_t n = 0; n < x.shape.batch; ++n) flops += model.flops.of(x.length(n));
  std::printf("time: median %.4g ms, least %.4g ms of %zu runs after %d to warm up, one thread, compiled for %s\n",
              median * 1e3, times[0] * 1e3, times.size(), warm_up_runs, xsimd::default_arch::name());
  std::printf("      %.4g ms per frame, %td frame%s; about %.4g GFLOP in matrix products, %.4g GFLOP/s\n",
              median * 1e3 / static_cast<double>(frames), frames, frames == 1 ? "" : "s", flops * 1e-9,
              flops * 1e-9 / median);
#ifndef __OPTIMIZE__
  std::printf("      compiled without optimisation: these times say nothing about the library\n");
#elif TSHIFT_DEBUG
  std::printf("      compiled with the library's own assertions (no NDEBUG): these times are not its best\n");
#endif
}

}  // namespace ser
