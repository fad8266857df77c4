// SPDX-License-Identifier: MIT
// A convolution over images that makes one channel of many, or very few: a product would fill a vector of outputs with
// zeros. Here the lanes of a vector are channels of x, and are added up at the end.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Weights as the loop reads them: [output][tap][channels, in whole vectors].
template <class T, class Arch>
struct thin_conv2d {
  static constexpr index_t lanes = lanes_of<T, Arch>;
  static constexpr index_t together = lanes;                         // places whose sums are a vector
  static constexpr index_t chains = lanes < 8 ? lanes : index_t(8);  // of them, those that read a weight together

  conv2d_options options;
  T const* weight;
  T const* bias;

  /// Whether this is faster than a product: its vector would be a quarter full at most.
  static constexpr bool fits(conv2d_options const& o) noexcept {
    return o.groups == 1 && o.inputs >= lanes && 4 * o.outputs <= lanes;
  }

  index_t padded() const noexcept { return (options.inputs + lanes - 1) / lanes * lanes; }
  index_t taps() const noexcept { return options.time.taps * options.space.taps; }
  index_t size() const noexcept { return options.outputs * taps() * padded(); }

  /// @param from  from[i] is element i of PyTorch's [outputs, inputs, taps]
  template <class Weight>
  void pack(Weight const& from, T* to) const {
    for (index_t o = 0; o < options.outputs; ++o) {
      for (index_t tap = 0; tap < taps(); ++tap) {
        for (index_t c = 0; c < padded(); ++c) {
          *to++ = c < options.inputs ? from[(o * options.inputs + c) * taps() + tap] : T(0);
        }
      }
    }
  }

  /// All of y, zeros past the end of a sequence.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, activation const& f) const {
    index_t const work = taps() * padded() * options.outputs * y.shape.space;
    auto const split = split_for<Executor>({y.shape.batch * y.shape.time, work, 1});
    for_parts(exec, split.parts, [this, &x, &y, &f, &split](index_t part) {
      for (index_t row = split.begin(part); row < split.end(part); ++row) {
        index_t const n = row / y.shape.time, t = row % y.shape.time;
        if (t < options.time.count(x.base().length(n))) {
          line(x, n, t, y, f);
        } else {
          clear_line(y, n, t);
        }
      }
    });
  }

 private:
  using batch = xsimd::batch<T, Arch>;

  /// Row t of image n of y: a vector of places at a time where all taps are inside, one by one at the edges.
  void line(shifted_view<T> const& x, index_t n, index_t t, tensor_view<T> const& y,
            activation const& f) const noexcept {
    window_axis const &time = options.time, &space = options.space;
    index_t const top = t * time.stride - time.before, width = x.shape().space;
    taps_inside const down(time, t, x.base().length(n));
    window_run const whole = whole_windows(space, width, y.shape.space);
    index_t const until = x.moves() || whole.count < together ? whole.begin : whole.begin + whole.count;
    for (index_t p = 0; p < y.shape.space;) {
      bool const several = p >= whole.begin && p < until;
      if (several && until - p < together) p = until - together;  // some of them once more
      index_t const first = p * space.stride - space.before;
      taps_inside const across(space, p, width);
      if (several) {
        places<together>(x, n, top, first, down, across, y, t, p);
      } else {
        places<1>(x, n, top, first, down, across, y, t, p);
      }
      p += several ? together : 1;
    }
    for (index_t p = 0; p < y.shape.space && f.which != activation::kind::none; ++p) {
      activate<Arch>(f, options.outputs, y.at(n, t, 0, p), y.at(n, t, 0, p));
    }
  }

  /// Places [p, p + Count) of y, whose first window begins at frame `top` and place `first` of x. Count is 1 or lanes.
  template <index_t Count>
  void places(shifted_view<T> const& x, index_t n, index_t top, index_t first, taps_inside const& down,
              taps_inside const& across, tensor_view<T> const& y, index_t t, index_t p) const noexcept {
    T const* w = weight;
    for (index_t o = 0; o < options.outputs; ++o, w += taps() * padded()) {
      batch sum[static_cast<std::size_t>(Count)];
      for (index_t j = 0; j < Count; j += chains) {
        add_up<(Count < chains ? Count : chains)>(x, n, top, first + j * options.space.stride, down, across, w,
                                                  sum + j);
      }
      T all[static_cast<std::size_t>(Count * lanes)];
      for (index_t j = 0; j < Count; ++j) sum[j].store_unaligned(all + j * lanes);
      add_lanes<lanes, Count>(all);
      for (index_t j = 0; j < Count; ++j) y(n, t, o, p + j) = bias[o] + all[j];
    }
  }

  /// values[j] = sum of the Width values from values[j * Width] on, j in [0, Count), half by half: chains as short as
  /// can be, and adds side by side.
  template <index_t Width, index_t Count>
  static void add_lanes(T* values) noexcept {
    if constexpr (Width > 1) {
      constexpr index_t half = Width / 2;
      T sums[static_cast<std::size_t>(Count * half)];
#pragma GCC unroll 16
      for (index_t j = 0; j < Count; ++j) {
#pragma GCC unroll 8
        for (index_t i = 0; i < half; ++i) sums[j * half + i] = values[j * Width + i] + values[j * Width + half + i];
      }
      add_lanes<half, Count>(sums);
      for (index_t j = 0; j < Count; ++j) values[j] = sums[j];
    }
  }

  /// to[j], j in [0, Count): the sums of a window's products, each in the lane of its channel.
  template <index_t Count>
  TSHIFT_INLINE void add_up(shifted_view<T> const& x, index_t n, index_t top, index_t first, taps_inside const& down,
                            taps_inside const& across, T const* w, batch* to) const noexcept {
    index_t const rest = options.inputs % lanes, step = options.space.stride * x.base().strides.space;
    // Taps side by side in memory are read as one that has all of their channels.
    index_t const taps = rest == 0 && x.base().strides.space == options.inputs ? across.count() : 1;
    index_t const whole = options.inputs * taps - rest;
    batch sum[static_cast<std::size_t>(Count)];
#pragma GCC unroll 8
    for (index_t j = 0; j < Count; ++j) sum[j] = batch(T(0));
    for (index_t k = down.begin; k < down.end; ++k) {
      for (index_t l = across.begin; l < across.end; l += taps) {
        T const* const by = w + (k * options.space.taps + l) * padded();
        if (Count == 1 && x.moves()) {
          for (index_t i = 0; i < taps; ++i) {
            sum[0] = moved_pixel(x, n, top + k, first + l + i, by + i * padded(), sum[0]);
          }
          continue;
        }
        T const* const pixel = x.base().at(n, top + k, 0, first + l);
        for (index_t c = 0; c < whole; c += lanes) {
          batch const factor = batch::load_unaligned(by + c);
#pragma GCC unroll 8
          for (index_t j = 0; j < Count; ++j) {
            sum[j] = xsimd::fma(batch::load_unaligned(pixel + j * step + c), factor, sum[j]);
          }
        }
        if (rest == 0) continue;
        batch const factor = batch::load_unaligned(by + whole);
#pragma GCC unroll 8
        for (index_t j = 0; j < Count; ++j) {
          sum[j] = xsimd::fma(load_part<Arch>(pixel + j * step + whole, rest, T(0)), factor, sum[j]);
        }
      }
    }
#pragma GCC unroll 8
    for (index_t j = 0; j < Count; ++j) to[j] = sum[j];
  }

  /// sum + w x of a pixel of S x, whose channels may come from several frames; each in its lane.
  batch moved_pixel(shifted_view<T> const& x, index_t n, index_t t, index_t p, T const* w, batch sum) const noexcept {
    for (index_t c = 0; c < padded(); c += lanes) {
      T part[static_cast<std::size_t>(lanes)];
      for (index_t i = 0; i < lanes; ++i) part[i] = c + i < options.inputs ? x(n, t, c + i, p) : T(0);
      sum = xsimd::fma(batch::load_unaligned(part), batch::load_unaligned(w + c), sum);
    }
    return sum;
  }
};

}}}}  // namespace tshift::nn::kernel
