// SPDX-License-Identifier: MIT
// x = S x: the shift in place. Only the channels that move are touched. What is common to all operations: shift.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/executor.hpp>
#include <tshift/kernel/launch.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {
namespace detail {

template <class Arch, class Executor, class T>
void shift_inplace(Executor&& exec, tensor_view<T> const& x, shift_plan const& plan, T const& fill) {
  extent const data = check_view("shift_inplace", "x", x);
  check_plan("shift_inplace", plan, data);
  check_writable("shift_inplace", data);
  if (!data.empty()) launch_inplace<Arch>(exec, data, plan, kernel::fill_pattern(fill, plan.edge()));
}

}  // namespace detail

/// x = S x. Reads and writes only the channels that move; all other bytes, and gaps between strides, stay as they are.
/// In a residual block: the identity path must not read x afterwards, or it sees the shifted frames
/// (examples/03_residual_block.cpp).
template <class Arch = xsimd::default_arch, class T>
void shift_inplace(tensor_view<T> x, shift_plan const& plan,
                   std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift_inplace<Arch>(detail::run_here{}, x, plan, fill);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void shift_inplace(Executor&& exec, tensor_view<T> x, shift_plan const& plan,
                   std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift_inplace<Arch>(exec, x, plan, fill);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
