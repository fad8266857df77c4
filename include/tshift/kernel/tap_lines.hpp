// SPDX-License-Identifier: MIT
// The weighted shifts in every other memory order: a channel has one pair of weights, and is read along time or along
// space, whichever is nearer.
#pragma once

#include <cstddef>

#include <tshift/kernel/tap_rows.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Elements at one distance from each other.
template <class T>
struct strided {
  T* data;
  index_t step;

  strided from(index_t i) const noexcept { return {data + i * step, step}; }
};

/// A register of some strided elements, put together.
template <class Lanes, class T>
Lanes load_strided(strided<T const> const& x, index_t i, index_t count) noexcept {
  T padded[static_cast<std::size_t>(Lanes::width)] = {};
  for (index_t k = 0; k < count; ++k) padded[k] = x.data[(i + k) * x.step];
  return Lanes::load(padded);
}

template <class Lanes, class T>
void store_strided(Lanes const& numbers, strided<T> const& y, index_t i, index_t count) noexcept {
  T padded[static_cast<std::size_t>(Lanes::width)];
  numbers.store(padded);
  for (index_t k = 0; k < count; ++k) y.data[(i + k) * y.step] = padded[k];
}

/// y[i] = u a[i] + v b[i] for a line of `size`.
template <class Lanes, class T>
void blend_line(index_t size, Lanes const& u, strided<T const> a, Lanes const& v, strided<T const> b,
                strided<T> y) noexcept {
  index_t i = 0;
  if (a.step == 1 && b.step == 1 && y.step == 1) {
    for (; i + Lanes::width <= size; i += Lanes::width) {
      Lanes::blend(u, Lanes::load(a.data + i), v, Lanes::load(b.data + i)).store(y.data + i);
    }
  }
  for (; i < size; i += Lanes::width) {
    index_t const count = size - i < Lanes::width ? size - i : Lanes::width;
    auto const one = load_strided<Lanes>(a, i, count), two = load_strided<Lanes>(b, i, count);
    store_strided(Lanes::blend(u, one, v, two), y, i, count);
  }
}

/// sum + g[i] (b[i] - a[i]) over a line, lane by lane.
template <class Lanes, class T>
Lanes slope_of_line(index_t size, Lanes sum, strided<T const> g, strided<T const> a, strided<T const> b) noexcept {
  index_t i = 0;
  if (g.step == 1 && a.step == 1 && b.step == 1) {
    for (; i + Lanes::width <= size; i += Lanes::width) {
      sum = Lanes::add_slope(sum, Lanes::load(g.data + i), Lanes::load(a.data + i), Lanes::load(b.data + i));
    }
  }
  for (; i < size; i += Lanes::width) {
    index_t const count = size - i < Lanes::width ? size - i : Lanes::width;
    sum = Lanes::add_slope(sum, load_strided<Lanes>(g, i, count), load_strided<Lanes>(a, i, count),
                           load_strided<Lanes>(b, i, count));
  }
  return sum;
}

/// Where a line begins, and which way it goes.
struct line_place {
  index_t t, s;
  bool along_space;

  template <class T>
  strided<T> in(tensor_view<T> const& x, index_t n, index_t c) const noexcept {
    return {x.at(n, t, c, s), along_space ? x.strides.space : x.strides.time};
  }
};

/// Walks channel c of sequence n in lines: visit(place, count, first tap, second tap).
/// @param like  the operand whose order is followed
template <class T, class Like, class Visit>
void for_tap_lines(tensor_view<T const> const& x, tensor_view<Like> const& like, tap_rule rule, two_taps<T> const& tap,
                   index_t n, index_t c, Visit const& visit) noexcept {
  constexpr index_t block = 256;
  index_t const S = x.shape.space, length = x.length(n);
  bool const along_space = S > 1 && magnitude(like.strides.space) <= magnitude(like.strides.time);
  inner_frames inner;
  for (index_t const offset : tap.offset) inner.include(offset, 0, x.shape.time, rule.sums);
  index_t const low = inner.low < length ? inner.low : length;
  index_t const high = length - inner.high > low ? length - inner.high : low;
  auto const inside = [&x, &tap, &visit, n, c, along_space](index_t t, index_t s, index_t count) {
    line_place const at{t, s, along_space};
    line_place const one{t - tap.offset[0], s, along_space}, two{t - tap.offset[1], s, along_space};
    visit(at, count, one.in(x, n, c), two.in(x, n, c));
  };
  // Frames near the ends: another line of x, or put together element by element.
  auto const outside = [&x, &rule, &tap, &visit, n, c, length, along_space](index_t t, index_t s, index_t size) {
    for (index_t done = 0; done < size; done += block) {
      index_t const count = size - done < block ? size - done : block;
      line_place const at{along_space ? t : t + done, along_space ? s + done : s, along_space};
      T values[2][block];
      strided<T const> from[2];
      for (int i = 0; i < 2; ++i) {
        frame_series frames = rule.frames(at.t, tap.offset[i], length);
        if (along_space && frames.count == 1) {
          from[i] = line_place{frames.first, at.s, true}.in(x, n, c);
          continue;
        }
        from[i] = {values[i], 1};
        for (index_t k = 0; k < count; ++k) {
          index_t const place = along_space ? at.s + k : s;
          if (!along_space) frames = rule.frames(at.t + k, tap.offset[i], length);
          T sum = frames.count > 0 ? x(n, frames.first, c, place) : T(0);
          for (index_t m = 1; m < frames.count; ++m) sum += x(n, frames.first + m * frames.step, c, place);
          values[i][k] = sum;
        }
      }
      visit(at, count, from[0], from[1]);
    }
  };
  if (along_space) {
    for (index_t t = 0; t < low; ++t) outside(t, 0, S);
    for (index_t t = low; t < high; ++t) inside(t, 0, S);
    for (index_t t = high; t < length; ++t) outside(t, 0, S);
    return;
  }
  for (index_t s = 0; s < S; ++s) {
    outside(0, s, low);
    if (high > low) inside(low, s, high - low);
    outside(high, s, length - high);
  }
}

/// Channels [first, last) of y, numbered through all sequences; copies behind lengths.
template <class Arch, class T, class TapOf>
void tap_lines(tensor_view<T const> const& x, tensor_view<T> const& y, tap_rule rule, index_t first, index_t last,
               TapOf const& tap_of) noexcept {
  using numbers = lanes<T, Arch>;
  for (index_t unit = first; unit < last; ++unit) {
    index_t const n = unit / y.shape.channels, c = unit % y.shape.channels;
    two_taps<T> const tap = tap_of(c);
    numbers const u = numbers::all(tap.weight[0]), v = numbers::all(tap.weight[1]);
    for_tap_lines(x, y, rule, tap, n, c,
                  [&y, &u, &v, n, c](line_place const& at, index_t size, strided<T const> const& a,
                                     strided<T const> const& b) { blend_line(size, u, a, v, b, at.in(y, n, c)); });
    for (index_t t = x.length(n); t < x.shape.time; ++t) {
      for (index_t s = 0; s < x.shape.space; ++s) y(n, t, c, s) = x(n, t, c, s);
    }
  }
}

/// slopes[c] as tap_gradients has it. A sequence is summed by itself, in as many chains as a register has numbers.
template <class Arch, class T, class TapOf>
void line_slopes(tensor_view<T const> const& x, tensor_view<T const> const& dy, tap_rule rule, T factor, T* slopes,
                 index_t first, index_t last, TapOf const& tap_of) noexcept {
  using numbers = lanes<T, Arch>;
  for (index_t c = first; c < last; ++c) {
    two_taps<T> const tap = tap_of(c);
    for (index_t n = 0; n < x.shape.batch; ++n) {
      numbers sum = numbers::all(T(0));
      for_tap_lines(
          x, x, rule, tap, n, c,
          [&dy, &sum, n, c](line_place const& at, index_t size, strided<T const> const& a, strided<T const> const& b) {
            sum = slope_of_line(size, sum, at.in(dy, n, c), a, b);
          });
      T each[static_cast<std::size_t>(numbers::width)], total = T(0);
      sum.store(each);
      for (T const one : each) total += one;
      slopes[c] += factor * total;
    }
  }
}

}}}}  // namespace tshift::kernel
