// SPDX-License-Identifier: MIT
// The description of a shift: which channels move, by how many frames, and what fills the frames they vacate.
//
// One list of folds covers every fixed temporal shift that was published; presets name the published ones.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <span>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// A run of neighbouring channels and how far it moves along time:
///
///   y[n, t, c] = x[n, t - offset, c]   for c in [begin, begin + count)
///
/// offset > 0 delays (the past arrives; causal), offset < 0 advances (the future arrives), 0 changes nothing. Frames.
struct fold {
  index_t begin = 0;   ///< first channel
  index_t count = 0;   ///< number of channels
  index_t offset = 0;  ///< frames; > 0: the past arrives

  /// Same channels, same offset.
  friend TSHIFT_INLINE constexpr bool operator==(fold const& a, fold const& b) noexcept {
    return a.begin == b.begin && a.count == b.count && a.offset == b.offset;
  }
};

/// What a frame receives when its source lies outside [0, T).
enum class padding {
  zero,     ///< the fill value, T{} by default
  keep,     ///< its own frame: y[t] = x[t] (TPS; what ShiftSER's "repeat" intends)
  edge,     ///< the nearest frame: y[t] = x[0] or x[T - 1]
  circular  ///< the frame modulo T, as torch.roll does
};

/// Which way channels move.
enum class direction {
  delay,    ///< later: the past arrives
  advance,  ///< earlier: the future arrives
  both      ///< the first fold delays, the second advances
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// The enumerator as text: "zero", "keep", "edge" or "circular"; "?" for a value without a name.
constexpr char const* name_of(padding edge) noexcept {
  switch (edge) {
    case padding::zero: return "zero";
    case padding::keep: return "keep";
    case padding::edge: return "edge";
    case padding::circular: return "circular";
  }
  return "?";
}

/// The enumerator as text: "delay", "advance" or "both"; "?" for a value without a name.
constexpr char const* name_of(direction way) noexcept {
  switch (way) {
    case direction::delay: return "delay";
    case direction::advance: return "advance";
    case direction::both: return "both";
  }
  return "?";
}

namespace detail {

/// Throws shape_error unless the folds lie in [0, channels), do not overlap, and have offsets that can be negated.
constexpr void check_folds(index_t channels, fold const* folds, index_t count) {
  if (channels < 0) fail("shift_plan: channels = %td, must be >= 0", channels);
  for (index_t i = 0; i < count; ++i) {
    fold const f = folds[i];
    if (f.begin < 0 || f.count < 0) {
      fail("shift_plan: fold %td has begin %td and count %td, both must be >= 0", i, f.begin, f.count);
    }
    if (f.begin > channels || f.count > channels - f.begin) {
      fail("shift_plan: fold %td is channels [%td, %td + %td), must lie in [0, %td)", i, f.begin, f.begin, f.count,
           channels);
    }
    if (f.offset == std::numeric_limits<index_t>::min()) {
      fail("shift_plan: fold %td has offset %td, which has no opposite", i, f.offset);
    }
    for (index_t j = 0; j < i; ++j) {
      fold const g = folds[j];
      if (f.count > 0 && g.count > 0 && f.begin < g.begin + g.count && g.begin < f.begin + f.count) {
        fail("shift_plan: folds %td and %td overlap at channel %td", j, i, f.begin < g.begin ? g.begin : f.begin);
      }
    }
  }
}

}  // namespace detail

}}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V {

/// A checked list of folds with its padding: the whole meaning of a shift, apart from the data.
/// Channels outside every fold stay where they are. Constexpr, no heap, trivially copyable, same layout under all flags.
class shift_plan {
 public:
  /// The most folds a plan holds. Shift-GCN, the richest published shift, has eight.
  static constexpr index_t capacity = 16;

  /// A plan of no channels.
  TSHIFT_INLINE constexpr shift_plan() noexcept = default;

  /// @param channels  C >= 0 of the tensors this plan is for
  /// @param folds     at most `capacity`, inside [0, channels), not overlapping, in any order; a fold of no channels or
  ///                  of offset 0 is allowed and changes nothing; |offset| may exceed T
  /// @param edge      what fills the frames that a fold vacates
  /// @throws shape_error  naming the fold that is wrong; in a constant expression that is a compile error
  TSHIFT_INLINE constexpr shift_plan(index_t channels, std::initializer_list<fold> folds, padding edge = padding::zero)
      : shift_plan(channels, folds.begin(), static_cast<index_t>(folds.size()), edge) {}

  /// The same from a list whose length is known at run time.
  TSHIFT_INLINE constexpr shift_plan(index_t channels, std::span<fold const> folds, padding edge = padding::zero)
      : shift_plan(channels, folds.data(), static_cast<index_t>(folds.size()), edge) {}

  /// Number of channels of the tensors it is for.
  TSHIFT_INLINE constexpr index_t channels() const noexcept { return channels_; }

  /// The folds in the order they were given.
  TSHIFT_INLINE constexpr std::span<fold const> folds() const noexcept {
    return {folds_, static_cast<std::size_t>(count_)};
  }

  /// What fills the frames that a fold vacates.
  TSHIFT_INLINE constexpr padding edge() const noexcept { return edge_; }

  /// Number of channels that move: the sum of count over folds with an offset.
  TSHIFT_INLINE constexpr index_t moved() const noexcept {
    index_t sum = 0;
    for (index_t i = 0; i < count_; ++i) sum += folds_[i].offset != 0 ? folds_[i].count : 0;
    return sum;
  }

  /// Frames of future an output frame needs: the largest advance. A stream's output lags its input by this much.
  TSHIFT_INLINE constexpr index_t latency() const noexcept { return reach(-1); }

  /// Frames of past an output frame needs: the largest delay.
  TSHIFT_INLINE constexpr index_t history() const noexcept { return reach(+1); }

  /// The plan whose shift is the adjoint (transpose) of this one's: the same folds with opposite offsets.
  /// @throws shape_error  for padding keep and edge, whose adjoints add frames and so are no shift; shift_adjoint
  ///                      computes those
  TSHIFT_INLINE constexpr shift_plan adjoint() const {
    if (edge_ == padding::keep || edge_ == padding::edge) {
      detail::fail("shift_plan: the adjoint of padding %s is not a plan, use shift_adjoint", name_of(edge_));
    }
    return reversed(edge_);
  }

  /// The same folds with opposite offsets and the padding given.
  TSHIFT_INLINE constexpr shift_plan reversed(padding edge) const noexcept {
    shift_plan result = *this;
    for (index_t i = 0; i < count_; ++i) result.folds_[i].offset = -folds_[i].offset;
    result.edge_ = edge;
    return result;
  }

  /// Same channels, same folds in the same order, same padding.
  friend TSHIFT_INLINE constexpr bool operator==(shift_plan const& a, shift_plan const& b) noexcept {
    if (a.channels_ != b.channels_ || a.count_ != b.count_ || a.edge_ != b.edge_) return false;
    for (index_t i = 0; i < a.count_; ++i) {
      if (!(a.folds_[i] == b.folds_[i])) return false;
    }
    return true;
  }

 private:
  TSHIFT_INLINE constexpr shift_plan(index_t channels, fold const* folds, index_t count, padding edge)
      : channels_(channels), count_(count), edge_(edge) {
    if (count > capacity) {
      detail::fail("shift_plan: %td folds, must be <= %td", count, index_t{capacity});
    }
    if (edge < padding::zero || edge > padding::circular) {
      detail::fail("shift_plan: padding = %d, must be a named padding", static_cast<int>(edge));
    }
    detail::check_folds(channels, folds, count);
    for (index_t i = 0; i < count; ++i) folds_[i] = folds[i];
  }

  TSHIFT_INLINE constexpr index_t reach(index_t sign) const noexcept {
    index_t most = 0;
    for (index_t i = 0; i < count_; ++i) {
      index_t const frames = folds_[i].count > 0 ? sign * folds_[i].offset : 0;
      if (frames > most) most = frames;
    }
    return most;
  }

  index_t channels_ = 0;
  index_t count_ = 0;
  padding edge_ = padding::zero;
  fold folds_[capacity] = {};
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// Latency of shifts applied one after another, in frames: the sum, because each waits for the one before.
/// Bidirectional TSM in k layers: k frames.
/// @throws shape_error  the sum does not fit
constexpr index_t stacked_latency(std::span<shift_plan const> plans) {
  index_t sum = 0;
  for (shift_plan const& plan : plans) {
    if (plan.latency() > std::numeric_limits<index_t>::max() - sum) {
      detail::fail("stacked_latency: the sum must fit in 2^%d - 1 frames", detail::index_bits);
    }
    sum += plan.latency();
  }
  return sum;
}

/// The same for plans given one by one.
template <std::same_as<shift_plan>... Plan>
constexpr index_t stacked_latency(Plan const&... plans) {
  shift_plan const list[] = {plans..., shift_plan()};
  return stacked_latency(std::span<shift_plan const>(list));
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
