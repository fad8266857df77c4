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

/// The smallest number that no distance needs to be told from a larger one: distances in (-reach, reach) have all buckets.
/// @throws shape_error  fewer than four buckets, or max_distance is out of range
inline index_t distance_reach(index_t buckets, index_t max_distance) {
  if (buckets < 4) detail::fail("bucketed_distances: %td buckets, must be >= 4", buckets);
  if (max_distance <= buckets / 4 || max_distance > (index_t{1} << 20)) {
    detail::fail("bucketed_distances: max_distance = %td, must be in [%td, 2^20]", max_distance, buckets / 4 + 1);
  }
  index_t reach = 0;
  while (distance_bucket(-reach, buckets, max_distance) < buckets / 2 - 1) ++reach;
  return reach + 1;  // of the last bucket, one distance stands for all
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
