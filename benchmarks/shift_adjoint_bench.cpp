// SPDX-License-Identifier: MIT
// shift_adjoint: dx = S' dy, the backward pass, beside memcpy of the tensor. No target is set for it; with padding zero
// it moves the same bytes as shift does.
#include "support.hpp"

namespace tshift_bench { namespace {

/// dx = S' dy by scattering: every dy[t] is added to the frame that y[t] came from. The same sums as
/// reference::shift_adjoint, in time linear in the number of frames instead of quadratic. At the small size the two
/// are compared.
template <class T>
void scatter(tensor_view<T const> dy, tensor_view<T> dx, shift_plan const& plan) {
  namespace reference = tshift::reference;
  std::vector<tshift::detail::sum_type<T>> totals(static_cast<std::size_t>(dx.size()));
  tensor_view const sums(totals, dx.shape, dx.strides);
  reference::for_each_element(dy.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    index_t const from = reference::source_frame(t, reference::offset_of(plan, c), dy.length(n), plan.edge());
    if (from >= 0) sums(n, from, c, s) += tshift::detail::to_sum<T>(dy(n, t, c, s));
  });
  reference::for_each_element(dy.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    dx(n, t, c, s) = tshift::detail::from_sum<T>(sums(n, t, c, s));
  });
}

template <class T>
void add(tensor_case const& whole, std::string const& variant, index_t n_div, shift_plan const& plan, bool in_place,
         std::string const& type = "") {
  tensor_case const on = sized(whole, n_div, variant);
  std::size_t const size = on.count() * sizeof(T);
  double const bytes = static_cast<double>(size);
  double const share = in_place ? moved_share(plan) : 1;
  std::string const table = std::string(in_place ? "shift_adjoint_inplace" : "shift_adjoint") +
                            (sizeof(T) == 2 ? " of 16-bit floats" : "") +
                            (in_place ? ": dy = S' dy; floor: memcpy x share of channels moved"
                                      : ": dx = S' dy; floor: memcpy of the tensor");
  row const info{.table = table,
                 .tensor = on.text(),
                 .variant = variant + type,
                 .n_div = n_div,
                 .bytes = 2 * bytes * share,
                 .share = share,
                 .footprint = size};
  auto const verified = [=] {
    auto const memory = tensors<T>(on.dims);
    tensor_view<T const> const dy(memory.x, on.dims, on.order);
    tensor_view<T> const dx(memory.y, on.dims, on.order);
    tensor_view<T> const want(memory.want, on.dims, on.order);
    if (in_place) {
      std::memcpy(dx.data, dy.data, size);
      tshift::shift_adjoint_inplace(dx, plan);
    } else {
      tshift::shift_adjoint(dy, dx, plan);
    }
    scatter<T>(dy, want, plan);
    expect_equal(want, dx);
    if (on.size == small.size) {
      tshift::reference::shift_adjoint(dy, want, plan);
      expect_equal(want, dx);
    }
    return std::pair(dy, dx);
  };
  auto const floor = [size](auto const& pair) { return [=] { std::memcpy(pair.second.data, pair.first.data, size); }; };
  if (in_place) {
    add_row(info, [=] {
      auto const pair = verified();
      return std::pair([=] { tshift::shift_adjoint_inplace(pair.second, plan); }, floor(pair));
    });
  } else {
    add_row(info, [=] {
      auto const pair = verified();
      return std::pair([=] { tshift::shift_adjoint(pair.first, pair.second, plan); }, floor(pair));
    });
  }
}

void add_shift_adjoint() {
  using tshift::presets::shiftser;
  for (bool const in_place : {false, true}) {
    for (tensor_case const& on : time_major_cases) {
      for (way const w : {delay, both}) {
        for (index_t const n_div : {4, 16}) {
          add<float>(on, w.text, n_div, shiftser(on.dims.channels, n_div, w.value), in_place);
        }
      }
      add<float>(on, "both, keep", 8, shiftser(on.dims.channels, 8, direction::both, 1, padding::keep), in_place);
      add<float>(on, "both, edge", 8, shiftser(on.dims.channels, 8, direction::both, 1, padding::edge), in_place);
      add<float>(on, "both, circular", 8, shiftser(on.dims.channels, 8, direction::both, 1, padding::circular),
                 in_place);
    }
    for (tensor_case const& on : {large, medium}) {
      for (padding const edge : {padding::zero, padding::keep, padding::edge}) {
        std::string const variant = edge == padding::zero   ? "both"
                                    : edge == padding::keep ? "both, keep"
                                                            : "both, edge";
        shift_plan const plan = shiftser(on.dims.channels, 8, direction::both, 1, edge);
        add<tshift::bfloat16>(on, variant, 8, plan, in_place, ", bfloat16");
        add<tshift::float16>(on, variant, 8, plan, in_place, ", float16");
      }
    }
  }
}

registration const shift_adjoint_rows(40, add_shift_adjoint);

}  // namespace
}  // namespace tshift_bench
