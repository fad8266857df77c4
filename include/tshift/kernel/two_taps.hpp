// SPDX-License-Identifier: MIT
// The weighted shifts: y[t] = u x[t - i] + v x[t - j], with offsets and weights of its own for each channel. This file
// has how neighbouring channels are read, a register at a time.
//
// Neighbours may want different frames: an offset drawn from [-1, 1) is on either side of 0. A register of y reads as many
// registers of x as its channels have different offsets, and picks its lanes from them; those rows were read a frame ago
// or will be read in a frame, so that they come from the cache, and memory sees x and y once.
#pragma once

#include <cstddef>

#include <tshift/kernel/lanes.hpp>
#include <tshift/kernel/tap_rule.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// What a channel of y is made from: y[t] = weight[0] x[t - offset[0]] + weight[1] x[t - offset[1]].
template <class T>
struct two_taps {
  index_t offset[2];
  T weight[2];

  /// What its adjoint is made from, where the adjoint is a shift.
  constexpr two_taps reversed() const noexcept { return {{-offset[0], -offset[1]}, {weight[0], weight[1]}}; }
};

/// Neighbouring channels that fit a register, and lie in one run of the shift that x is read through.
template <class T, class Arch>
struct tap_group {
  static constexpr index_t width = lanes<T, Arch>::width;
  /// With more kinds it takes less to fetch lane by lane than to pick from registers. (Not by gathers: processors that
  /// are patched against leaks through them need a hundred nanoseconds for one.)
  static constexpr index_t most_picked = 3 * width / 4;

  index_t begin, count;  // channels
  index_t kinds;         // different pairs of offsets
  inner_frames inner;
  bool fills;           // a whole register
  bool scattered;       // of so many kinds that each lane is fetched by itself; steps are then those of lanes
  bool weighs;          // no weight is 0
  index_t run, beside;  // of x, and of what is multiplied with it
  index_t beside_step;  // elements from frame t to what is multiplied with it
  index_t step[static_cast<std::size_t>(width)][2];  // elements of x from frame t to the frames of a kind
  index_t offset[static_cast<std::size_t>(width)][2];
  T kind[static_cast<std::size_t>(width)];
  T weight[2][static_cast<std::size_t>(width)];

  /// Channels [first, end), read through runs of x, and of `with` or null.
  template <class TapOf>
  void set(index_t first, index_t end, shifted_view<T> const& x, shifted_view<T> const* with, bool sums,
           TapOf const& tap_of) noexcept {
    begin = first;
    count = end - first;
    fills = count == width;
    weighs = true;
    kinds = 0;
    inner = {};
    index_t const time = x.shape().time;
    for (index_t lane = 0; lane < width; ++lane) {
      two_taps<T> const tap = lane < count ? tap_of(first + lane) : two_taps<T>{{0, 0}, {T(1), T(0)}};
      index_t which = 0;
      if (lane < count) {
        while (which < kinds && (offset[which][0] != tap.offset[0] || offset[which][1] != tap.offset[1])) ++which;
        if (which == kinds) add_kind(tap, x, sums);
      }
      kind[lane] = static_cast<T>(which);
      for (int i = 0; i < 2; ++i) {
        weight[i][lane] = tap.weight[i];
        weighs = weighs && tap.weight[i] != T(0);
      }
    }
    scattered = fills && kinds > most_picked;
    for (index_t lane = width; scattered && lane-- > 0;) {
      auto const which = static_cast<index_t>(kind[lane]);
      for (int i = 0; i < 2; ++i) step[lane][i] = step_of(offset[which][i], x);
    }
    if (with == nullptr) return;
    index_t const through = with->segment(beside).offset;
    inner.include(0, through, time, false);
    beside_step = inner.low < time ? -through * with->base().strides.time : 0;
  }

 private:
  void add_kind(two_taps<T> const& tap, shifted_view<T> const& x, bool sums) noexcept {
    index_t const time = x.shape().time, through = x.segment(run).offset;
    for (int i = 0; i < 2; ++i) {
      offset[kinds][i] = tap.offset[i];
      inner.include(tap.offset[i], through, time, sums);
      step[kinds][i] = step_of(tap.offset[i], x);
    }
    ++kinds;
  }
  index_t step_of(index_t o, shifted_view<T> const& x) const noexcept {
    return inner.low < x.shape().time ? -(o + x.segment(run).offset) * x.base().strides.time : 0;
  }
};

/// As many groups as are at hand at a time: those of 768 channels, in a stack's room.
template <class T, class Arch>
struct tap_groups {
  static constexpr index_t most = (index_t{40} << 10) / index_t{sizeof(tap_group<T, Arch>)};
  index_t count = 0;
  tap_group<T, Arch> items[static_cast<std::size_t>(most)];

  /// Channels from `first` on, at most up to `until`. Returns where they end.
  /// @param beside  what is read at the same channels, or null
  /// @param head    a channel where a whole group may begin; so may those a multiple of the width away
  template <class TapOf>
  index_t fill(index_t first, index_t until, shifted_view<T> const& x, shifted_view<T> const* beside, bool sums,
               index_t head, TapOf const& tap_of) noexcept {
    constexpr index_t width = tap_group<T, Arch>::width;
    for (count = 0; first < until && count < most; ++count) {
      tap_group<T, Arch>& group = items[count];
      index_t end = first + width - (first + width - head) % width;
      if (end > until) end = until;
      group.run = run_at(x, first, end);
      group.beside = beside != nullptr ? run_at(*beside, first, end) : 0;
      group.set(first, end, x, beside, sums, tap_of);
      first = end;
    }
    return first;
  }

 private:
  /// The run that channel `first` lies in; end is cut where that ends.
  static index_t run_at(shifted_view<T> const& x, index_t first, index_t& end) noexcept {
    index_t i = 0;
    while (first >= x.segment(i).begin + x.segment(i).count) ++i;
    index_t const until = x.segment(i).begin + x.segment(i).count;
    if (until < end) end = until;
    return i;
  }
};

/// Registers of x at the taps of a group: what its channels read at frame t < length of sequence n.
template <class T, class Arch>
class tap_reader {
 public:
  using numbers = lanes<T, Arch>;
  struct pair {
    numbers first, second;
  };

  tap_reader(shifted_view<T> const& x, tap_rule rule) noexcept : x_(x), rule_(rule) {}

  /// A whole register inside the sequence.
  /// @param own  frame t of x's memory, at the group's first channel
  TSHIFT_INLINE static pair inner(tap_group<T, Arch> const& g, T const* own) noexcept {
    if (g.scattered) return lane_by_lane(g, own);
    pair tap{numbers::load(own + g.step[0][0]), numbers::load(own + g.step[0][1])};
    if (g.kinds == 1) return tap;
    numbers const kind = numbers::load(g.kind);
    T which = T(0);
    for (index_t k = 1; k < g.kinds; ++k) {
      which += T(1);
      tap.first = numbers::pick(kind, which, numbers::load(own + g.step[k][0]), tap.first);
      tap.second = numbers::pick(kind, which, numbers::load(own + g.step[k][1]), tap.second);
    }
    return tap;
  }

  /// Any group in any frame.
  /// @param row  frame t of x's memory
  pair any(tap_group<T, Arch> const& g, T const* row, index_t n, index_t t, index_t length, index_t s) const noexcept {
    bool const inside = g.inner.has(t, length);
    numbers const kind = numbers::load(g.kind);
    pair tap{numbers::all(T(0)), numbers::all(T(0))};
    for (index_t k = 0; k < g.kinds; ++k) {
      auto const read = [this, &g, row, n, t, length, s, k, inside](int i) {
        return inside ? load_some<numbers>(row + g.begin + g.step[k][i], g.count)
                      : series(g, rule_.frames(t, g.offset[k][i], length), n, s);
      };
      tap.first = numbers::pick(kind, static_cast<T>(k), read(0), tap.first);
      tap.second = numbers::pick(kind, static_cast<T>(k), read(1), tap.second);
    }
    return tap;
  }

  /// A frame of x, through the shift. @param at  the group's run
  numbers frame(tap_group<T, Arch> const& g, index_t at, index_t n, index_t t, index_t s) const noexcept {
    channel_run<T> const run = x_.run(n, t, at);
    if (run.data == nullptr) return numbers::all(T(0));
    return load_some<numbers>(run.data + (g.begin - run.begin) + s * x_.base().strides.space, g.count);
  }

 private:
  static pair lane_by_lane(tap_group<T, Arch> const& g, T const* own) noexcept {
    T lane[2][static_cast<std::size_t>(numbers::width)];
    for (index_t i = 0; i < numbers::width; ++i) {
      lane[0][i] = own[i + g.step[i][0]];
      lane[1][i] = own[i + g.step[i][1]];
    }
    return {numbers::load(lane[0]), numbers::load(lane[1])};
  }

  /// The sum of some frames. Begins with the first, not with zero, which would change a minus zero and a signalling NaN.
  numbers series(tap_group<T, Arch> const& g, frame_series const& from, index_t n, index_t s) const noexcept {
    if (from.count == 0) return numbers::all(T(0));
    numbers sum = frame(g, g.run, n, from.first, s);
    for (index_t k = 1; k < from.count; ++k) sum = sum + frame(g, g.run, n, from.first + k * from.step, s);
    return sum;
  }

  shifted_view<T> const& x_;
  tap_rule rule_;
};

}}}}  // namespace tshift::kernel
