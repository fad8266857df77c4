// SPDX-License-Identifier: MIT
// A convolution over images as a product: the rows of its left side are windows that overlap, and its right side is
// packed as that of conv1d, whose taps are all of the window's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tshift/nn/kernel/conv1d.hpp>
#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/kernel/strips.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Channels up to which the taps of a row are read as one run of memory where they can be: a piece of a table costs as
/// much as about 16 of its steps (measured, Sapphire Rapids).
inline constexpr index_t channels_of_strips = 32;

/// Whether that is worth it: most of the places have all taps inside the image.
constexpr bool worth_strips(conv2d_options const& o, index_t space, index_t places) noexcept {
  bool const few = o.groups == 1 && o.inputs <= channels_of_strips;
  return few && 2 * whole_windows(o.space, space, places).count >= places;
}

/// Whether weights of bf16 are only rounded, and kept as T: those of few channels, which are few, and read as strips.
constexpr bool only_rounded(conv2d_options const& o) noexcept {
  return o.groups == 1 && o.inputs <= channels_of_strips;
}

/// Weights as kernels read them.
/// @tparam Lengths  gives the frames of a sequence of x; where that is not the view's business, y has no zeros either
template <class T, class Lengths = own_lengths>
struct conv2d_weights {
  using arch = xsimd::default_arch;

  conv2d_options options;
  T const* matrices;
  T const* biases;
  Lengths length_of = {};
  index_t image = 0;                     // of x, which the first of y is made of
  std::uint32_t const* pairs = nullptr;  // of bf16, in place of matrices

  /// Of each group a packed matrix [taps * channels, made] and its bias; taps in the order of PyTorch's weights.
  conv1d_weights<T> packed() const noexcept {
    index_t const taps = options.time.taps * options.space.taps;
    return {{.inputs = options.inputs, .outputs = options.outputs, .taps = taps, .groups = options.groups},
            matrices,
            biases,
            pairs};
  }

  /// All of y, zeros where a sequence has no frames.
  /// @param finish  what is done to a finished tile of a group, which counts its columns from 0: activation_tile
  template <class Executor, class Finish>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, Finish const& finish) const {
    index_t const frames = y.shape.time, places = y.shape.space, lines = y.shape.batch * frames;
    index_t const work = options.time.taps * options.space.taps * packed().channels() * options.outputs;
    if (in_strips(x, places)) {
      auto const split = split_for<Executor>({lines, work * places, 1});
      for_parts(exec, split.parts, [this, &x, &y, &split, &finish](index_t part) {
        for_rows(y, split.begin(part), split.end(part),
                 [this, &x, &y, &finish](index_t first, index_t count, row_sink<T> to) {
                   strips(x, y, first, count, to, finish);
                 });
        clear_past_lengths(x.base(), y, split.begin(part) * y.shape.space, split.end(part) * y.shape.space);
      });
      return;
    }
    auto const split = split_for<Executor>({lines * places, work, 8});
    for_parts(exec, split.parts, [this, &x, &y, &split, &finish](index_t part) {
      for_pixels(y, split.begin(part), split.end(part),
                 [this, &x, &y, &finish](index_t first, index_t count, row_sink<T> to) {
                   pixels(x, y, first, count, to, finish);
                 });
      clear_past_lengths(x.base(), y, split.begin(part), split.end(part));
    });
  }

 private:
  /// Whether most places have all taps inside the image, and these lie side by side.
  bool in_strips(shifted_view<T> const& x, index_t places) const noexcept {
    tensor_view<T const> const& v = x.base();
    bool const dense = !x.moves() && (v.strides.space == v.shape.channels || v.shape.space < 2);
    return dense && worth_strips(options, v.shape.space, places);
  }

  template <class Finish>
  void pixels(shifted_view<T> const& x, tensor_view<T> const& y, index_t first, index_t count, row_sink<T> to,
              Finish finish) const noexcept {
    index_t const channels = packed().channels(), made = packed().made();
    for (index_t g = 0; g < options.groups; ++g) {
      image_windows<T, Lengths> const windows{x,        options.time, options.space, g * channels,
                                              channels, y.shape.time, y.shape.space, length_of};
      index_t const row = image * y.shape.time * y.shape.space + first;
      gemm<T, arch>(windows, row, count, packed().group(g), {to.data + g * made, to.stride}, finish);
    }
  }

  /// Rows [first, first + count) of y's images: row by row what has all taps inside, then, place by place, the edges.
  template <class Finish>
  void strips(shifted_view<T> const& x, tensor_view<T> const& y, index_t first, index_t count, row_sink<T> to,
              Finish finish) const noexcept {
    tensor_view<T const> const& v = x.base();
    index_t const frames = y.shape.time, places = y.shape.space, step = y.strides.space;
    window_run const middle = whole_windows(options.space, v.shape.space, places);
    index_t const line_of_x = image * frames + first;
    for (index_t i = 0; i < count && middle.count > 0; ++i) {
      strip<T> const across = strip_at(v, (line_of_x + i) / frames, (line_of_x + i) % frames, middle.begin,
                                       options.space.stride * options.inputs);
      multiply_strip<T, arch>(across, middle.count, packed().group(0), {to.from(i).data + middle.begin * step, step},
                              finish);
    }
    for (index_t p = 0; p < places; ++p) {
      if (p == middle.begin && middle.count > 0) p += middle.count;
      if (p == places) break;
      for (index_t i = 0; i < count;) {
        index_t const n = (line_of_x + i) / frames, t = (line_of_x + i) % frames;
        window_run const whole = whole_windows(options.time, length_of(v, n), frames);
        index_t const end = t < whole.begin ? t + 1 : whole.begin + whole.count;  // of rows with the same taps
        index_t const same = end > t + 1 ? end - t : 1, some = same < count - i ? same : count - i;
        strip<T> const down = strip_at(v, n, t, p, options.time.stride * v.strides.time);
        multiply_strip<T, arch>(down, some, packed().group(0), {to.from(i).data + p * step, to.stride}, finish);
        i += some;
      }
    }
  }

  /// What window (t, p) of sequence n reads, and those after it, which begin `step` elements apart.
  strip<T> strip_at(tensor_view<T const> const& x, index_t n, index_t t, index_t p, index_t step) const noexcept {
    window_axis const &time = options.time, &space = options.space;
    taps_inside const down(time, t, length_of(x, n)), across(space, p, x.shape.space);
    if (down.count() == 0 || across.count() == 0) return {};
    T const* const row = x.at(n, t * time.stride - time.before + down.begin, 0);
    index_t const run = across.count() * options.inputs;
    return {.x = row + (p * space.stride - space.before + across.begin) * options.inputs,
            .step = step,
            .lines = down.count(),
            .line = x.strides.time,
            .run = run,
            .depth = (down.begin * space.taps + across.begin) * options.inputs,
            .rest = space.taps * options.inputs - run};
  }

  /// Zeros in those of pixels [begin, end) of y that lie past the end of their sequence.
  void clear_past_lengths(tensor_view<T const> const& x, tensor_view<T> const& y, index_t begin,
                          index_t end) const noexcept {
    if (!std::is_same_v<Lengths, own_lengths> || x.lengths.empty()) return;
    for (index_t pixel = begin; pixel < end; ++pixel) {
      index_t const line = pixel / y.shape.space, n = line / y.shape.time, t = line % y.shape.time;
      if (t < options.time.count(x.length(n))) continue;
      T* const to = y.at(n, t, 0, pixel % y.shape.space);
      for (index_t c = 0; c < options.outputs; ++c) to[c] = T(0);
    }
  }
};

}}}}  // namespace tshift::nn::kernel
