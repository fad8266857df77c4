// SPDX-License-Identifier: MIT
// Sizes, distances and orders of a tensor [batch, time, channels, space], apart from anybody's memory.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Sizes of a tensor. Any may be 0. space is H * W of video, 1 for speech and text.
struct shape {
  index_t batch = 1;     ///< N
  index_t time = 0;      ///< T, frames
  index_t channels = 0;  ///< C
  index_t space = 1;     ///< S

  /// Number of elements. Whether that fits is checked where a view is made.
  TSHIFT_INLINE constexpr index_t size() const noexcept { return batch * time * channels * space; }

  /// Equal in all four.
  friend TSHIFT_INLINE constexpr bool operator==(shape const& a, shape const& b) noexcept {
    return a.batch == b.batch && a.time == b.time && a.channels == b.channels && a.space == b.space;
  }
};

/// Order of the dimensions in dense memory, outermost first: n batch, t time, c channels, s space.
enum class layout {
  ntcs,        ///< NTCHW, and what PyTorch's [N T, C, H, W] is
  ntsc,        ///< NTHWC
  ncts,        ///< NCTHW
  tncs,        ///< time first
  ntc = ntcs,  ///< [N, T, C] where space is 1
  nct = ncts,  ///< [N, C, T] where space is 1
  tnc = tncs   ///< [T, N, C] where space is 1
};

/// Distance in elements between neighbours along each dimension. Any sign; 0 repeats one element (inputs only).
struct strides {
  index_t batch = 0;     ///< from sequence to sequence
  index_t time = 0;      ///< from frame to frame
  index_t channels = 0;  ///< from channel to channel
  index_t space = 0;     ///< from place to place

  /// Equal in all four.
  friend TSHIFT_INLINE constexpr bool operator==(strides const& a, strides const& b) noexcept {
    return a.batch == b.batch && a.time == b.time && a.channels == b.channels && a.space == b.space;
  }
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// The enumerator as text: "ntcs", "ntsc", "ncts" or "tncs"; "?" for a value without a name.
constexpr char const* name_of(layout order) noexcept {
  switch (order) {
    case layout::ntcs: return "ntcs";
    case layout::ntsc: return "ntsc";
    case layout::ncts: return "ncts";
    case layout::tncs: return "tncs";
  }
  return "?";
}

namespace detail {

/// The dimensions as messages call them, in the order of shape and strides.
inline constexpr char const* dimension_names[] = {"batch", "time", "channels", "space"};

/// Steps of dense memory. @throws shape_error  the layout has no name
constexpr strides dense_strides(shape const& dims, layout order) {
  index_t const N = dims.batch, T = dims.time, C = dims.channels, S = dims.space;
  switch (order) {
    case layout::ntcs: return {T * C * S, C * S, S, 1};
    case layout::ntsc: return {T * S * C, S * C, 1, C};
    case layout::ncts: return {C * T * S, S, T * S, 1};
    case layout::tncs: return {C * S, N * C * S, S, 1};
  }
  fail("tensor_view: layout = %d, must be a named layout", static_cast<int>(order));
}

}  // namespace detail

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
