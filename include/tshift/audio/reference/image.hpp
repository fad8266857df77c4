// SPDX-License-Identifier: MIT
// The definition of images of features as plain loops; included by audio/reference.hpp. Every pixel looks at every frame
// and band.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <tshift/audio/spectrogram_image.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace reference {

/// The weight of input i in output j where `from` of them become `to`, before they are made to add up to 1.
inline double image_weight(image_resize kind, index_t from, index_t to, index_t i, index_t j) {
  double const s = static_cast<double>(from) / static_cast<double>(to), x = static_cast<double>(i);
  double const begin = static_cast<double>(j) * s, end = static_cast<double>(j + 1) * s;
  double const away = std::fabs(x + 0.5 - (begin + end) / 2);
  if (kind == image_resize::linear) return std::max(0.0, 1 - away);
  if (kind == image_resize::antialiased) return std::max(0.0, 1 - away / std::max(1.0, s));
  if (kind == image_resize::area) return std::max(0.0, std::min(x + 1, end) - std::max(x, begin));
  if (kind == image_resize::adaptive) return i * to < (j + 1) * from && (i + 1) * to > j * from ? 1 : 0;
  return i == j ? 1 : 0;
}

/// The image of one sequence [frames, bands]: W columns of H rows.
inline std::vector<double> image(spectrogram_image_options const& o, std::span<double const> x, index_t bands,
                                 index_t W, index_t H) {
  index_t const own = static_cast<index_t>(x.size()) / bands, none = o.resize == image_resize::none ? W : own;
  index_t const frames = o.frames > 0 ? o.frames : none, kept = std::min(own, frames);
  if (kept == 0) return std::vector<double>(static_cast<std::size_t>(W * H));
  std::vector<double> scaled(x.begin(), x.begin() + kept * bands);
  double const least = *std::min_element(scaled.begin(), scaled.end());
  double const most = *std::max_element(scaled.begin(), scaled.end());
  for (double& v : scaled) {
    if (o.scale == image_scale::min_max) v = most > least ? (v - least) / (most - least) : 0;
    if (o.scale == image_scale::range) v = std::clamp((v - o.low) / (o.high - o.low), 0.0, 1.0);
  }
  scaled.resize(static_cast<std::size_t>(frames * bands), 0);
  std::vector<double> y;
  for (index_t w = 0; w < W; ++w) {
    for (index_t h = 0; h < H; ++h) {
      double sum = 0, weights = 0;
      for (index_t t = 0; t < frames; ++t) {
        for (index_t b = 0; b < bands; ++b) {
          index_t const row = o.flip ? bands - 1 - b : b;
          double const weight = image_weight(o.resize, frames, W, t, w) * image_weight(o.resize, bands, H, row, h);
          sum += weight * scaled[static_cast<std::size_t>(t * bands + b)];
          weights += weight;
        }
      }
      y.push_back(sum / weights);
    }
  }
  return y;
}

}}}}}  // namespace tshift::audio::reference

#include <tshift/macros/back.hpp>
