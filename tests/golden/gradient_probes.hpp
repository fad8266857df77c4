// SPDX-License-Identifier: MIT
// What gradients.txt and encoder_gradients.txt have of a tensor, see README.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../support/seeded.hpp"

namespace test_support {

/// The norm of a tensor and two projections.
using probes = std::vector<double>;

/// How far a tensor is from its probes, over its norm, or over `least` where it is smaller: what must be zero is rounding
/// on both sides.
template <class T>
double off(std::span<T const> tensor, probes const& want, std::uint64_t seed, double least) {
  double norm = 0;
  for (T const v : tensor) norm += static_cast<double>(v) * static_cast<double>(v);
  double worst = std::fabs(std::sqrt(norm) - want.at(0));
  for (std::size_t k = 0; k < 2; ++k) {
    auto const direction = seeded<double>("x", {static_cast<index_t>(tensor.size())}, seed + 1000 * (k + 1));
    double sum = 0, length = 0;
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      sum += static_cast<double>(tensor[i]) * direction[i];
      length += direction[i] * direction[i];
    }
    worst = std::max(worst, std::fabs(sum - want.at(k + 1)) / std::sqrt(length));
  }
  return worst / std::max(want[0], least);
}

}  // namespace test_support
