// SPDX-License-Identifier: MIT
// How features become an image: what their values are scaled to, and how frames and bands are resized. Tools resample in
// different ways under the same word, and the difference is seen by a model: each way in use has a name here.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// How one axis of an image is made longer or shorter. Output j of `to` is a weighted mean of the inputs i of `from`. With
/// s = from / to, and c = (j + 1/2) s the place of j among the inputs, whose places are i + 1/2, the weight of i is
enum class image_resize {
  none,         ///< 1 for i = j: nothing is resized, what is too long is cut, zeros follow what is too short
  linear,       ///< max(0, 1 - |i + 1/2 - c|): the two nearest. PyTorch's interpolate without align_corners, OpenCV's
                ///< INTER_LINEAR; where it shrinks by more than 2, inputs between them are not seen
  antialiased,  ///< max(0, 1 - |i + 1/2 - c| / max(1, s)). PyTorch's interpolate with antialias, PIL's BILINEAR
  area,     ///< the length of [i, i + 1) that lies in [j s, (j + 1) s). OpenCV's INTER_AREA, which is linear where it
            ///< enlarges
  adaptive  ///< 1 if any of that lies there. PyTorch's interpolate of mode area, adaptive_avg_pool
};

/// What a feature v becomes before the image is resized.
enum class image_scale {
  none,     ///< v
  min_max,  ///< (v - min) / (max - min), those of the sequence's own frames; 0 where they are equal
  range     ///< (v - low) / (high - low), no less than 0 and no more than 1
};

/// How an image is made of features.
struct spectrogram_image_options {
  image_scale scale = image_scale::min_max;    ///< of the values
  double low = -80;                            ///< what becomes 0, for image_scale::range
  double high = 0;                             ///< what becomes 1
  bool flip = true;                            ///< row 0 is the highest band
  image_resize resize = image_resize::linear;  ///< frames to columns, bands to rows
  /// So many frames are resized: longer sequences are cut, zeros follow shorter ones. 0: as many as each has, so that short
  /// and long sequences become images of one width; a model that was trained on sounds of 10 s wants theirs.
  index_t frames = 0;
};

}}  // namespace tshift

#include <tshift/macros/back.hpp>
