// SPDX-License-Identifier: MIT
// Windows over images made one pixel each, and the way back: which of a window's pixels was the largest is kept, and a
// pixel of x collects what the windows over it have for it. Nothing is added to dx by several tasks.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/kernel/pool2d.hpp>
#include <tshift/train/kernel/images.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// y[c] = (First ? nothing : y[c]) against every pixel from `offset` on, as larger_of; at[c] = the number of the one
/// that y[c] is: the first of equals, and of NaNs the last, as PyTorch has it.
/// @param tap  number of the first pixel
template <class Arch, bool First, class T>
void largest_of_window(window_lines<T> const& x, index_t offset, index_t channels, index_t tap, T* y, T* at) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  auto const all = [&x, offset, tap](index_t c, batch& value, batch& place, auto const& load) {
    for (index_t k = 0; k < x.lines; ++k) {
      for (index_t l = 0; l < x.taps; ++l) {
        batch const next = x.line[k] != nullptr ? load(x.line[k] + offset + l * x.step + c) : batch(T(0));
        batch const number(static_cast<T>(tap + k * x.taps + l));
        bool const begins = First && k == 0 && l == 0;
        // As larger_of: a NaN is known by not being equal to itself, not by being unequal, which xsimd has it not.
        batch const of_larger = xsimd::select(next > value, number, place);
        place = begins ? number : xsimd::select(next == next, of_larger, number);
        value = begins ? next : larger_of()(value, next);
      }
    }
  };
  auto const start = [](T const* from, auto const& load) { return First ? batch(T(0)) : load(from); };
  index_t c = 0;
  auto const whole = [](T const* p) { return batch::load_unaligned(p); };
  for (; c + lanes <= channels; c += lanes) {
    batch value = start(y + c, whole), place = start(at + c, whole);
    all(c, value, place, whole);
    value.store_unaligned(y + c);
    place.store_unaligned(at + c);
  }
  if (c == channels) return;
  auto const part = [rest = channels - c](T const* p) { return load_part<Arch>(p, rest, T(0)); };
  batch value = start(y + c, part), place = start(at + c, part);
  all(c, value, place, part);
  store_part<Arch>(value, y + c, channels - c);
  store_part<Arch>(place, at + c, channels - c);
}

/// All of y, zeros past the end of a sequence; and of `at` what belongs to sequences.
/// @param at  [N, frames, places, C]
template <class Executor, class T>
void max_pool_images(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, window_axis const& time,
                     window_axis const& space, T* at) {
  index_t const places = y.shape.space, each = places * y.shape.channels;
  auto const split = split_for<Executor>({y.shape.batch * y.shape.time, 8 * time.taps * space.taps * each, 1});
  for_parts(exec, split.parts, [&x, &y, &time, &space, &split, at, places, each](index_t part) {
    for (index_t line = split.begin(part); line < split.end(part); ++line) {
      index_t const n = line / y.shape.time, t = line % y.shape.time;
      if (t < time.count(x.base().length(n))) {
        auto const one = [&y, &space, first = at + line * each, n, t](auto const& lines, index_t done, index_t offset,
                                                                      auto const& run, index_t p) {
          using arch = xsimd::default_arch;
          index_t const tap = done * space.taps;
          T *const to = y.at(n, t, run.begin, p), *const place = first + p * y.shape.channels + run.begin;
          if (done == 0) {
            largest_of_window<arch, true>(lines, offset, run.count, tap, to, place);
          } else {
            largest_of_window<arch, false>(lines, offset, run.count, tap, to, place);
          }
        };
        for_windows(x, time, space, n, t, places, one);
      } else {
        clear_line(y, n, t);
      }
    }
  });
}

/// Those of `windows` windows that pixel `at` of an axis lies under.
constexpr window_run windows_over(window_axis const& axis, index_t at, index_t windows) noexcept {
  index_t const first = at < axis.taps ? 0 : (at - axis.taps) / axis.stride + 1;
  index_t const last = at / axis.stride < windows ? at / axis.stride : windows - 1;
  return {first, last < first ? 0 : last - first + 1};
}

/// dx of frames inside sequences, 0 for others: each pixel the sum of what the windows over it have for it.
/// @param lengths  a view with the lengths of x
/// @param add      add(to, dy, count, row, begin, tap): dy of channels [begin, begin + count) of pixel number `row` of
///                 y, numbered through all images, whose pixel number `tap` this is
/// @param end      end(pixel of dx), once the sum is complete
template <class Executor, class T, class Add, class End>
void pool_back(Executor& exec, tensor_view<T const> const& lengths, shifted_view<T> const& dy, tensor_view<T> const& dx,
               window_axis const& time, window_axis const& space, Add const& add, End const& end) {
  index_t const channels = dx.shape.channels;
  auto const split = split_for<Executor>({dx.shape.batch * dx.shape.time, 8 * dx.shape.space * channels, 1});
  auto const one_line = [&lengths, &dy, &dx, &time, &space, &add, &end, channels](index_t n, index_t t) {
    shape const& y = dy.shape();
    window_run const above = windows_over(time, t, time.count(lengths.length(n)));
    for (index_t p = 0; p < dx.shape.space; ++p) {
      window_run const beside = windows_over(space, p, y.space);
      T* const to = dx.at(n, t, 0, p);
      for (index_t c = 0; c < channels; ++c) to[c] = T(0);
      for (index_t w = above.begin; w < above.begin + above.count; ++w) {
        for (index_t i = 0; i < dy.runs_per_frame(); ++i) {
          channel_run<T> const run = dy.run(n, w, i);
          for (index_t v = beside.begin; v < beside.begin + beside.count && run.data != nullptr; ++v) {
            index_t const row = (n * y.time + w) * y.space + v;
            index_t const tap = (t - w * time.stride) * space.taps + p - v * space.stride;
            add(to + run.begin, run.data + v * dy.base().strides.space, run.count, row, run.begin, tap);
          }
        }
      }
      end(to);
    }
  };
  for_parts(exec, split.parts, [&lengths, &dx, &split, &one_line](index_t part) {
    for (index_t line = split.begin(part); line < split.end(part); ++line) {
      index_t const n = line / dx.shape.time, t = line % dx.shape.time;
      if (t < lengths.length(n)) {
        one_line(n, t);
      } else {
        clear_line(dx, n, t);
      }
    }
  });
}

}}}}  // namespace tshift::train::kernel
