// SPDX-License-Identifier: MIT
// shifted: reading a tensor through a shift, beside reading it as it lies. The reader here adds up all elements.
#include "sums.hpp"

namespace tshift_bench { namespace {

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

void add_shifted_view() {
  for (tensor_case const& on : time_major_cases) {
    for (way const w : {delay, both}) {
      for (index_t const n_div : {4, 16}) add(on, w, n_div);
    }
  }
}

registration const shifted_view_rows(50, add_shifted_view);

}  // namespace
}  // namespace tshift_bench
