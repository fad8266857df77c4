// SPDX-License-Identifier: MIT
// y = S x: the shift out of place.
//
// Common to all:
//   x, y      views of one shape, each with its own layout or strides; T is any trivially copyable type (shift_add and
//             shift_adjoint: one with +). x deduces from y, so a writable view may be passed where a const one is read.
//   lengths   those of the input count; an output's may be empty or must be equal. Frames after a sequence's end
//             are copied through.
//   fill      what padding::zero puts into vacated frames; T{} unless given (a quantised tensor's zero point).
//   executor  optional first argument, see executor.hpp; the bytes written do not depend on it. Not asked where less
//             than 256 KiB move.
//   Arch      optional first template argument: the xsimd architecture to compile for, default_arch unless given.
//   throws    shape_error before the first write: plan and view disagree, sizes or lengths differ, strides of an output
//             share memory, views overlap in part. Nothing else is thrown, and nothing is allocated or locked.
//   cost      O(bytes moved); exact: elements are moved, never computed. NaN payloads and signed zeros survive.
// Source: Lin et al. 2019, arXiv:1811.08383 (TSM); Shen et al. 2023 (ShiftSER). Definition: reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/executor.hpp>
#include <tshift/kernel/launch.hpp>
#include <tshift/kernel/overlay.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {
namespace detail {

/// Not in one function with the shortcut, so that a small call does not set up what it will not use.
/// @param dense_bytes  as dense_pair_bytes says: above 0, nothing is left to check
template <class Arch, class Executor, class T>
[[gnu::noinline]] void shift_any(Executor&& exec, tensor_view<T const> const& x, tensor_view<T> const& y,
                                 shift_plan const& plan, T const& fill, index_t dense_bytes) {
  bool const checked = dense_bytes > 0;
  extent const from = checked ? extent_of("x", x, dense_bytes) : check_view("shift", "x", x);
  extent const to = checked ? extent_of("y", y, dense_bytes) : check_view("shift", "y", y);
  bool same = false;
  if (!checked) {
    check_same_shape("shift", from, to);
    check_plan("shift", plan, from);
    check_writable("shift", to);
    same = check_same_or_apart("shift", from, to);
    if (from.empty()) return;
  }
  kernel::fill_pattern const pattern(fill, plan.edge());
  if (same) return launch_inplace<Arch>(exec, from, plan, pattern);
  launch_walk<Arch>(exec, from, to, plan, pattern, kernel::copying<Arch>{from.element_bytes});
}

template <class Arch, class Executor, class T>
void shift(Executor&& exec, tensor_view<T const> const& x, tensor_view<T> const& y, shift_plan const& plan,
           T const& fill) {
  index_t const bytes = dense_pair_bytes(x, y, plan);
  if (bytes == 0 || !kernel::overlay_pays(bytes, plan)) return shift_any<Arch>(exec, x, y, plan, fill, bytes);
  kernel::fill_pattern const pattern(fill, plan.edge(), plan.moved() * y.shape.space * index_t{sizeof(T)});
  kernel::overlay<Arch>(y.shape, plan, index_t{sizeof(T)}, pattern, reinterpret_cast<std::byte const*>(x.data),
                        reinterpret_cast<std::byte*>(y.data));
}

}  // namespace detail

/// y = S x: y[n, t, c, s] = x[n, t - offset(c), c, s], or what the plan's padding says where that frame is outside.
/// @param x     read; may be the same view as y (then in place), otherwise shares no element with it
/// @param y     written; strides must give every element its own place
/// @param plan  for x's number of channels
/// @param fill  for padding::zero
/// Reads and writes every byte once, from TSHIFT_STREAMING_BYTES on around the caches; in dense tensors below 256 KiB
/// of which little moves, the channels that move are written twice.
template <class Arch = xsimd::default_arch, class T>
void shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y, shift_plan const& plan,
           std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift<Arch>(detail::run_here{}, x, y, plan, fill);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, class T>
void shift(Executor&& exec, std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y, shift_plan const& plan,
           std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift<Arch>(exec, x, y, plan, fill);
}

}}}  // namespace tshift

#include <tshift/macros/back.hpp>
