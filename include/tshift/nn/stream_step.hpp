// SPDX-License-Identifier: MIT
// A network fed frame by frame is a row of steps. What a step says of itself, and what it is called with.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>

#include <tshift/nn/options.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// One step: frame u of what it makes depends on the frames of its input that window number u covers.
struct stream_step {
  index_t inputs = 0;       ///< elements of a frame that it reads
  index_t outputs = 0;      ///< elements of a frame that it makes
  window_axis window = {};  ///< along time
  index_t carried = 0;      ///< elements that it takes from one frame of a sequence to the next

  /// Frames before frame u * stride that frame u depends on.
  TSHIFT_INLINE constexpr index_t history() const noexcept { return window.before; }
  /// Frames after it.
  TSHIFT_INLINE constexpr index_t latency() const noexcept { return window.taps - 1 - window.before; }
  /// Frames that are kept for windows to come.
  TSHIFT_INLINE constexpr index_t kept() const noexcept { return window.taps - 1; }

  /// Frames that it has made of so many, with more to come.
  TSHIFT_INLINE constexpr index_t made_of(index_t frames) const noexcept {
    index_t const room = frames + window.before - window.taps;
    return frames == 0 || room < 0 ? 0 : room / window.stride + 1;
  }
};

/// The window of a step that needs so many frames on either side of its own.
constexpr window_axis window_of(index_t history, index_t latency) noexcept {
  return {history + latency + 1, 1, history, latency};
}

/// What a step is called with, to make some frames: those of its input that are known, and which of them are meant.
template <class T>
struct stream_frames {
  tensor_view<T const> x;  ///< [N, frames, inputs]
  index_t from;            ///< frame of x that window.before counts from, for the first frame of y
  index_t frame;           ///< number of that frame of y in its sequence
  T* carried;              ///< [N, carried]
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
