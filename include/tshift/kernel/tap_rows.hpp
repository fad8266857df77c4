// SPDX-License-Identifier: MIT
// The weighted shifts where channels are neighbours in memory: row by row, forth and back.
#pragma once

#include <cstddef>
#include <cstring>

#include <tshift/kernel/two_taps.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// What frames behind a sequence's length become.
enum class behind { copied, zero };

/// How rows are written: `around` the caches where whole registers are aligned, those from channel `head` on.
struct row_stores {
  bool around = false;
  index_t head = 0;
};

/// A group that is no whole register, or in a frame near an end.
template <class T, class Arch>
[[gnu::noinline]] void tap_outer(tap_group<T, Arch> const& g, tap_reader<T, Arch> const& x, T const* from, T* to,
                                 index_t n, index_t t, index_t length, index_t s) noexcept {
  using numbers = lanes<T, Arch>;
  auto const tap = x.any(g, from, n, t, length, s);
  numbers const u = numbers::load(g.weight[0]), v = numbers::load(g.weight[1]);
  store_some(numbers::blend(u, tap.first, v, tap.second), to + g.begin, g.count);
}

/// The channels of some groups in frame t < length: to = weights times taps.
/// @param from  frame t of x's memory
template <class T, class Arch>
TSHIFT_INLINE void tap_row(tap_groups<T, Arch> const& groups, tap_reader<T, Arch> const& x, T const* from, T* to,
                           index_t n, index_t t, index_t length, index_t s, bool around) noexcept {
  using numbers = lanes<T, Arch>;
  for (index_t i = 0; i < groups.count; ++i) {
    auto const& g = groups.items[i];
    if (!g.fills || !g.inner.has(t, length)) {
      tap_outer(g, x, from, to, n, t, length, s);
      continue;
    }
    auto const tap = x.inner(g, from + g.begin);
    numbers const u = numbers::load(g.weight[0]), v = numbers::load(g.weight[1]);
    numbers const result =
        g.weighs ? numbers::sum(u, tap.first, v, tap.second) : numbers::blend(u, tap.first, v, tap.second);
    if (around) {
      prefetch(reinterpret_cast<std::byte const*>(from + g.begin), prefetch_bytes);
      result.store_around(to + g.begin);
    } else {
      result.store(to + g.begin);
    }
  }
}

template <class T>
void row_behind(behind rest, T const* from, T* to, index_t count) noexcept {
  auto const bytes = static_cast<std::size_t>(count) * sizeof(T);
  rest == behind::copied ? std::memcpy(to, from, bytes) : std::memset(to, 0, bytes);
}

/// Rows [first, last) of y, numbered through all sequences, frames and places in space; copies behind lengths.
template <class Arch, class T, class TapOf>
void tap_rows(shifted_view<T> const& x, tensor_view<T> const& y, tap_rule rule, row_stores stores, index_t first,
              index_t last, TapOf const& tap_of) noexcept {
  tensor_view<T const> const& memory = x.base();
  tap_reader<T, Arch> const reader(x, rule);
  tap_groups<T, Arch> groups;
  index_t const C = y.shape.channels, S = y.shape.space, time = y.shape.time;
  for (index_t begin = 0, end = 0; begin < C; begin = end) {
    end = groups.fill(begin, C, x, nullptr, rule.sums, stores.head, tap_of);
    for (index_t row = first; row < last; ++row) {
      index_t const s = row % S, t = row / S % time, n = row / S / time, length = memory.length(n);
      T const* const from = memory.at(n, t, 0, s);
      T* const to = y.at(n, t, 0, s);
      if (t < length) {
        tap_row(groups, reader, from, to, n, t, length, s, stores.around);
      } else {
        row_behind(behind::copied, from + begin, to + begin, end - begin);
      }
    }
  }
  if (stores.around) streaming_fence();
}

/// What a backward pass reads and writes, rows all of them. Lengths are those of x.
template <class T>
struct tap_gradients {
  shifted_view<T> const& x;
  shifted_view<T> const& dy;
  tensor_view<T> dx;  ///< written, zero behind lengths; or no data
  T* slopes;          ///< added to
  T factor;           ///< of what is added
  tap_rule forth, back;
  row_stores stores;

  /// slopes[c] += factor * sum over n, t of dy[t] (x at the second tap - x at the first), and dx = weights times taps of
  /// dy, for channels [first, last): one pass over x, dy and dx. A sequence is summed by itself, frame by frame.
  /// @param tap_of   taps of x whose difference is the slope
  /// @param back_of  taps of dy that are dx
  template <class Arch, class TapOf, class BackOf>
  void channels(index_t first, index_t last, TapOf const& tap_of, BackOf const& back_of) const noexcept {
    tap_reader<T, Arch> const reader(x, forth), above(dy, back);
    tap_groups<T, Arch> groups, returning;
    sums_of<Arch> sums;
    returning.count = 0;
    for (index_t end = 0; first < last; first = end) {
      end = groups.fill(first, last, x, &dy, forth.sums, stores.head, tap_of);
      if (dx.data != nullptr) {
        [[maybe_unused]] index_t const same = returning.fill(first, last, dy, &x, back.sums, stores.head, back_of);
        TSHIFT_ASSERT(same == end);  // both are cut where either has a run
      }
      for (index_t n = 0; n < x.shape().batch; ++n)
        sequence<Arch>(groups, returning, reader, above, n, first, end, sums);
    }
    if (stores.around) streaming_fence();
  }

 private:
  template <class Arch>
  struct sums_of {
    T items[static_cast<std::size_t>(tap_groups<T, Arch>::most)][static_cast<std::size_t>(lanes<T, Arch>::width)];
  };

  template <class Arch>
  [[gnu::noinline]] static void outer_slope(tap_group<T, Arch> const& g, tap_reader<T, Arch> const& x,
                                            tap_reader<T, Arch> const& dy, T const* from, index_t n, index_t t,
                                            index_t length, index_t s, T* sum) noexcept {
    using numbers = lanes<T, Arch>;
    auto const tap = x.any(g, from, n, t, length, s);
    numbers const each = dy.frame(g, g.beside, n, t, s);
    numbers::add_slope(numbers::load(sum), each, tap.first, tap.second).store(sum);
  }

  template <class Arch>
  void sequence(tap_groups<T, Arch> const& groups, tap_groups<T, Arch> const& returning,
                tap_reader<T, Arch> const& reader, tap_reader<T, Arch> const& above, index_t n, index_t first,
                index_t end, sums_of<Arch>& sums) const noexcept {
    using numbers = lanes<T, Arch>;
    tensor_view<T const> const& memory = x.base();
    index_t const length = memory.length(n);
    for (index_t i = 0; i < groups.count; ++i) numbers::all(T(0)).store(sums.items[i]);
    for (index_t t = 0; t < x.shape().time; ++t) {
      for (index_t s = 0; s < x.shape().space; ++s) {
        if (t >= length) {
          if (dx.data != nullptr) row_behind<T>(behind::zero, nullptr, dx.at(n, t, first, s), end - first);
          continue;
        }
        T const* const from = memory.at(n, t, 0, s);
        T const* const with = dy.base().at(n, t, 0, s);
        for (index_t i = 0; i < groups.count; ++i) {
          auto const& g = groups.items[i];
          T* const sum = sums.items[i];
          if (g.fills && g.inner.has(t, length)) {
            auto const tap = reader.inner(g, from + g.begin);
            numbers const each = numbers::load(with + g.begin + g.beside_step);
            numbers::add_slope(numbers::load(sum), each, tap.first, tap.second).store(sum);
          } else {
            outer_slope(g, reader, above, from, n, t, length, s, sum);
          }
        }
        if (dx.data == nullptr) continue;
        tap_row(returning, above, with, dx.at(n, t, 0, s), n, t, length, s, stores.around);
      }
    }
    for (index_t i = 0; i < groups.count; ++i) {
      auto const& g = groups.items[i];
      for (index_t c = 0; c < g.count; ++c) slopes[g.begin + c] += factor * sums.items[i][c];
    }
  }
};

}}}}  // namespace tshift::kernel
