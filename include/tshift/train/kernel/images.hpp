// SPDX-License-Identifier: MIT
// What the gradients of images share: pixels as rows, and frames without a gradient.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

using namespace nn::kernel;  // training reads images as inference does

/// A length that is known, whatever a view says.
struct known_length {
  index_t frames = 0;

  template <class T>
  index_t operator()(tensor_view<T> const& /*x*/, index_t /*n*/) const noexcept {
    return frames;
  }
};

/// Channels [channel, channel + channels) of the pixels of S x, one a row: of each of its rows `places` from `place`
/// on. Frames from `inside` on are zeros.
template <class T>
image_windows<T, known_length> pixel_rows(shifted_view<T> const& x, index_t channel, index_t channels, index_t place,
                                          index_t places, index_t inside) noexcept {
  window_axis const one{1, 1, 0, 0}, from_place{1, 1, -place, 0};
  return {x, one, from_place, channel, channels, x.shape().time, places, {inside}};
}

/// Zeros in frames [begin, end) of sequence n.
template <class T>
void clear_frames(tensor_view<T> const& y, index_t n, index_t begin, index_t end) noexcept {
  for (index_t t = begin; t < end; ++t) clear_line(y, n, t);
}

/// The pixels of an axis that lie a whole number of strides after `first`, which is less than the stride: `count` of
/// them. They meet the same taps of a convolution, every stride-th, and their gradient is a convolution of dy with
/// stride 1: its windows are `windows`.
struct axis_phase {
  index_t first, count;
  index_t tap;          // the first that is met
  window_axis windows;  // taps 0: none is met

  /// Of an axis of `size` pixels, whose windows are those of `axis`.
  constexpr axis_phase(window_axis const& axis, index_t pixel, index_t size) noexcept
      : first(pixel), count(pixel < size ? (size - pixel - 1) / axis.stride + 1 : 0),
        tap((pixel + axis.before) % axis.stride) {
    // Pixel `first` lies under tap `tap` of window `slot`, and under the later taps of the windows before that.
    index_t const slot = (pixel + axis.before) / axis.stride, taps = taps_of(axis, tap);
    windows = {taps, 1, taps - 1 - slot, 0};
  }

  /// Taps tap, tap + stride, ...
  static constexpr index_t taps_of(window_axis const& axis, index_t tap) noexcept {
    return tap < axis.taps ? (axis.taps - tap - 1) / axis.stride + 1 : 0;
  }
  /// How many of these all earlier first taps have.
  static constexpr index_t taps_before(window_axis const& axis, index_t tap) noexcept {
    index_t const rest = axis.taps % axis.stride;
    return tap * (axis.taps / axis.stride) + (tap < rest ? tap : rest);
  }
};

}}}}  // namespace tshift::train::kernel
