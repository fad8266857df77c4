// SPDX-License-Identifier: MIT
// shift_inplace: x = S x, beside the share of a memcpy of the tensor that the moved channels make up.
#include "support.hpp"

namespace tshift_bench { namespace {

/// One row. The floor copies fresh values over the tensor, which the operation then shifts: it always finds the tensor
/// as a memcpy leaves it, and never a tensor that earlier rounds have shifted to zeros.
void add(tensor_case const& whole, shift_case const& what, double target) {
  tensor_case const on = sized(whole, what.n_div, what.direction_of.text);
  shift_plan const plan = tshift::presets::shiftser(on.dims.channels, what.n_div, what.direction_of.value);
  double const bytes = static_cast<double>(on.count() * sizeof(float));
  row const info{.table = "shift_inplace: x = S x; floor: memcpy of the tensor x share of channels moved",
                 .tensor = on.text(),
                 .variant = what.direction_of.text,
                 .n_div = what.n_div,
                 .bytes = 2 * bytes * moved_share(plan),
                 .share = moved_share(plan),
                 .target = target,
                 .footprint = on.count() * sizeof(float)};
  add_row(info, [=] {
    auto const memory = tensors<float>(on.dims);
    std::size_t const size = memory.count * sizeof(float);
    tensor_view<float const> const fresh(memory.x, on.dims, on.order);
    tensor_view<float> const x(memory.y, on.dims, on.order);
    tensor_view<float> const want(memory.want, on.dims, on.order);
    std::memcpy(x.data, fresh.data, size);
    tshift::shift_inplace(x, plan);
    tshift::reference::shift(fresh, want, plan);
    expect_equal(want, x);
    return std::pair([=] { tshift::shift_inplace(x, plan); }, [=] { std::memcpy(x.data, fresh.data, size); });
  });
}

void add_shift_inplace() {
  constexpr double targets[] = {1.15, 1.25, 2.00};
  for (tensor_case const& on : time_major_cases) {
    for (shift_case const& what : all_shifts()) add(on, what, targets[on.size]);
  }
  for (tensor_case const& on : other_layouts) {
    for (shift_case const& what : some_shifts()) add(on, what, targets[on.size]);
  }
}

registration const shift_inplace_rows(20, add_shift_inplace);

}  // namespace
}  // namespace tshift_bench
