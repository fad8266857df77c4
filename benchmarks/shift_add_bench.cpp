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

template <class T>
void add(tensor_case const& whole, shift_case const& what, double target, std::string const& type = "") {
  tensor_case const on = sized(whole, what.n_div, what.direction_of.text);
  shift_plan const plan = tshift::presets::shiftser(on.dims.channels, what.n_div, what.direction_of.value);
  std::size_t const bytes = on.count() * sizeof(T);
  bool const short_floats = sizeof(T) == 2;
  row const info{.table = short_floats
                              ? "shift_add of 16-bit floats: y = S x + r; floor: vectorised y = x + r of as many "
                                "bytes of float"
                              : "shift_add: y = S x + r; floor: vectorised y = x + r",
                 .tensor = on.text(),
                 .variant = what.direction_of.text + type,
                 .n_div = what.n_div,
                 .bytes = 3 * static_cast<double>(bytes),
                 .target = target,
                 .footprint = bytes};
  add_row(info, [=] {
    auto const memory = tensors<T>(on.dims);
    tensor_view<T const> const x(memory.x, on.dims, on.order);
    tensor_view<T const> const r(memory.r, on.dims, on.order);
    tensor_view<T> const y(memory.y, on.dims, on.order);
    tensor_view<T> const want(memory.want, on.dims, on.order);
    tshift::shift_add(x, r, y, plan);
    tshift::reference::shift_add(x, r, want, plan);
    expect_equal(want, y);
    return std::pair([=] { tshift::shift_add(x, r, y, plan); },
                     [=] {
                       // Two numbers of 16 bits count as one float, whatever that is worth.
                       add_floor(reinterpret_cast<float const*>(x.data), reinterpret_cast<float const*>(r.data),
                                 reinterpret_cast<float*>(y.data), bytes / sizeof(float));
                     });
  });
}

void add_shift_add() {
  constexpr double targets[] = {1.10, 1.10, 1.15};
  for (tensor_case const& on : time_major_cases) {
    for (shift_case const& what : some_shifts()) add<float>(on, what, targets[on.size]);
  }
  for (tensor_case const& on : other_layouts) {
    for (way const w : {delay, both}) add<float>(on, {8, w}, 1.10);
  }
  for (tensor_case const& on : {large, medium}) {
    for (way const w : {delay, both}) {
      add<tshift::bfloat16>(on, {8, w}, 1.10, ", bfloat16");
      add<tshift::float16>(on, {8, w}, 1.10, ", float16");
    }
  }
}

registration const shift_add_rows(30, add_shift_add);

}  // namespace
}  // namespace tshift_bench
