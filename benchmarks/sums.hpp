// SPDX-License-Identifier: MIT
// A reader that does as little as a reader can: it adds up all elements, of a tensor as it lies or through a shift.
// And one that copies them, to verify the runs.
#pragma once

#include <xsimd/xsimd.hpp>

#include "support.hpp"

namespace tshift_bench {

/// A sum in progress: four vectors, so that additions need not wait for each other, and what does not fill a vector.
struct running_sum {
  using vector = xsimd::batch<float>;
  static constexpr auto width = static_cast<index_t>(vector::size);

  void add(float const* values, index_t count) {
    index_t i = 0;
    for (; i + 4 * width <= count; i += 4 * width) {
      for (index_t k = 0; k < 4; ++k) sums[k] += vector::load_unaligned(values + i + k * width);
    }
    for (; i + width <= count; i += width) sums[0] += vector::load_unaligned(values + i);
    for (; i < count; ++i) rest += values[i];
  }

  float total() const {
    float lanes[vector::size];
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).store_unaligned(lanes);
    float result = rest;
    for (float const lane : lanes) result += lane;
    return result;
  }

  vector sums[4] = {vector(0.0f), vector(0.0f), vector(0.0f), vector(0.0f)};
  float rest = 0;
};

inline float sum_plain(tensor_view<float const> x) {
  running_sum sum;
  for (index_t n = 0; n < x.shape.batch; ++n) {
    for (index_t t = 0; t < x.shape.time; ++t) sum.add(x.at(n, t, 0), x.shape.channels);
  }
  return sum.total();
}

/// Works for layouts whose channels are neighbours (ntc): then a run is one piece of memory.
template <class View>
float sum_runs(View const& v) {
  running_sum sum;
  for (index_t n = 0; n < v.shape().batch; ++n) {
    for (index_t t = 0; t < v.shape().time; ++t) {
      for (auto const& run : v.runs(n, t)) {
        if (run.data != nullptr) {
          sum.add(run.data, run.count);
        } else {
          sum.rest += static_cast<float>(run.count) * v.fill();
        }
      }
    }
  }
  return sum.total();
}

/// Writes what the runs say into y, so that all of it can be compared with the reference.
template <class View>
void copy_runs(View const& v, tensor_view<float> y) {
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (auto const& run : v.runs(n, t)) {
        float* const to = y.at(n, t, run.begin);
        if (run.data != nullptr) {
          std::copy(run.data, run.data + run.count, to);
        } else {
          std::fill(to, to + run.count, v.fill());
        }
      }
    }
  }
}

}  // namespace tshift_bench
