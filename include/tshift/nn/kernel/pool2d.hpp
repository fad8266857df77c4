// SPDX-License-Identifier: MIT
// Pixels under a window combined into one, a vector of channels at a time. A shift of x only changes pointers.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// The larger of two numbers; NaN where one of them is.
struct larger_of {
  template <class Batch>
  TSHIFT_INLINE Batch operator()(Batch const& a, Batch const& b) const noexcept {
    Batch const larger = xsimd::select(b > a, b, a);  // a where a is NaN
    // cppcheck-suppress duplicateExpression  // NaN alone is not what it is
    return xsimd::select(b == b, larger, b);
  }
};

struct sum_of_two {
  template <class Batch>
  TSHIFT_INLINE Batch operator()(Batch const& a, Batch const& b) const noexcept {
    return a + b;
  }
};

/// Rows of an image under a window, some channels of each.
template <class T>
struct window_lines {
  static constexpr index_t most = 8;  // more take a second pass over y

  T const* line[static_cast<std::size_t>(most)];  // the first pixel of the image's row; null: zeros
  index_t lines, taps;                            // taps pixels of each
  index_t step;                                   // elements from one pixel to the next
};

/// y[c] = (First ? nothing : y[c]) combined with every pixel from `offset` on, in ascending order.
template <class Arch, bool First, class T, class Combine>
void combine_window(window_lines<T> const& x, index_t offset, index_t channels, Combine const& combine, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  auto const all = [&x, &combine, offset](index_t c, batch value, auto const& load) {
    for (index_t k = 0; k < x.lines; ++k) {
      for (index_t l = First && k == 0 ? 1 : 0; l < x.taps; ++l) {
        value = combine(value, x.line[k] != nullptr ? load(x.line[k] + offset + l * x.step + c) : batch(T(0)));
      }
    }
    return value;
  };
  T const* const first = x.line[0] != nullptr ? x.line[0] + offset : nullptr;
  auto const start = [y, first](index_t c, auto const& load) {
    if (!First) return load(static_cast<T const*>(y) + c);
    return first != nullptr ? load(first + c) : batch(T(0));
  };
  index_t c = 0;
  auto const whole = [](T const* p) { return batch::load_unaligned(p); };
  for (; c + lanes <= channels; c += lanes) all(c, start(c, whole), whole).store_unaligned(y + c);
  if (c == channels) return;
  auto const part = [rest = channels - c](T const* p) { return load_part<Arch>(p, rest, T(0)); };
  store_part<Arch>(all(c, start(c, part), part), y + c, channels - c);
}

/// Row t of image n of y: all windows that begin in one row of S x, whose taps all lie inside the image.
/// @param body  body(lines, done, offset, run, p): a window's pixels of the rows from `done` on, of the channels of a
///              run, that stand `offset` elements behind those of the first window; p is the window's number
template <class T, class Body>
void for_windows(shifted_view<T> const& x, window_axis const& time, window_axis const& space, index_t n, index_t t,
                 index_t places, Body const& body) {
  index_t const step = x.base().strides.space;
  for (index_t i = 0; i < x.runs_per_frame(); ++i) {
    for (index_t done = 0; done < time.taps; done += window_lines<T>::most) {
      window_lines<T> lines;
      lines.lines = time.taps - done < window_lines<T>::most ? time.taps - done : window_lines<T>::most;
      lines.taps = space.taps;
      lines.step = step;
      for (index_t k = 0; k < lines.lines; ++k) lines.line[k] = x.run(n, t * time.stride + done + k, i).data;
      for (index_t p = 0; p < places; ++p) body(lines, done, p * space.stride * step, x.segment(i), p);
    }
  }
}

/// All of y; zeros past the end of a sequence.
/// @param divide  what every element is divided by
template <class Executor, class T, class Combine>
void pool_images(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, window_axis const& time,
                 window_axis const& space, Combine const& combine, T divide) {
  index_t const places = y.shape.space, channels = y.shape.channels;
  auto const split =
      split_for<Executor>({y.shape.batch * y.shape.time, 4 * time.taps * space.taps * channels * places, 1});
  for_parts(exec, split.parts, [&x, &y, &time, &space, &combine, &split, divide, places, channels](index_t part) {
    using arch = xsimd::default_arch;
    for (index_t line = split.begin(part); line < split.end(part); ++line) {
      index_t const n = line / y.shape.time, t = line % y.shape.time;
      if (t < time.count(x.base().length(n))) {
        for_windows(x, time, space, n, t, places,
                    [&y, &combine, n, t](auto const& lines, index_t done, index_t offset, auto const& run, index_t p) {
                      T* const to = y.at(n, t, run.begin, p);
                      if (done == 0) {
                        combine_window<arch, true>(lines, offset, run.count, combine, to);
                      } else {
                        combine_window<arch, false>(lines, offset, run.count, combine, to);
                      }
                    });
        if (divide == T(1)) continue;
        xsimd::batch<T, arch> const by(divide);
        for (index_t p = 0; p < places; ++p) {
          T* const to = y.at(n, t, 0, p);
          map<arch>(
              channels, to, [&by](auto const& v) { return v / by; }, to);
        }
      } else {
        clear_line(y, n, t);
      }
    }
  });
}

}}}}  // namespace tshift::nn::kernel
