// SPDX-License-Identifier: MIT
// Offsets of a learned shift as a list of numbers: how they begin, what keeps them small, and what plan they have become.
//
//   std::vector<float> offsets(C);
//   start_uniform(std::span(offsets), seed);                        or start_zero, start_from(offsets, presets::...)
//   loss += add_offset_penalty<float>(offsets, 1e-4f, gradients);   draws offsets to 0: channels that need not move, stay
//   share_moved<float>(offsets)                                     what proportion the network has chosen
//   shift(x, y, rounded<float>(offsets));                           afterwards: a plan, which costs nothing
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <tshift/learned_shift.hpp>
#include <tshift/plan.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// The plan of the nearest integers (of two the later): each run of neighbouring channels with one offset is a fold, and
/// channels that round to 0 stay.
/// @throws shape_error  an offset is not finite or beyond 2^30, or there are more folds than shift_plan::capacity: then
///                      learned_shift with interpolation::nearest computes the same
template <class T>
shift_plan rounded(std::span<T const> offsets, padding edge = padding::zero) {
  auto const channels = static_cast<index_t>(offsets.size());
  detail::check_offsets("rounded", offsets, channels);
  fold folds[shift_plan::capacity];
  index_t count = 0, end = -1;
  for (index_t c = 0; c < channels; ++c) {
    index_t const offset = kernel::split_offset<T>(offsets[static_cast<std::size_t>(c)]).nearest();
    if (offset == 0) continue;
    bool const longer = count > 0 && end == c && folds[std::min(count, shift_plan::capacity) - 1].offset == offset;
    end = c + 1;
    if (longer && count <= shift_plan::capacity) ++folds[count - 1].count;
    if (longer) continue;
    if (count < shift_plan::capacity) folds[count] = {c, 1, offset};
    ++count;
  }
  if (count > shift_plan::capacity) {
    detail::fail(
        "rounded: the offsets make more than %td folds, which is what a plan holds; use learned_shift with "
        "interpolation::nearest",
        index_t{shift_plan::capacity});
  }
  return {channels, std::span<fold const>(folds, static_cast<std::size_t>(count)), edge};
}

/// Share of the channels whose offset rounds to another frame than their own; 0 of none.
template <class T>
double share_moved(std::span<T const> offsets) {
  auto const channels = static_cast<index_t>(offsets.size());
  detail::check_offsets("share_moved", offsets, channels);
  index_t moved = 0;
  for (T const a : offsets) moved += kernel::split_offset<T>(a).nearest() != 0 ? 1 : 0;
  return channels > 0 ? static_cast<double>(moved) / static_cast<double>(channels) : 0;
}

/// The L1 penalty factor * sum of |a|, and gradients[c] += factor * sign of a (0 at 0).
/// @param gradients  one for each offset
template <class T>
T add_offset_penalty(std::span<T const> offsets, T factor, std::span<T> gradients) {
  if (offsets.size() != gradients.size()) {
    detail::fail("add_offset_penalty: gradients has %td elements, offsets has %td",
                 static_cast<index_t>(gradients.size()), static_cast<index_t>(offsets.size()));
  }
  T sum = T(0);
  for (std::size_t c = 0; c < offsets.size(); ++c) {
    T const a = offsets[c];
    sum += a < T(0) ? -a : a;
    if (a != T(0)) gradients[c] += a < T(0) ? -factor : factor;
  }
  return factor * sum;
}

/// The penalty alone.
template <class T>
T offset_penalty(std::span<T const> offsets, T factor) noexcept {
  T sum = T(0);
  for (T const a : offsets) sum += a < T(0) ? -a : a;
  return factor * sum;
}

/// Every channel where it is. The slope at 0 is the one to the right, so that all learn from the past first.
template <class T>
void start_zero(std::span<T> offsets) noexcept {
  std::fill(offsets.begin(), offsets.end(), T(0));
}

/// Drawn from [-1, 1), the same numbers for one seed everywhere, in float and double.
template <class T>
void start_uniform(std::span<T> offsets, std::uint64_t seed) noexcept {
  for (std::size_t c = 0; c < offsets.size(); ++c) {
    // SplitMix64 of (seed, c): Steele, Lea, Flood 2014.
    std::uint64_t const number = c + 1;
    std::uint64_t z = seed + number * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    offsets[c] = static_cast<T>(static_cast<double>(z >> 40) * 0x1p-23 - 1);
  }
}

/// Those of a plan: start_from(offsets, presets::shiftser(C, n_div, direction::both)) is the paper's +-1.
/// @throws shape_error  the plan is for another number of channels, or has an offset beyond 2^30
template <class T>
void start_from(std::span<T> offsets, shift_plan const& plan) {
  auto const count = static_cast<index_t>(offsets.size());
  if (plan.channels() != count) {
    detail::fail("start_from: plan has %td channels, offsets has %td elements", plan.channels(), count);
  }
  for (fold const& f : plan.folds()) {
    if (f.count > 0 && kernel::magnitude(f.offset) > kernel::offset_limit) {
      detail::fail("start_from: plan has offset %td, must be within 2^30 frames", f.offset);
    }
  }
  start_zero(offsets);
  for (fold const& f : plan.folds()) {
    auto const part = offsets.subspan(static_cast<std::size_t>(f.begin), static_cast<std::size_t>(f.count));
    std::fill(part.begin(), part.end(), static_cast<T>(f.offset));
  }
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
