// SPDX-License-Identifier: MIT
// y = S x + r: the shift and a skip connection in one pass. What is common to all operations: shift.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/executor.hpp>
#include <tshift/kernel/add.hpp>
#include <tshift/kernel/launch.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {
namespace detail {

template <class Arch, class Executor, class T>
void shift_add(Executor&& exec, tensor_view<T const> const& x, tensor_view<T const> const& r, tensor_view<T> const& y,
               shift_plan const& plan, T const& fill) {
  extent const from = check_view("shift_add", "x", x), other = check_view("shift_add", "r", r);
  extent const to = check_view("shift_add", "y", y);
  check_same_shape("shift_add", from, other);
  check_same_shape("shift_add", from, to);
  check_plan("shift_add", plan, from);
  check_writable("shift_add", to);
  bool const x_is_y = check_same_or_apart("shift_add", from, to);
  bool const r_is_y = check_same_or_apart("shift_add", other, to);
  if (x_is_y && r_is_y && !from.empty()) {
    fail("shift_add: x, r and y are the same view, y must be apart from x or from r");
  }
  if (from.empty()) return;
  kernel::fill_pattern const pattern(fill, plan.edge());
  auto const add_to_y = [&](extent const& source, extent const& beside, shift_plan const& by) {
    launch_walk<Arch>(exec, source, to, by, pattern,
                      kernel::adding<Arch, T>{reinterpret_cast<std::byte const*>(beside.address),
                                              reinterpret_cast<std::byte const*>(to.address)});
  };
  if (!x_is_y && other.step == to.step) return add_to_y(from, other, plan);
  // r is laid out otherwise, or x is overwritten: shift first, then y = r + y.
  if (x_is_y) {
    launch_inplace<Arch>(exec, from, plan, pattern);
  } else {
    launch_walk<Arch>(exec, from, to, plan, pattern, kernel::copying<Arch>{from.element_bytes});
  }
  add_to_y(other, to, shift_plan(plan.channels(), {}));
}

}  // namespace detail

/// y = S x + r, one rounding per element, also of 16-bit floats (float16.hpp); integers wrap.
/// @param r  read; may be y. One pass where r has y's strides and x is not y, otherwise a shift and an addition
/// @param x  may be y if r is not
template <class Arch = xsimd::default_arch, addable T>
void shift_add(std::type_identity_t<tensor_view<T const>> x, std::type_identity_t<tensor_view<T const>> r,
               tensor_view<T> y, shift_plan const& plan,
               std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift_add<Arch>(detail::run_here{}, x, r, y, plan, fill);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, addable T>
void shift_add(Executor&& exec, std::type_identity_t<tensor_view<T const>> x,
               std::type_identity_t<tensor_view<T const>> r, tensor_view<T> y, shift_plan const& plan,
               std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift_add<Arch>(exec, x, r, y, plan, fill);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
