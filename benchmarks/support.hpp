// SPDX-License-Identifier: MIT
// What every benchmark here shares: memory, verification, and the measurement itself.
//
// A row is one operation on one tensor, beside its floor: the least work that could do the same (a memcpy, a plain
// sum, the matrix products alone). Both are timed in turns, floor, operation, floor, operation, so that whatever the
// machine does meanwhile happens to both. Results are verified before anything is timed; a wrong one fails the program,
// a slow one does not.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>

namespace tshift_bench {

using tshift::direction;
using tshift::index_t;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

/// How much to measure. full: the numbers to publish. smoke: everything is verified, nothing is timed seriously.
enum class effort { full, quick, smoke };

/// One line of a table.
struct row {
  std::string table;          ///< heading the row stands under
  std::string tensor;         ///< layout, shape and element type: "ntc 32x374x768"
  std::string variant;        ///< what else distinguishes the row: "delay", "keep"
  index_t n_div = 0;          ///< 0: has none
  double bytes = 0;           ///< read plus written by one call, or by one frame if frames > 1
  double flops = 0;           ///< of one call; a table whose rows have them shows GFLOP/s in place of GB/s
  double share = 1;           ///< the floor is this share of the measured floor routine (in place: channels moved)
  double target = 0;          ///< greatest ratio that is within target; 0: the row only informs
  index_t frames = 1;         ///< times are per frame, of so many in one call
  std::size_t footprint = 0;  ///< bytes of the tensor; they and flops decide the number of rounds
  bool slow = false;          ///< a call takes 100 ms and more, whatever its flops say
  bool cold = false;          ///< every call finds the caches empty, see empty_caches()

  std::string name() const;
};

/// Times of a row in microseconds, one of each per round.
struct samples {
  std::vector<double> operation, floor;
};

/// What main.cpp keeps for the tables. Repetitions of one row pool their rounds.
void record(row const& info, samples const& times);
/// A wrong result, or an operation that threw. The program will fail.
void record_failure(row const& info, char const* what);

/// Of every row, so that progress can be told.
void record_name(std::string name);

effort current_effort();
index_t rounds_for(row const& info);

/// A file's rows register themselves, so that no list names the files: at namespace scope stands
///   registration const rows(place, add_all);
/// and the program calls add_all once the options are known. Tables come in the order of the places: operations below
/// 70, blocks and models below 100.
class registration {
 public:
  registration(int place, void (*add_all)());
};

/// Median and other quantiles, by linear interpolation. Not for empty lists.
inline double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  double const position = q * static_cast<double>(values.size() - 1);
  auto const below = static_cast<std::size_t>(position);
  auto const above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

/// Operation over floor, round by round: neighbours in time are compared, so slow drifts cancel.
inline std::vector<double> ratios(samples const& times, double share) {
  std::vector<double> result(times.operation.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = times.operation[i] / (share * times.floor[i]);
  return result;
}

// ---------------------------------------------------------------------------------------------------------- memory

struct free_memory {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

/// Memory aligned to 64 bytes, as PyTorch and Eigen hand it out. Kept and reused for the next row of the same type, so
/// that its pages were touched long before a clock starts.
template <class T>
class buffer {
 public:
  /// At least count elements; grows by replacing, so the contents are lost. Returns true if it grew.
  bool reserve(std::size_t count) {
    if (count <= count_) return false;
    std::size_t const bytes = (count * sizeof(T) + 63) / 64 * 64;
    memory_.reset(static_cast<T*>(std::aligned_alloc(64, bytes)));
    if (memory_ == nullptr) throw std::bad_alloc();
    count_ = count;
    return true;
  }

  T* data() const noexcept { return memory_.get(); }

 private:
  std::unique_ptr<T, free_memory> memory_;
  std::size_t count_ = 0;
};

/// Random values: constant data could not show a wrong source frame. Floats of any size lie in [-1, 1).
template <class T>
void fill_random(T* values, std::size_t count, std::uint64_t seed) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t z = (seed + i) * 0x9e3779b97f4a7c15u;  // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    auto const bits = static_cast<std::int32_t>(static_cast<std::uint32_t>(z >> 32));
    if constexpr (std::is_floating_point_v<T>) {
      values[i] = static_cast<T>(bits) * static_cast<T>(0x1p-31);
    } else if constexpr (tshift::detail::is_16_bit_float<T>) {
      values[i] = T(static_cast<float>(bits) * 0x1p-31f);
    } else {
      values[i] = static_cast<T>(bits);
    }
  }
}

/// The tensors of a row: x and r are random and stay as they are, y receives results, want is for the oracle.
template <class T>
struct workspace {
  T const* x;
  T const* r;
  T* y;
  T* want;
  std::size_t count;

  /// Fills y with bytes 0xff, which is NaN for floats: an element never written is then a wrong one.
  void poison() const { std::memset(static_cast<void*>(y), 0xff, count * sizeof(T)); }
};

template <class T>
workspace<T> tensors(shape const& dims, std::size_t extra = 0) {
  static buffer<T> x, r, y, want;
  auto const count = static_cast<std::size_t>(dims.batch * dims.time * dims.channels * dims.space);
  if (x.reserve(count + extra)) fill_random(x.data(), count + extra, 1);
  if (r.reserve(count + extra)) fill_random(r.data(), count + extra, std::uint64_t{1} << 40);
  y.reserve(count + extra);
  want.reserve(count + extra);
  workspace<T> const result{x.data(), r.data(), y.data(), want.data(), count};
  result.poison();
  return result;
}

// ---------------------------------------------------------------------------------------------------- verification

/// Throws std::runtime_error, naming the first element that differs. Equal means the same bits.
template <class T>
void expect_equal(tensor_view<T> want, tensor_view<T> got) {
  auto const bytes = static_cast<std::size_t>(want.size()) * sizeof(T);
  if (bytes == 0 || std::memcmp(want.data, got.data, bytes) == 0) return;  // views here are dense and of one layout
  tshift::reference::for_each_element(want.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    if (std::memcmp(want.at(n, t, c, s), got.at(n, t, c, s), sizeof(T)) == 0) return;
    char message[200];
    std::snprintf(message, sizeof message, "wrong result at n=%td t=%td c=%td s=%td: want %g, got %g", n, t, c, s,
                  static_cast<double>(want(n, t, c, s)), static_cast<double>(got(n, t, c, s)));
    throw std::runtime_error(message);
  });
}

// ----------------------------------------------------------------------------------------------------- measurement

/// Microseconds for one of `repeats` calls.
template <class Call>
double time_calls(Call const& call, index_t repeats) {
  auto const start = std::chrono::steady_clock::now();
  for (index_t i = 0; i < repeats; ++i) {
    call();
    benchmark::ClobberMemory();
  }
  auto const stop = std::chrono::steady_clock::now();
  return std::chrono::duration<double, std::micro>(stop - start).count() / static_cast<double>(repeats);
}

/// Bytes of the last cache before memory, as Linux tells; 32 MiB if it does not.
inline std::size_t last_cache_bytes() {
  std::size_t largest = 0;
  for (char const index : {'2', '3', '4'}) {
    std::ifstream file(std::string("/sys/devices/system/cpu/cpu0/cache/index") + index + "/size");
    std::size_t kib = 0;
    if (file >> kib) largest = std::max(largest, kib << 10);
  }
  return largest > 0 ? largest : std::size_t{32} << 20;
}

/// Drives everything else out of the caches: changes one byte in every line of a buffer four times as large as the last
/// of them. (Once its size is not enough: what a cache replaces is not what was used longest ago.) Of address
/// translations the most recent pages of that buffer remain.
inline void empty_caches() {
  static std::vector<unsigned char> other(4 * last_cache_bytes(), 1);
  constexpr std::size_t line = 64;
  for (std::size_t i = 0; i < other.size(); i += line) ++other[i];
  benchmark::ClobberMemory();
}

/// Calls per round, so that a round lasts long enough for the clock. Finding out is the warm-up.
template <class Call>
index_t repeats_for(Call const& call) {
  if (current_effort() == effort::smoke) return 1;
  constexpr double least_us = 50;
  time_calls(call, 1);
  for (index_t repeats = 1;; repeats *= 2) {
    double const each = time_calls(call, repeats);
    if (each * static_cast<double>(repeats) >= least_us) return repeats;
  }
}

/// prepare() verifies, throwing if a result is wrong, and returns std::pair(operation, floor), two callables.
template <class Prepare>
void run_row(benchmark::State& state, row const& info, Prepare const& prepare) {
  try {
    auto const calls = prepare();
    auto const& operation = calls.first;
    auto const& floor = calls.second;
    index_t const floor_repeats = info.cold ? 1 : repeats_for(floor);
    index_t const operation_repeats = info.cold ? 1 : repeats_for(operation);
    double const frames = static_cast<double>(info.frames);
    samples times;
    for ([[maybe_unused]] auto unused : state) {
      if (info.cold) empty_caches();
      times.floor.push_back(time_calls(floor, floor_repeats) / frames);
      if (info.cold) empty_caches();
      times.operation.push_back(time_calls(operation, operation_repeats) / frames);
      state.SetIterationTime(times.operation.back() * 1e-6);
    }
    record(info, times);
    auto const each = ratios(times, info.share);
    double const median = quantile(times.operation, 0.5);
    state.counters["median_us"] = median;
    state.counters["floor_us"] = info.share * quantile(times.floor, 0.5);
    if (info.flops > 0) {
      state.counters["GFLOP/s"] = info.flops / median * 1e-3;
    } else {
      state.counters["GB/s"] = info.bytes / median * 1e-3;
    }
    if (info.footprint > 0) state.counters["tensor_bytes"] = static_cast<double>(info.footprint);
    state.counters["ratio"] = quantile(each, 0.5);
    state.counters["ratio_p10"] = quantile(each, 0.1);
    state.counters["ratio_p90"] = quantile(each, 0.9);
    if (info.target > 0) state.counters["target"] = info.target;
  } catch (std::exception const& error) {
    record_failure(info, error.what());
    state.SkipWithError(error.what());
  }
}

/// Registers a row. The number of iterations Google Benchmark reports is the number of rounds.
template <class Prepare>
void add_row(row const& info, Prepare prepare) {
  record_name(info.name() + "/iterations:" + std::to_string(rounds_for(info)) + "/manual_time");
  benchmark::RegisterBenchmark(info.name().c_str(),
                               [info, prepare](benchmark::State& state) { run_row(state, info, prepare); })
      ->Iterations(rounds_for(info))
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

// ----------------------------------------------------------------------------------------------------------- cases

/// A tensor to measure on.
struct tensor_case {
  shape dims;
  layout order;
  int size;  ///< column of the target table: 0 large, 1 medium, 2 small

  std::size_t count() const { return static_cast<std::size_t>(dims.batch * dims.time * dims.channels * dims.space); }

  /// Layout and sizes, outermost first: "ntc 32x374x768".
  std::string text() const {
    auto const list = [](std::initializer_list<index_t> sizes) {
      std::string joined;
      for (index_t const each : sizes) {
        if (!joined.empty()) joined += 'x';
        joined += std::to_string(each);
      }
      return joined;
    };
    if (order == layout::nct) return "nct " + list({dims.batch, dims.channels, dims.time});
    if (dims.space == 1) return "ntc " + list({dims.batch, dims.time, dims.channels});
    return "ntcs " + list({dims.batch, dims.time, dims.channels, dims.space});
  }
};

/// Three sizes: beyond the caches, the 374 frames of 768 features that the ShiftSER paper uses, and tiny.
inline constexpr tensor_case large{{32, 374, 768}, layout::ntc, 0};
inline constexpr tensor_case medium{{1, 374, 768}, layout::ntc, 1};
inline constexpr tensor_case small{{1, 64, 256}, layout::ntc, 2};
inline constexpr tensor_case time_major_cases[] = {large, medium, small};

/// Layouts of other programs: PyTorch's convolutions over time, and video (space is 56 x 56 pixels).
inline constexpr tensor_case other_layouts[] = {
    {{32, 374, 768}, layout::nct, 0},
    {{1, 374, 768}, layout::nct, 1},
    {{2, 8, 64, 56 * 56}, layout::ntcs, 0},
};

/// The case as the chosen effort wants it. --smoke runs in debug and sanitizer builds too, where the oracle takes long:
/// it cuts a batch of 32 to 2, except for n_div 8 in both directions, so that a tensor beyond the caches stays in.
inline tensor_case sized(tensor_case on, index_t n_div, std::string_view variant) {
  if (current_effort() == effort::smoke && !(n_div == 8 && variant == "both")) {
    on.dims.batch = std::min<index_t>(on.dims.batch, 2);
  }
  return on;
}

struct way {
  char const* text;
  direction value;
};
inline constexpr way delay{"delay", direction::delay};
inline constexpr way advance{"advance", direction::advance};
inline constexpr way both{"both", direction::both};

struct shift_case {
  index_t n_div;
  way direction_of;
};

/// Every n_div from 2 to 16 with a delay, and 2, 4, 8, 16 with both and with an advance.
inline std::vector<shift_case> all_shifts() {
  std::vector<shift_case> result;
  for (index_t n_div = 2; n_div <= 16; ++n_div) result.push_back({n_div, delay});
  for (way const w : {both, advance}) {
    for (index_t const n_div : {2, 4, 8, 16}) result.push_back({n_div, w});
  }
  return result;
}

/// 2, 4, 8 and 16 with a delay and with both.
inline std::vector<shift_case> some_shifts() {
  std::vector<shift_case> result;
  for (way const w : {delay, both}) {
    for (index_t const n_div : {2, 4, 8, 16}) result.push_back({n_div, w});
  }
  return result;
}

/// Share of the channels that a plan moves.
inline double moved_share(shift_plan const& plan) {
  return static_cast<double>(plan.moved()) / static_cast<double>(plan.channels());
}

}  // namespace tshift_bench
