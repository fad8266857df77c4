// SPDX-License-Identifier: MIT
// y = S x: the shift out of place. Every byte is read once and written once.
//
// Common to all:
//   x, y      views of one shape, each with its own layout or strides; T is any trivially copyable type (shift_add and
//             shift_adjoint: one with +). x deduces from y, so a writable view may be passed where a const one is read.
//   lengths   those of the input count; an output's may be empty or must be equal. Frames behind a sequence's length
//             are copied through.
//   fill      what padding::zero puts into vacated frames; T{} unless given (a quantised tensor's zero point).
//   executor  optional first argument, see executor.hpp; the bytes written do not depend on it.
//   Arch      optional first template argument: the xsimd architecture to compile for, default_arch unless given.
//   throws    shape_error before the first write: plan and view disagree, sizes or lengths differ, strides of an output
//             share memory, views overlap in part. Nothing else is thrown, and nothing is allocated or locked.
//   cost      O(bytes moved); exact: elements are moved, never computed. NaN payloads and signed zeros survive.
// Source: Lin et al. 2019, arXiv:1811.08383 (TSM); Shen et al. 2023 (ShiftSER). Definition: reference.hpp.
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
void shift(Executor&& run, tensor_view<T const> const& x, tensor_view<T> const& y, shift_plan const& plan,
           T const& fill) {
  extent const from = check_view("shift", "x", x), to = check_view("shift", "y", y);
  check_same_shape("shift", from, to);
  check_plan("shift", plan, from);
  check_writable("shift", to);
  bool const same = check_same_or_apart("shift", from, to);
  if (from.empty()) return;
  kernel::fill_pattern const pattern(fill, plan.edge());
  if (same) return run_inplace<Arch>(run, from, plan, pattern);
  run_walk<Arch>(run, from, to, plan, pattern, kernel::copying<Arch>{from.element_bytes});
}

}  // namespace detail

/// y = S x: y[n, t, c, s] = x[n, t - offset(c), c, s], or what the plan's padding says where that frame is outside.
/// @param x     read; may be the same view as y (then in place), otherwise shares no element with it
/// @param y     written; strides must give every element its own place
/// @param plan  for x's number of channels
/// @param fill  for padding::zero
/// Reads and writes every byte once; from TSHIFT_STREAMING_BYTES on around the caches.
template <class Arch = xsimd::default_arch, class T>
void shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y, shift_plan const& plan,
           std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift<Arch>(detail::run_here{}, x, y, plan, fill);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void shift(Executor&& run, std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y, shift_plan const& plan,
           std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift<Arch>(run, x, y, plan, fill);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
