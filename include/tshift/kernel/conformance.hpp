// SPDX-License-Identifier: MIT
// What the checks of conformance.hpp have in common: numbers, memory with a margin, and the sentence about the first
// thing that is wrong.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include <tshift/conformance_cases.hpp>
#include <tshift/reference.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace conformance { namespace detail {

/// "1.5" for a number, "bytes 0x..." for anything else.
template <class T>
void describe(T const& value, char* to, std::size_t size) {
  if constexpr (std::is_unsigned_v<T>) {
    std::snprintf(to, size, "%llu", static_cast<unsigned long long>(value));
  } else if constexpr (std::is_integral_v<T>) {
    std::snprintf(to, size, "%lld", static_cast<long long>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    std::snprintf(to, size, "%.9g", static_cast<double>(value));
  } else {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, std::addressof(value), sizeof(T));
    int used = std::snprintf(to, size, "bytes ");
    for (std::size_t i = 0; i < sizeof(T) && i < 16; ++i) {
      used += std::snprintf(to + used, size - static_cast<std::size_t>(used), "%02x", unsigned{bytes[i]});
    }
  }
}

/// compare() of conformance.hpp.
template <class T>
mismatch first_difference(tensor_view<T const> const& want, tensor_view<T const> const& got) {
  mismatch result;
  if (!(want.shape == got.shape)) {
    result.equal = false;
    std::snprintf(result.text, sizeof result.text, "shape is [%td, %td, %td, %td], want [%td, %td, %td, %td]",
                  got.shape.batch, got.shape.time, got.shape.channels, got.shape.space, want.shape.batch,
                  want.shape.time, want.shape.channels, want.shape.space);
    return result;
  }
  reference::for_each_element(want.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes are what is compared
    if (!result.equal || std::memcmp(want.at(n, t, c, s), got.at(n, t, c, s), sizeof(T)) == 0) return;
    char is[48], should[48];
    describe(*got.at(n, t, c, s), is, sizeof is);
    describe(*want.at(n, t, c, s), should, sizeof should);
    result = {false, n, t, c, s, ""};
    std::snprintf(result.text, sizeof result.text, "first wrong element [n=%td, t=%td, c=%td, s=%td] is %s, want %s", n,
                  t, c, s, is, should);
  });
  return result;
}

/// Random bytes of a fixed seed. As numbers, inputs are 1 to 100, and what stands where nothing was written yet 101 to
/// 127, so that it shows.
class numbers {
 public:
  template <class T>
  void input(T& value) {
    set(value, 1, 100);
  }
  template <class T>
  void noise(T& value) {
    set(value, 101, 27);
  }

 private:
  unsigned char next() noexcept {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<unsigned char>(state_ >> 24);
  }
  template <class T>
  void set(T& value, int least, int count) {
    if constexpr (std::is_arithmetic_v<T>) {
      value = static_cast<T>(next() % count + least);
    } else {
      unsigned char bytes[sizeof(T)];
      for (unsigned char& b : bytes) b = next();
      std::memcpy(std::addressof(value), bytes, sizeof(T));
    }
  }

  std::uint32_t state_ = 0x9e3779b9u;
};

enum class holds { input, noise };

/// A case's tensor in memory of its own, with a margin of noise on both sides.
template <class T>
class tensor {
 public:
  static constexpr std::size_t margin = 16;

  tensor(test_case const& one, numbers& next, holds what) : one_(&one), memory_(new T[total()]) {
    for (std::size_t i = 0; i < total(); ++i) {
      bool const margins = i < margin || i >= total() - margin;
      margins || what == holds::noise ? next.noise(memory_[i]) : next.input(memory_[i]);
    }
  }
  tensor(tensor const& other) : one_(other.one_), memory_(new T[total()]) {
    std::copy_n(other.memory_.get(), total(), memory_.get());
  }
  tensor& operator=(tensor const&) = delete;
  ~tensor() = default;

  /// What is in it now.
  tensor copy() const { return *this; }

  tensor_view<T> view() const {
    auto const count = one_->lengths != nullptr ? static_cast<std::size_t>(one_->dims.batch) : std::size_t{0};
    return {memory_.get() + margin, one_->dims, one_->order, std::span<index_t const>(one_->lengths, count)};
  }

  /// The first thing that is other than in `want`: an element, or what lies around the tensor.
  mismatch against(tensor const& want, char const* name) const {
    mismatch found = first_difference<T>(want.view(), view());
    if (!found) return found;
    for (std::size_t i = 0; i < total(); ++i) {
      // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): bytes are what is compared
      if (std::memcmp(&memory_[i], &want.memory_[i], sizeof(T)) == 0) continue;
      bool const before = i < margin;
      found.equal = false;
      std::snprintf(found.text, sizeof found.text, "element %zu %s of %s was written",
                    before ? margin - i : i - (total() - margin) + 1, before ? "before the beginning" : "past the end",
                    name);
      break;
    }
    return found;
  }

 private:
  std::size_t total() const noexcept { return static_cast<std::size_t>(one_->dims.size()) + 2 * margin; }

  test_case const* one_;
  std::unique_ptr<T[]> memory_;
};

/// What is wrong with an output, or else with an input that was written to.
template <class T>
mismatch judge(tensor<T> const& want, tensor<T> const& got, tensor<T> const& input_before, tensor<T> const& input,
               char const* output_name, char const* input_name) {
  mismatch const found = got.against(want, output_name);
  if (!found) return found;
  mismatch changed = input.against(input_before, input_name);
  if (!changed) {
    char text[sizeof changed.text];
    std::memcpy(text, changed.text, sizeof text);
    std::snprintf(changed.text, sizeof changed.text, "%s was changed: %.200s", input_name, text);
  }
  return changed;
}

/// Counts a case, and describes it if it is the first that is wrong.
inline void note(report& result, test_case const& one, mismatch const& found) {
  ++result.cases;
  if (found || result.failed++ > 0) return;
  int used = std::snprintf(result.first, sizeof result.first, "N=%td T=%td C=%td S=%td %s, padding %s%s, folds",
                           one.dims.batch, one.dims.time, one.dims.channels, one.dims.space, name_of(one.order),
                           name_of(one.plan.edge()), one.lengths != nullptr ? ", ragged" : "");
  for (fold const& f : one.plan.folds()) {
    auto const left = sizeof result.first - static_cast<std::size_t>(used);
    if (left < 284) break;  // room for the element
    used += std::snprintf(result.first + used, left, " {%td, %td, %+td}", f.begin, f.count, f.offset);
  }
  std::snprintf(result.first + used, sizeof result.first - static_cast<std::size_t>(used), ": %s", found.text);
}

/// Runs run(test_case const&, numbers&) -> mismatch over the cases of a scope.
template <class Run>
report over_cases(scope const& within, Run const& run) {
  report result;
  numbers next;
  for_each_case([&](test_case const& one) { note(result, one, run(one, next)); }, within);
  return result;
}

/// The frames that a stream has given when it has received `received`.
constexpr index_t given_after(index_t received, index_t latency) noexcept {
  return received > latency ? received - latency : 0;
}

inline mismatch wrong_count(char const* sequence, char const* call, index_t received, index_t is, index_t want) {
  mismatch result{false, 0, received, 0, 0, ""};
  std::snprintf(result.text, sizeof result.text, "%s%s after %td frames gave %td, want %td", sequence, call, received,
                is, want);
  return result;
}

/// One sequence through someone's stream, in chunks of 1, 0, 3, 2, 5 frames and so on.
template <class T, class Stream>
mismatch one_sequence(Stream& stream, test_case const& one, numbers& next, char const* sequence) {
  tensor<T> const input(one, next, holds::input), got(one, next, holds::noise);
  tensor<T> const before = input.copy(), want = got.copy();
  tensor_view<T const> const x = input.view();
  tensor_view<T> const y = got.view();
  reference::shift<T>(x, want.view(), one.plan);
  index_t const T_all = one.dims.time, latency = one.plan.latency();
  index_t received = 0, given = 0;
  constexpr index_t chunks[] = {1, 0, 3, 2, 5};
  for (int i = 0; received < T_all; ++i) {
    index_t const k = chunks[i % 5] < T_all - received ? chunks[i % 5] : T_all - received;
    index_t const due = given_after(received + k, latency) - given;
    index_t const gave = stream.push(x.slice_frames(received, k), y.slice_frames(given, due));
    received += k;
    if (gave != due) return wrong_count(sequence, "push", received, gave, due);
    given += due;
  }
  index_t const gave = stream.flush(y.slice_frames(given, T_all - given));
  if (gave != T_all - given) return wrong_count(sequence, "flush", received, gave, T_all - given);
  mismatch found = judge(want, got, before, input, "y", "x");
  if (!found && sequence[0] != '\0') {
    char text[sizeof found.text];
    std::memcpy(text, found.text, sizeof text);
    std::snprintf(found.text, sizeof found.text, "%s%.200s", sequence, text);
  }
  return found;
}

}}}}}  // namespace tshift::conformance::detail

#include <tshift/macros/back.hpp>
