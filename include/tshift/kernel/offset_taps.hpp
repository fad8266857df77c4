// SPDX-License-Identifier: MIT
// A real offset as two taps: the frames around it and their weights.
#pragma once

#include <cstddef>
#include <limits>

#include <tshift/kernel/two_taps.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// No offset may be further from 0 than this: training has diverged long before.
inline constexpr index_t offset_limit = index_t{1} << 30;

/// offset = whole + part, part in [0, 1). An offset so little below an integer that the part rounds to 1 is that integer.
template <class T>
struct split_offset {
  index_t whole;
  T part;

  constexpr explicit split_offset(T offset) noexcept : whole(static_cast<index_t>(offset)), part(0) {
    if (static_cast<T>(whole) > offset) --whole;
    part = offset - static_cast<T>(whole);
    if (part == T(1)) {
      ++whole;
      part = T(0);
    }
  }

  /// The nearest integer; of two the later.
  constexpr index_t nearest() const noexcept { return part < T(0.5) ? whole : whole + 1; }
};

/// The frames on either side of an offset. The slope along the offset is x at the second less x at the first: at an
/// integer that is the slope to the right.
template <class T>
constexpr two_taps<T> around(T offset) noexcept {
  split_offset<T> const at(offset);
  return {{at.whole, at.whole + 1}, {T(1) - at.part, at.part}};
}

/// The frame nearest to an offset, alone.
template <class T>
constexpr two_taps<T> nearest_to(T offset) noexcept {
  index_t const whole = split_offset<T>(offset).nearest();
  return {{whole, whole}, {T(1), T(0)}};
}

}}}}  // namespace tshift::kernel
