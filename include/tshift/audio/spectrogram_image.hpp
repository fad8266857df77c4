// SPDX-License-Identifier: MIT
// Features as an image, for models that were made for pictures: scaled, low bands at the bottom, of a width and a height.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <limits>
#include <type_traits>

#include <tshift/audio/kernel/resampling.hpp>
#include <tshift/audio/kernel/rows.hpp>
#include <tshift/audio/spectrogram_image_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio {

namespace detail {

/// v to (v - low) / span.
struct image_levels {
  double low = 0, span = 1;
  bool clipped = false;

  /// Of the first `frames` frames of sequence n.
  template <class T>
  image_levels(tensor_view<T const> const& x, spectrogram_image_options const& o, index_t n, index_t frames) noexcept {
    if (o.scale == image_scale::range) {
      low = o.low;
      span = o.high - o.low;
      clipped = true;
    }
    if (o.scale != image_scale::min_max) return;
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (index_t t = 0; t < frames; ++t) {
      for (index_t b = 0; b < x.shape.channels; ++b) {
        auto const v = static_cast<double>(x(n, t, b));
        if (v < least || v != v) least = v;
        if (v > most || v != v) most = v;
      }
    }
    low = least;
    span = std::isfinite(most - least) ? most - least : none;
  }

  double of(double v) const noexcept {
    if (span == 0) return 0;
    double const scaled = (v - low) / span;
    if (!clipped) return scaled;
    return scaled < 0 ? 0 : scaled > 1 ? 1 : scaled;
  }
};

/// Refuses sizes, lengths and options that do not fit.
template <class T>
void check_image(tensor_view<T const> const& x, tensor_view<T> const& y, spectrogram_image_options const& o) {
  constexpr char const* name = "spectrogram_image";
  extent const from = check_features(name, "x", x), to = check_features(name, "y", y);
  if (o.scale < image_scale::none || o.scale > image_scale::range) {
    fail("%s: scale = %d, must be a named image_scale", name, static_cast<int>(o.scale));
  }
  if (o.resize < image_resize::none || o.resize > image_resize::adaptive) {
    fail("%s: resize = %d, must be a named image_resize", name, static_cast<int>(o.resize));
  }
  if (o.scale == image_scale::range && !(o.low < o.high && std::isfinite(o.high - o.low))) {
    fail("%s: low = %g, high = %g, must be finite and low < high", name, o.low, o.high);
  }
  bool const resizes = o.resize != image_resize::none;
  if (o.frames < 0) fail("%s: frames = %td, must be >= 0", name, o.frames);
  if (!resizes && o.frames != 0) fail("%s: frames = %td, must be 0 where nothing is resized", name, o.frames);
  if (y.shape.batch != x.shape.batch) {
    fail("%s: y has %td sequences, x has %td", name, y.shape.batch, x.shape.batch);
  }
  if (!resizes && y.shape.channels != x.shape.channels) {
    fail("%s: y has %td rows, x has %td bands, must be equal where nothing is resized", name, y.shape.channels,
         x.shape.channels);
  }
  for (index_t const size : {x.shape.time, x.shape.channels, y.shape.time, y.shape.channels, o.frames}) {
    constexpr index_t most = index_t{1} << 26;  // sums of weights are exact
    if (resizes && size > most) fail("%s: a size of %td, must be <= %td to be resized", name, size, most);
  }
  for (index_t n = 0; n < static_cast<index_t>(y.lengths.size()); ++n) {
    index_t const W = y.shape.time, own = resizes || x.length(n) > W ? W : x.length(n);
    if (y.length(n) != own) fail("%s: y.lengths[%td] = %td, must be %td", name, n, y.length(n), own);
  }
  tshift::detail::check_writable(name, to);
  check_apart(name, from, to);
}

/// The image of sequence n. Unchecked.
template <class T>
void image_sequence(tensor_view<T const> const& x, tensor_view<T> const& y, spectrogram_image_options const& o,
                    index_t n) noexcept {
  index_t const W = y.shape.time, H = y.shape.channels, own = x.length(n);
  index_t const frames = o.resize == image_resize::none ? W : o.frames > 0 ? o.frames : own;
  index_t const used = own < frames ? own : frames;
  image_levels const levels(x, o, n, used);
  // Where nothing is resized both are the identity.
  kernel::resampling const columns(o.resize, frames, W), rows(o.resize, x.shape.channels, H);
  for (index_t w = 0; w < W; ++w) {
    auto const in_time = columns.taps(w);
    for (index_t h = 0; h < H; ++h) {
      auto const in_bands = rows.taps(o.flip ? H - 1 - h : h);
      double sum = 0;
      for (index_t t = in_time.begin; t < in_time.end && t < used; ++t) {
        double mean = 0;
        for (index_t b = in_bands.begin; b < in_bands.end; ++b) {
          mean += in_bands.weight(b) * levels.of(static_cast<double>(x(n, t, b)));
        }
        sum += in_time.weight(t) * (mean / in_bands.total);
      }
      y(n, w, h) = used > 0 ? static_cast<T>(sum / in_time.total) : T(0);
    }
  }
}

}  // namespace detail

/// y[n, w, h]: the image of x[n, :, :], column by column as tshift's models read it, W columns of H rows; PyTorch's
/// [N, 1, H, W] is y transposed. In this order: a sequence is cut to options.frames, its values are scaled, zeros (black)
/// follow up to options.frames, frames are resized to W columns and bands to H rows, and rows change their order so that
/// high bands are on top. Each sequence up to its own length, bits independent of the batch.
///
///   spectrogram_image(features, image, {.scale = image_scale::range});             // (dB + 80) / 80
///   spectrogram_image(features, image, {.resize = image_resize::none});            // a column a frame, zeros at the right
///   spectrogram_image(features, image, {.resize = image_resize::area, .frames = 1001});  // 10 s at 100 frames a second
///
/// @param x        [N, T, B], any strides; ragged: x.lengths
/// @param y        [N, W, H], any strides, other memory than x. Where nothing is resized H is B, column w is frame w, and
///                 frames beyond W are cut off; y.lengths, where it has some, are min(length, W), else all W
/// @param options  scale, flip, resize
/// @throws shape_error  before the first write
/// Of min_max and range all values are in [0, 1]. A sequence without frames, or of no bands, is all zeros. NaN: where
/// max - min is not finite, all of min_max's image; otherwise what it has a part in.
/// Accuracy: computed in double with weights that are quotients of whole numbers, rounded once; what keeps its size keeps
/// its bits. Cost: a division and a product for each frame and band that a pixel is made of. Allocates nothing.
/// Source: Kim and Lee 2024 show such images and do not say how theirs are scaled and resized; hence the choice.
template <executor Executor, class T>
void spectrogram_image(Executor&& exec, std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
                       spectrogram_image_options const& options = {}) {
  detail::check_image(x, y, options);
  detail::for_sequences(exec, y.shape.batch,
                        [&x, &y, &options](index_t n) noexcept { detail::image_sequence(x, y, options, n); });
}

/// The same, where it is called.
template <class T>
void spectrogram_image(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
                       spectrogram_image_options const& options = {}) {
  detail::run_here here;
  spectrogram_image(here, x, y, options);
}

}}}}  // namespace tshift::audio

#include <tshift/macros/back.hpp>
