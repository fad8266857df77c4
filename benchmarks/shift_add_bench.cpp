// SPDX-License-Identifier: MIT
// shift_add: y = S x + r, beside a vectorised y = x + r.
#include <xsimd/xsimd.hpp>

#include "support.hpp"

namespace tshift_bench { namespace {

/// y = x + r with the instruction set this file is compiled for, four vectors at a time, ordinary stores.
void add_floor(float const* x, float const* r, float* y, std::size_t count) {
  using vector = xsimd::batch<float>;
  constexpr std::size_t width = vector::size;
  std::size_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    for (std::size_t k = 0; k < 4 * width; k += width) {
      (vector::load_unaligned(x + i + k) + vector::load_unaligned(r + i + k)).store_unaligned(y + i + k);
    }
  }
  for (; i < count; ++i) y[i] = x[i] + r[i];
}

void add(tensor_case const& whole, shift_case const& what, double target) {
  tensor_case const on = sized(whole, what.n_div, what.direction_of.text);
  shift_plan const plan = tshift::presets::shiftser(on.dims.channels, what.n_div, what.direction_of.value);
  double const bytes = static_cast<double>(on.count() * sizeof(float));
  row const info{.table = "shift_add: y = S x + r; floor: vectorised y = x + r",
                 .tensor = on.text(),
                 .variant = what.direction_of.text,
                 .n_div = what.n_div,
                 .bytes = 3 * bytes,
                 .target = target,
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    auto const memory = tensors<float>(on.dims);
    tensor_view<float const> const x(memory.x, on.dims, on.order);
    tensor_view<float const> const r(memory.r, on.dims, on.order);
    tensor_view<float> const y(memory.y, on.dims, on.order);
    tensor_view<float> const want(memory.want, on.dims, on.order);
    tshift::shift_add(x, r, y, plan);
    tshift::reference::shift_add(x, r, want, plan);
    expect_equal(want, y);
    return std::pair([=] { tshift::shift_add(x, r, y, plan); },
                     [=, count = memory.count] { add_floor(x.data, r.data, y.data, count); });
  });
}

void add_shift_add() {
  constexpr double targets[] = {1.10, 1.10, 1.15};
  for (tensor_case const& on : time_major_cases) {
    for (shift_case const& what : some_shifts()) add(on, what, targets[on.size]);
  }
  for (tensor_case const& on : other_layouts) {
    for (way const w : {delay, both}) add(on, {8, w}, 1.10);
  }
}

registration const shift_add_rows(30, add_shift_add);

}  // namespace
}  // namespace tshift_bench
