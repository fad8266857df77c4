// SPDX-License-Identifier: MIT
// The gradients of a convolution over images. As along time: of the pixels that meet the same taps dx is a convolution
// of dy with stride 1, and dW a product of windows of x with pixels of dy. Nothing is copied, and nothing added to dx.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/conv2d.hpp>
#include <tshift/train/kernel/conv1d.hpp>
#include <tshift/train/kernel/images.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// W turned round: of each pair of first taps, and each group, a packed matrix [taps that follow * made, channels].
template <class T>
struct conv2d_back {
  using arch = xsimd::default_arch;

  conv2d_options options;
  T const* matrices;
  T const* zeros;  // as many as the matrices of all groups have columns

  /// Inputs and outputs of a group.
  index_t channels() const noexcept { return options.inputs / options.groups; }
  index_t made() const noexcept { return options.outputs / options.groups; }
  index_t columns() const noexcept { return padded_columns<T, arch>(channels()); }
  /// Elements of all matrices.
  index_t size() const noexcept { return options.time.taps * options.space.taps * options.outputs * columns(); }

  /// @param from  [outputs, channels, time.taps, space.taps]
  void pack(T const* from, T* to) const noexcept {
    for (index_t k = 0; k < options.time.stride && k < options.time.taps; ++k) {
      for (index_t l = 0; l < options.space.stride && l < options.space.taps; ++l) pack_taps(from, k, l, to);
    }
  }

  /// dx of sequence n, zeros from its length on.
  /// @param dy      images, of which number `image` belongs to the sequence
  /// @param inside  frames that it has in there
  template <class Executor>
  void compute(Executor& exec, index_t n, index_t length, shifted_view<T> const& dy, index_t image, index_t inside,
               tensor_view<T> const& dx) const {
    window_axis const &time = options.time, &space = options.space;
    index_t const width = dx.shape.space;
    bool const all_met = time.stride <= time.taps && space.stride <= space.taps;
    clear_frames(dx, n, all_met ? length : 0, dx.shape.time);
    for (index_t t = 0; t < time.stride && t < length; ++t) {
      axis_phase const down(time, t, length);
      for (index_t p = 0; p < space.stride && p < width; ++p) {
        axis_phase const across(space, p, width);
        if (down.windows.taps == 0 || across.windows.taps == 0) continue;
        shape const pixels{1, down.count, options.inputs, across.count};
        strides const& steps = dx.strides;
        strides const apart{0, time.stride * steps.time, 1, space.stride * steps.space};
        tensor_view<T> const to(dx.at(n, t, 0, p), pixels, apart);
        conv2d_weights<T, known_length> const turned{
            turned_options(down, across), at(down.tap, across.tap), zeros, {inside}, image};
        turned.compute(exec, dy, to, keep_sums());
      }
    }
  }

 private:
  conv2d_options turned_options(axis_phase const& down, axis_phase const& across) const noexcept {
    return {.inputs = options.outputs,
            .outputs = options.inputs,
            .time = down.windows,
            .space = across.windows,
            .groups = options.groups};
  }

  /// The matrices of all groups for first taps k and l.
  T const* at(index_t k, index_t l) const noexcept { return matrices + begin(k, l); }
  index_t begin(index_t k, index_t l) const noexcept {
    index_t const above = axis_phase::taps_before(options.time, k) * options.space.taps;
    index_t const beside = axis_phase::taps_of(options.time, k) * axis_phase::taps_before(options.space, l);
    return (above + beside) * options.outputs * columns();
  }

  /// Rows of a matrix are those of earlier pixels of y first, that is of later taps.
  void pack_taps(T const* from, index_t k, index_t l, T* to) const noexcept {
    index_t const down = axis_phase::taps_of(options.time, k), across = axis_phase::taps_of(options.space, l);
    index_t const rows = down * across * made();
    for (index_t g = 0; g < options.groups; ++g) {
      auto const element = [this, from, g, k, l, down, across](index_t row, index_t i) {
        index_t const o = g * made() + row % made(), tap = row / made();
        index_t const tap_of_time = k + (down - 1 - tap / across) * options.time.stride;
        index_t const tap_of_space = l + (across - 1 - tap % across) * options.space.stride;
        return from[((o * channels() + i) * options.time.taps + tap_of_time) * options.space.taps + tap_of_space];
      };
      kernel::pack<T, arch>(rows, channels(), element, to + begin(k, l) + g * rows * columns());
    }
  }
};

/// The gradient of the weights, of a sequence at a time. Its pixels are summed in an order of their own: where channels
/// are few, first those whose taps are all inside the image, row by row, which may read the taps of a row as one run of
/// memory; then the others, place by place.
template <class T>
struct conv2d_gradient {
  conv2d_options options;
  T* weight;  // [outputs, channels, time.taps, space.taps], added to
  T* bias;    // [outputs], added to; or null

  index_t channels() const noexcept { return options.inputs / options.groups; }
  index_t made() const noexcept { return options.outputs / options.groups; }
  index_t taps() const noexcept { return options.time.taps * options.space.taps; }

  /// Taps of x whose products with dy are summed together: their panels fit in the L2 cache.
  index_t taps_at_once() const noexcept {
    index_t const fit = channels() > 0 ? gemm_depth / channels() : 1;
    return fit < 1 ? 1 : fit < taps() ? fit : taps();
  }
  /// Elements of memory, for an image of y with so many pixels.
  index_t room(index_t pixels) const noexcept { return gradient_room<T>(pixels, taps_at_once() * channels(), made()); }

  /// @param dy      images, of which number `image` belongs to sequence n
  /// @param inside  frames that it has in there, > 0
  template <class Executor>
  void add(Executor& exec, shifted_view<T> const& x, index_t n, shifted_view<T> const& dy, index_t image,
           index_t inside, T* memory) const {
    index_t const places = dy.shape().space;
    if (!worth_strips(options, x.shape().space, places)) {
      for (index_t g = 0; g < options.groups; ++g) add_run(exec, x, n, dy, image, inside, {0, places}, g, memory);
      return;
    }
    window_run const middle = whole_windows(options.space, x.shape().space, places);
    if (middle.count > 0) add_run(exec, x, n, dy, image, inside, middle, 0, memory);
    for (index_t p = 0; p < places; ++p) {
      if (p < middle.begin || p >= middle.begin + middle.count) {
        add_run(exec, x, n, dy, image, inside, {p, 1}, 0, memory);
      }
    }
  }

 private:
  /// Places [run.begin, run.begin + run.count) of y, and group g.
  template <class Executor>
  void add_run(Executor& exec, shifted_view<T> const& x, index_t n, shifted_view<T> const& dy, index_t image,
               index_t inside, window_run const& run, index_t g, T* memory) const {
    index_t const frames = dy.shape().time;
    window_axis space = options.space;
    space.before -= run.begin * space.stride;
    image_windows<T> const windows{x, options.time, space, g * channels(), channels(), frames, run.count};
    strip_windows<T> const strips{x.base(), options.time, options.space, frames, run.begin, run.count};
    // Where pixels lie side by side: the same rows, and fewer pieces.
    bool const dense = !x.moves() && (x.base().strides.space == options.inputs || x.shape().space < 2);
    bool const as_strips = dense && worth_strips(options, x.shape().space, dy.shape().space);
    row_source<T> const rows = as_strips ? row_source<T>(strips) : row_source<T>(windows);
    image_windows<T, known_length> const pixels = pixel_rows(dy, g * made(), made(), run.begin, run.count, inside);
    later_rows<T> const with{pixels, image * frames * run.count};
    tensor_view<T const> const all(static_cast<T const*>(nullptr), shape{1, inside * run.count, 1});
    for (index_t tap = 0; tap < taps(); tap += taps_at_once()) {
      index_t const left = taps() - tap, some = left < taps_at_once() ? left : taps_at_once();
      later_channels<T> const from{rows, n * frames * run.count, tap * channels()};
      add_to_taps<T> const add{weight + g * made() * channels() * taps(), channels(), taps(), tap};
      add_gradient<Executor, T>(exec, all, from, some * channels(), with, made(), add,
                                tap == 0 && bias != nullptr ? bias + g * made() : nullptr, memory);
    }
  }
};

}}}}  // namespace tshift::train::kernel
