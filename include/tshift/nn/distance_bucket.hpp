// SPDX-License-Identifier: MIT
// Distances between frames, told apart the less the farther they are.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// The bucket of a distance r - l among `buckets`: the upper half of them for frames behind. Up to a quarter of them each
/// distance has its own; from there to max_distance they widen by powers, and the last takes all that is farther.
/// Source: Raffel et al. 2020, arXiv:1910.10683 (T5), as WavLM has it.
inline index_t distance_bucket(index_t distance, index_t buckets, index_t max_distance) {
  index_t const half = buckets / 2, exact = half / 2, far = distance < 0 ? -distance : distance;
  index_t within = far;
  if (far >= exact) {
    double const powers = std::log(static_cast<double>(far) / static_cast<double>(exact)) /
                          std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
    index_t const wide = exact + static_cast<index_t>(powers * static_cast<double>(half - exact));
    within = wide < half - 1 ? wide : half - 1;
  }
  return within + (distance > 0 ? half : 0);
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
