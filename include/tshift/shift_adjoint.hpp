// SPDX-License-Identifier: MIT
// dx = S' dy: the exact transpose of a shift, what a gradient flows back through. What is common to all operations:
// shift.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/executor.hpp>
#include <tshift/kernel/add.hpp>
#include <tshift/kernel/adjoint.hpp>
#include <tshift/kernel/launch.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {
namespace detail {

template <class Arch, class Executor, class T>
void shift_adjoint(Executor&& exec, char const* operation, tensor_view<T const> const& dy, char const* output,
                   tensor_view<T> const& dx, shift_plan const& plan) {
  extent const from = check_view(operation, "dy", dy), to = check_view(operation, output, dx);
  check_same_shape(operation, from, to);
  check_plan(operation, plan, from);
  check_writable(operation, to);
  bool const same = check_same_or_apart(operation, from, to);
  if (from.empty()) return;
  T const none{};
  kernel::fill_pattern const pattern(none, padding::zero);
  // The transpose of a zero-padded or circular shift is one; the others are zero-padded shifts and some sums.
  bool const sums = plan.edge() == padding::keep || plan.edge() == padding::edge;
  shift_plan const back = plan.reversed(sums ? padding::zero : plan.edge());
  if (!same) {
    launch_walk<Arch>(exec, from, to, back, pattern, kernel::copying<Arch>{from.element_bytes});
  } else if (!sums) {
    launch_inplace<Arch>(exec, from, back, pattern);
  }
  if (!sums) return;
  kernel::task const job = task_of(from, plan, pattern);
  auto const source = operand_of<std::byte const>(from);
  auto const target = operand_of<std::byte>(to);
  bool const far = is_far(from);
  share_moved(exec, from, plan, [&source, &target, &job, same, far](index_t first, index_t last) noexcept {
    if (same) {
      kernel::adjoint_inplace<Arch, T>(target, job, far, first, last);
    } else {
      kernel::adjoint_sums<Arch, T>(source, target, job, first, last);
    }
  });
}

}  // namespace detail

/// dx = S' dy, S' the transpose of S: <S x, dy> = <x, dx> for all x. Each dx[u] is the sum of the dy[t] whose frame t
/// came from u, in ascending t; zero and circular have one at most. dx may be dy. After a sequence's end dx = dy.
/// Every addition rounds to T; but 16-bit floats (float16.hpp) are added up in float, in that order, and the sum of
/// several is rounded to T once, at the end. A sum of one is that element, with all its bits.
template <class Arch = xsimd::default_arch, addable T>
void shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx, shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch>(detail::run_here{}, "shift_adjoint", dy, "dx", dx, plan);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, addable T>
void shift_adjoint(Executor&& exec, std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                   shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch>(exec, "shift_adjoint", dy, "dx", dx, plan);
}

/// dy = S' dy. Touches only the channels that move.
template <class Arch = xsimd::default_arch, addable T>
void shift_adjoint_inplace(tensor_view<T> dy, shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch, detail::run_here, T>({}, "shift_adjoint_inplace", dy, "dy", dy, plan);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, addable T>
void shift_adjoint_inplace(Executor&& exec, tensor_view<T> dy, shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch, Executor&, T>(exec, "shift_adjoint_inplace", dy, "dy", dy, plan);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
