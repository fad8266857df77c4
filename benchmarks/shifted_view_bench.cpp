// SPDX-License-Identifier: MIT
// shifted: reading a tensor through a shift, beside reading it as it lies. The reader here adds up all elements.
#include <xsimd/xsimd.hpp>

#include "support.hpp"

namespace tshift_bench {
namespace {

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

float sum_plain(tensor_view<float const> x) {
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

void add(tensor_case const& whole, way const& w, index_t n_div) {
  tensor_case const on = sized(whole, n_div, w.text);
  shift_plan const plan = tshift::presets::shiftser(on.dims.channels, n_div, w.value);
  row const info{.table = "shifted: sum of all elements through runs; floor: sum of the plain tensor",
                 .tensor = on.text(),
                 .variant = w.text,
                 .n_div = n_div,
                 .bytes = static_cast<double>(on.count() * sizeof(float)),
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    auto const memory = tensors<float>(on.dims);
    tensor_view<float const> const x(memory.x, on.dims, on.order);
    tensor_view<float> const y(memory.y, on.dims, on.order);
    tensor_view<float> const want(memory.want, on.dims, on.order);
    auto const v = tshift::shifted(x, plan);
    tshift::reference::shift(x, want, plan);
    copy_runs(v, y);
    expect_equal(want, y);
    if (on.size == small.size) {
      memory.poison();
      tshift::reference::for_each_element(
          on.dims, [&](index_t n, index_t t, index_t c, index_t s) { y(n, t, c, s) = v(n, t, c, s); });
      expect_equal(want, y);
    }
    // The sums are what is timed; they must not be optimised away, nor moved out of the loop.
    return std::pair(
        [=] {
          float total = sum_runs(v);
          benchmark::DoNotOptimize(total);
        },
        [=] {
          float total = sum_plain(x);
          benchmark::DoNotOptimize(total);
        });
  });
}

}  // namespace

void add_shifted_view() {
  for (tensor_case const& on : time_major_cases) {
    for (way const w : {delay, both}) {
      for (index_t const n_div : {4, 16}) add(on, w, n_div);
    }
  }
}

}  // namespace tshift_bench
