// SPDX-License-Identifier: MIT
// Convolution over images of three taps along space, in four products for six: neighbouring places of y share two of
// them. The 5 x 3 of CRNNs and the 3 x 3 of stems.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>

#include <tshift/nn/activations.hpp>
#include <tshift/nn/block.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/images.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/images.hpp>
#include <tshift/nn/kernel/winograd_conv2d.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// conv2d of space.taps = 3, space.stride = 1 and one group. With g the three weights along space under one tap of time,
/// and d the four pixels that places p (even) and p + 1 read,
///
///   y[p] = (d[1] + d[2]) (g[0] + g[1] + g[2]) / 2 + (d[2] - d[1]) (g[0] - g[1] + g[2]) / 2 + (d[0] - d[2]) g[0]
///   y[p + 1] = the first of these products - the second - (d[1] - d[3]) g[2]
///
/// each summed over channels and taps of time, and the bias added: Winograd's F(2, 3). x [N, T, F, I], y [N, frames(T),
/// places(F), O], lengths as conv2d has them. An infinity in x may make a NaN of y.
/// Source: Lavin and Gray 2015, arXiv:1509.09308. Accuracy: error at most (2 K I + 4) * 2^-24 (float) of the sum of
/// magnitudes, K being time.taps, sums and differences counting with theirs. Cost: 4 N frames(T) places(F) O K I FLOPs,
/// conv2d's are 6; the weights take 4 / 3 of its memory. Workspace: for each part, the sums and differences of 8 frames
/// or more and what is made of them.
template <class T>
class winograd_conv2d : public calls<winograd_conv2d<T>, T> {
 public:
  static constexpr char const* name = "winograd_conv2d";  ///< in messages

  winograd_conv2d() = default;

  /// Whether a convolution can be computed like this.
  static constexpr bool fits(conv2d_options const& o) noexcept {
    return o.groups == 1 && o.inputs > 0 && o.space.taps == 3 && o.space.stride == 1;
  }

  /// @param options  sizes, of which fits is true
  /// @param weight   [O, I, time.taps, 3], as PyTorch has it where images are [T, F]; copied
  /// @param bias     [O], or empty for none; copied
  /// @param f        applied to every element of y
  /// @throws shape_error  an option is out of range, or a span has another size
  explicit winograd_conv2d(conv2d_options const& options, weights::values<T> weight, weights::values<T> bias = {},
                           activation const& f = {})
      : options_(options), f_(f) {
    detail::check_conv2d(options);
    detail::check_activation(name, f);
    if (!fits(options)) {
      detail::fail("winograd_conv2d: %td inputs, %td groups, space of %td taps and stride %td, must be >= 1, 1, 3, 1",
                   options.inputs, options.groups, options.space.taps, options.space.stride);
    }
    index_t const I = options.inputs, O = options.outputs, K = options.time.taps;
    index_t const depth = detail::checked_product(name, {K, I});
    detail::check_weight(name, "weight", weight.size(), detail::checked_product(name, {O, depth, 3}));
    if (!bias.empty()) detail::check_weight(name, "bias", bias.size(), O);
    detail::check_stored(name, weight);
    (void)detail::checked_product(name, {2, depth, O + kernel::gemm_tile<T, arch>::lanes});
    auto const g = [&weight, I, K, depth](index_t k, index_t o, index_t l) {
      index_t const tap = k % depth / I, c = k % I;
      return weight[((o * I + c) * K + tap) * 3 + l];
    };
    T const half(0.5);
    // In the order in which products are added up: first what both places share.
    even_ = {2 * depth, O,
             [&g, half, depth](index_t k, index_t o) {
               return k < depth ? half * (g(k, o, 0) + g(k, o, 1) + g(k, o, 2)) : g(k, o, 0);
             },
             [&bias](index_t o) { return bias.empty() ? T(0) : bias[o]; }, weight.how()};
    odd_ = {2 * depth, O,
            [&g, half, depth](index_t k, index_t o) {
              return k < depth ? half * (g(k, o, 0) - g(k, o, 1) + g(k, o, 2)) : -g(k, o, 2);
            },
            [](index_t) { return T(0); }, weight.how()};
  }

  /// Sizes.
  conv2d_options const& options() const noexcept { return options_; }
  /// Number of channels of x.
  index_t inputs() const noexcept { return options_.inputs; }
  /// Number of channels of y.
  index_t outputs() const noexcept { return options_.outputs; }
  /// Frames of y for so many frames of x.
  index_t frames(index_t time) const noexcept { return options_.time.count(time); }
  /// Places of y for so many places of x.
  index_t places(index_t space) const noexcept { return options_.space.count(space); }
  /// The same for so many frames of y alone, whose windows count from frame `from` of `time` of x. Shares the weights.
  winograd_conv2d part(index_t from, index_t frames, index_t time) const {
    winograd_conv2d some = *this;
    some.options_.time = options_.time.part(from, frames, time);
    return some;
  }

  /// Of each part, one after the other.
  struct slices {
    T* planes;  ///< [4, frames of x, pairs of places, I]
    T* made;    ///< [frames of y, 2 pairs of places, O]
  };

  /// Unchecked.
  slices layout(arena<T>& a, shape const& x) const {
    (void)detail::checked_product(name, {x.batch, x.time, x.space});
    (void)detail::checked_product(name, {2, options_.time.taps, inputs(), outputs(), places(x.space)});
    sizes const s(options_, x);
    index_t const parts = split_of(x).parts;
    T* const planes = a.take({parts, 4, s.read, s.pairs, inputs()});
    return {planes, a.take({parts, s.frames, 2 * s.pairs, outputs()})};
  }

  /// Refuses what does not fit.
  void check(input<T> const& x, tensor_view<T> const& y) const {
    shape const& in = x.shape();
    check_image_call(name, x, inputs(), y, frames(in.time), places(in.space), outputs());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, arena<T> a) const {
    slices const all = layout(a, x.shape());
    sizes const s(options_, x.shape());
    auto const split = kernel::split_for<Executor>(split_of(x.shape()));
    kernel::for_parts(exec, split.parts, [this, &x, &y, &all, &s, &split](index_t part) {
      slices const own{all.planes + part * 4 * s.read * s.pairs * inputs(),
                       all.made + part * s.frames * 2 * s.pairs * outputs()};
      for (index_t line = split.begin(part); line < split.end(part);) {
        index_t const n = line / y.shape.time, t = line % y.shape.time, made = frames(x.base().length(n));
        index_t const rest = std::min(split.end(part) - line, y.shape.time - t);
        index_t const count = t < made ? std::min({rest, made - t, s.frames}) : rest;
        if (t < made) {
          frames_of(x, n, t, count, s, own, y);
        } else {
          for (index_t i = 0; i < count; ++i) kernel::clear_line(y, n, t + i);
        }
        line += count;
      }
    });
  }

 private:
  using arch = typename kernel::packed_matrix<T>::arch;

  /// What is computed at a time: frames of y, of frames of x; enough for a block of rows of a product.
  struct sizes {
    index_t pairs, frames, read;

    sizes(conv2d_options const& o, shape const& x) noexcept
        : pairs((o.space.count(x.space) + 1) / 2),
          frames(std::min(std::max<index_t>(pairs > 0 ? kernel::row_capacity / pairs : 0, 8), o.time.count(x.time))),
          read(frames > 0 ? std::min((frames - 1) * o.time.stride + o.time.taps, x.time) : 0) {}
  };

  kernel::row_split split_of(shape const& x) const noexcept {
    index_t const work = 2 * options_.time.taps * inputs() * outputs() * places(x.space);
    return {x.batch * frames(x.time), work, 1};
  }

  /// Frames [first, first + count) of sequence n of y.
  void frames_of(shifted_view<T> const& x, index_t n, index_t first, index_t count, sizes const& s, slices const& own,
                 tensor_view<T> const& y) const {
    window_axis const& time = options_.time;
    index_t const I = inputs(), O = outputs(), depth = time.taps * I, rows = count * s.pairs;
    index_t const top = first * time.stride - time.before, bottom = top + (count - 1) * time.stride + time.taps;
    index_t const from = std::max<index_t>(top, 0), until = std::max(from, std::min(bottom, x.base().length(n)));
    index_t const plane = s.read * s.pairs * I;
    kernel::place_pairs<T> const pairs{x, options_.space.before, s.pairs};
    for (index_t t = from; t < until; ++t) pairs.transform(n, t, own.planes + (t - from) * s.pairs * I, plane);

    // Straight to y where its pairs lie at one stride, as those of a dense image of an even width do.
    index_t const step = y.strides.space, P = y.shape.space;
    bool const straight = P % 2 == 0 && (count == 1 || y.strides.time == P * step);
    index_t const pixel = straight ? step : O;
    T* const even = straight ? y.at(n, first, 0) : own.made;
    T* const odd = even + pixel;
    auto const add = [this, &own, plane, &time, from, until, top, rows, count, pixel, I, depth, pairs_of = s.pairs](
                         index_t i, kernel::packed_matrix<T> const& by, T* to, bool last) {
      tensor_view<T const> const image(own.planes + i * plane, {1, until - from, I, pairs_of}, layout::ntsc);
      shifted_view<T> const still = as_it_is(image);
      window_axis const down{time.taps, time.stride, from - top, 0};
      kernel::image_windows<T> const windows{still, down, {}, 0, I, count, pairs_of};
      kernel::gemm<T, arch>(windows, 0, rows, by.operand(), {to, 2 * pixel}, last ? depth : 0, last ? 2 * depth : depth,
                            kernel::activation_tile<T, arch>{f_});
    };
    add(1, even_, even, false);
    add(2, odd_, odd, false);
    for (index_t r = 0; r < rows; ++r) kernel::sum_and_difference<arch>(O, even + 2 * r * pixel, odd + 2 * r * pixel);
    add(0, even_, even, true);
    add(3, odd_, odd, true);
    for (index_t i = 0; i < count * P && !straight; ++i) {
      T const* const made = own.made + (i / P * 2 * s.pairs + i % P) * O;
      std::copy_n(made, O, y.at(n, first + i / P, 0, i % P));
    }
  }

  conv2d_options options_;
  activation f_;
  kernel::packed_matrix<T> even_, odd_;  // for each, what both places share, one below the other with what is its own
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
