// SPDX-License-Identifier: MIT
// Sources of rows that are windows over images [N, T, F, C]: time is the height, space F the width, and the channels of
// a pixel are neighbours. No window is copied, and no image is copied to have zeros around it.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/nn/options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Those of `windows` windows, [begin, end), whose pixel number `tap` lies in an axis of `size` pixels.
struct windows_inside {
  index_t begin, end;

  constexpr windows_inside(window_axis const& axis, index_t tap, index_t size, index_t windows) noexcept
      : begin(windows_before(axis.before - tap, axis.stride)),
        end(windows_before(size + axis.before - tap, axis.stride)) {
    if (end > windows) end = windows;
    if (begin > end) begin = end;
  }

 private:
  /// Windows that begin before pixel `at`.
  static constexpr index_t windows_before(index_t at, index_t stride) noexcept {
    return at > 0 ? (at + stride - 1) / stride : 0;
  }
};

/// Neighbouring windows along an axis.
struct window_run {
  index_t begin, count;
};

/// The windows of `windows` whose pixels all lie in an axis of `size` pixels.
constexpr window_run whole_windows(window_axis const& axis, index_t size, index_t windows) noexcept {
  windows_inside const first(axis, 0, size, windows), last(axis, axis.taps - 1, size, windows);
  return {first.begin, last.end > first.begin ? last.end - first.begin : 0};
}

/// The taps of window number `window` that lie in an axis of `size` pixels.
struct taps_inside {
  index_t begin, end;

  constexpr taps_inside(window_axis const& axis, index_t window, index_t size) noexcept
      : begin(axis.before - window * axis.stride), end(begin + size) {
    if (begin < 0) begin = 0;
    if (end > axis.taps) end = axis.taps;
    if (end < begin) end = begin;
  }
  constexpr index_t count() const noexcept { return end - begin; }
};

/// row[i] = first + i * step.
template <class T>
void fill_rows(T const** row, index_t count, T const* first, index_t step) noexcept {
  for (index_t i = 0; i < count; ++i) row[i] = first + i * step;
}

/// Windows over S x. Row (n, t, p) is pixels (t time.stride - time.before + k, p space.stride - space.before + l) side
/// by side, l fastest, of each the channels [channel, channel + channels). Pixels outside an image are zeros.
/// @tparam Lengths  gives the frames of sequence n
template <class T, class Lengths = own_lengths>
struct image_windows {
  shifted_view<T> const& x;
  window_axis time, space;
  index_t channel, channels;
  index_t frames, places;  // of y
  Lengths length_of = {};

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* nothing) const noexcept {
    table.pieces = 0;
    index_t done = 0;
    while (done < count && table.pieces + x.runs_per_frame() <= piece_capacity) {
      index_t const tap = (begin + done) / channels, from = (begin + done) % channels;
      index_t const wanted = channels - from < count - done ? channels - from : count - done;
      for (index_t i = 0; i < x.runs_per_frame(); ++i) {
        add_run(table, first, rows, tap, i, channel + from, wanted, done, nothing);
      }
      done += wanted;
    }
    return done;
  }

 private:
  /// The part of run number i that lies in channels [from, from + wanted), under one tap.
  void add_run(row_block<T>& table, index_t first, index_t rows, index_t tap, index_t i, index_t from, index_t wanted,
               index_t at, T const* nothing) const noexcept {
    auto const& run = x.segment(i);
    overlap_of_runs const part(run.begin, run.count, from, wanted);
    if (part.empty()) return;
    T const** row = table.add(at + part.begin - from, part.size()).row;
    tensor_view<T const> const& v = x.base();
    index_t const across = tap % space.taps, step = v.strides.space;
    windows_inside const inside(space, across, v.shape.space, places);
    index_t n = first / places / frames, t = first / places % frames, p = first % places;
    while (rows > 0) {
      index_t const until = places - p < rows ? places : p + rows;  // of the image's row
      index_t const from_t = t * time.stride - time.before + tap / space.taps;
      bool const there = inside.begin < inside.end && from_t >= 0 && from_t < length_of(v, n);
      T const* const line = there ? channel_at<T>(x, n, from_t, i, part.begin, nullptr) : nullptr;
      index_t const begin = line == nullptr || inside.begin > until ? until : inside.begin > p ? inside.begin : p;
      index_t const end = inside.end < begin ? begin : inside.end < until ? inside.end : until;
      fill_rows(row, begin - p, nothing, 0);
      if (begin < end) {
        T const* const pixel = line + (begin * space.stride - space.before + across) * step;
        fill_rows(row + (begin - p), end - begin, pixel, space.stride * step);
      }
      fill_rows(row + (end - p), until - end, nothing, 0);
      row += until - p;
      rows -= until - p;
      p = 0;
      if (++t == frames) {
        t = 0;
        ++n;
      }
    }
  }
};

/// Calls body(first, pixels, sink) for pixels [begin, end) of y, numbered through all images row by row, in the longest
/// runs that lie at one stride.
template <class T, class Body>
void for_pixels(tensor_view<T> const& y, index_t begin, index_t end, Body const& body) {
  index_t const frames = y.shape.time, places = y.shape.space;
  if (begin >= end) return;
  if (places == 1) return for_rows(y, begin, end, body);
  if (frames == 1 || y.strides.time == places * y.strides.space) {
    tensor_view<T> all = y;
    all.shape = {y.shape.batch, frames * places, y.shape.channels};
    all.strides.time = y.strides.space;
    return for_rows(all, begin, end, body);
  }
  for (index_t pixel = begin; pixel < end;) {
    index_t const line = pixel / places, p = pixel % places;
    index_t const some = end - pixel < places - p ? end - pixel : places - p;
    body(pixel, some, row_sink<T>{y.at(line / frames, line % frames, 0, p), y.strides.space});
    pixel += some;
  }
}

/// Zeros in row t of image n.
template <class T>
void clear_line(tensor_view<T> const& y, index_t n, index_t t) noexcept {
  for (index_t p = 0; p < y.shape.space; ++p) {
    T* const pixel = y.at(n, t, 0, p);
    for (index_t c = 0; c < y.shape.channels; ++c) pixel[c] = T(0);
  }
}

}}}}  // namespace tshift::nn::kernel
