// SPDX-License-Identifier: MIT
// Which frames a weighted shift and its adjoint read, and where that is simple.
#pragma once

#include <cstddef>

#include <tshift/kernel/geometry.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Frames first, first + step, ..., `count` of them.
struct frame_series {
  index_t first, step, count;
};

/// Which frames a tap reads: those that a shift by `offset` takes frame t from; or, for the adjoint of a shift by -offset
/// with padding keep or edge, all frames that this one took from frame t, in ascending order.
struct tap_rule {
  padding edge;
  bool sums = false;

  /// Of y = ... x, or of its adjoint.
  static constexpr tap_rule of(padding edge, bool adjoint) noexcept {
    return {edge, adjoint && (edge == padding::keep || edge == padding::edge)};
  }

  /// For t < length.
  constexpr frame_series frames(index_t t, index_t offset, index_t length) const noexcept {
    if (!sums || offset == 0) {
      index_t const from = frame_at(t, offset, length, edge);
      return {from, 1, from >= 0 ? 1 : 0};
    }
    bool const delays = offset < 0;  // the shift that this is the adjoint of
    index_t const reach = magnitude(offset);
    bool const inside = delays ? reach < length - t : reach <= t;
    if (edge == padding::edge && t == (delays ? 0 : length - 1)) {
      index_t const count = reach < length ? reach + 1 : length;
      return {delays ? 0 : length - count, 1, count};
    }
    bool const own = edge == padding::keep && (delays ? t < reach : reach > length - 1 - t);
    if (!inside) return {t, 1, own ? 1 : 0};
    if (!own) return {t - offset, 1, 1};
    return {delays ? t : t - reach, reach, 2};
  }
};

/// Frames [low, length - high), whose taps are all one frame inside the sequence: at t - offset.
struct inner_frames {
  index_t low = 0, high = 0;

  /// @param through  offset of a shift that x is read through
  /// @param time     frames of the tensor: what reaches as far has no inner frames
  constexpr void include(index_t offset, index_t through, index_t time, bool sums) noexcept {
    if (magnitude(offset) >= time || magnitude(through) >= time) {
      low = time;
      return;
    }
    for (index_t const o : {offset, offset + through}) {
      if (o > low) low = o;
      if (-o > high) high = -o;
    }
    if (sums) low = high = low > high ? low : high;
  }
  constexpr bool has(index_t t, index_t length) const noexcept { return t >= low && t < length - high; }
};

}}}}  // namespace tshift::kernel
