// SPDX-License-Identifier: MIT
// How far two lists of numbers are apart.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace test_support {

/// |a - b| / |b|, L2; infinite where only b is zeros, and not a number where one of a is none.
template <class A, class B>
double relative_distance(std::vector<A> const& a, std::vector<B> const& b) {
  double off = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    double const d = static_cast<double>(a.at(i)) - static_cast<double>(b[i]);
    off += d * d;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return size > 0 ? std::sqrt(off / size) : off == 0 ? 0 : std::numeric_limits<double>::infinity();
}

}  // namespace test_support
