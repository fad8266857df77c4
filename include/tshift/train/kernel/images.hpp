// SPDX-License-Identifier: MIT
// What the gradients of images share: pixels and strips of windows as rows, and frames without a gradient.
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

/// image_windows for places [place, place + width) of y alone, that have the same taps inside the image: those of a
/// frame are one run of memory, which spares a table of many short pieces where channels are few. Row i is place
/// i % width of y's row i / width, numbered through all images. Pixels of x lie side by side, and are not shifted.
template <class T, class Lengths = own_lengths>
struct strip_windows {
  tensor_view<T const> const& x;
  window_axis time, space;
  index_t frames;        // of y
  index_t place, width;  // of y
  Lengths length_of = {};

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* nothing) const noexcept {
    table.pieces = 0;
    index_t const C = x.shape.channels, corner = place * space.stride - space.before, line = space.taps * C;
    // Elements [inside_from, inside_until) of a line of the window lie in the image.
    index_t const inside_from = at_most(space.taps, -corner) * C;
    index_t const inside_until = at_most(space.taps, x.shape.space - corner) * C;
    // Of a line: what the table must have room for. One where all taps are inside, so that 33 lines go at once.
    index_t const parts =
        (inside_from > 0 ? 1 : 0) + (inside_from < inside_until ? 1 : 0) + (inside_until < line ? 1 : 0);
    index_t done = 0;
    while (done < count && table.pieces + parts <= piece_capacity) {
      index_t const down = (begin + done) / line, from = (begin + done) % line;
      index_t const until = line - from < count - done ? line : from + count - done;
      overlap_of_runs const left(0, inside_from, from, until - from), right(inside_until, line, from, until - from);
      overlap_of_runs const inside(inside_from, inside_until - inside_from, from, until - from);
      if (!left.empty()) fill_rows(table.add(done, left.size()).row, rows, nothing, 0);
      if (!inside.empty()) {
        add_lines(table.add(done + inside.begin - from, inside.size()).row, first, rows, down,
                  corner * C + inside.begin, nothing);
      }
      if (!right.empty()) fill_rows(table.add(done + right.begin - from, right.size()).row, rows, nothing, 0);
      done += until - from;
    }
    return done;
  }

 private:
  static constexpr index_t at_most(index_t most, index_t i) noexcept { return i < 0 ? 0 : i < most ? i : most; }

  /// @param offset  from the first element of a frame to what place 0 reads
  void add_lines(T const** row, index_t first, index_t rows, index_t down, index_t offset,
                 T const* nothing) const noexcept {
    index_t n = first / width / frames, t = first / width % frames, p = first % width;
    index_t const step = space.stride * x.shape.channels;
    while (rows > 0) {
      index_t const some = width - p < rows ? width - p : rows, from = t * time.stride - time.before + down;
      if (from >= 0 && from < length_of(x, n)) {
        fill_rows(row, some, x.at(n, from, 0) + offset + p * step, step);
      } else {
        fill_rows(row, some, nothing, 0);
      }
      row += some;
      rows -= some;
      p = 0;
      if (++t == frames) {
        t = 0;
        ++n;
      }
    }
  }
};

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
