// SPDX-License-Identifier: MIT
// The operations. Every one checks its arguments, then makes one call into kernel/.
//
//   shift            y  = S x           every byte read once and written once
//   shift_inplace    x  = S x           only the channels that move
//   shift_add        y  = S x + r       the skip connection in one pass
//   shift_adjoint    dx = S' dy         the exact transpose: what a gradient flows back through
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

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/add.hpp>
#include <tshift/config.hpp>
#include <tshift/executor.hpp>
#include <tshift/kernel/adjoint.hpp>
#include <tshift/kernel/inplace.hpp>
#include <tshift/kernel/walk.hpp>
#include <tshift/operand.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA {
namespace detail {

inline kernel::task task_of(extent const& x, shift_plan const& plan, kernel::fill_pattern const& fill) noexcept {
  return {x.dims, x.lengths, x.element_bytes, plan.edge(), kernel::segments_of(plan), &fill};
}

/// Calls part(first, last) for the channels of all sequences that move, shared out.
template <class Executor, class Part>
void run_moved(Executor&& run, extent const& x, shift_plan const& plan, Part const& part) {
  index_t const frame_bytes = x.dims.time * x.dims.space * x.element_bytes;
  share(run, x.dims.batch * plan.moved(), x.dims.batch * plan.moved() * frame_bytes, part);
}

/// Whether a tensor is so large that a walk against its order should ask for memory ahead of time.
inline bool is_far(extent const& x) noexcept { return bytes_of(x) >= TSHIFT_STREAMING_BYTES / 8; }

template <class Arch, class Executor>
void run_inplace(Executor&& run, extent const& x, shift_plan const& plan, kernel::fill_pattern const& fill) {
  kernel::task const job = task_of(x, plan, fill);
  kernel::operand<std::byte> const data = operand_of<std::byte>(x);
  bool const far = is_far(x);
  run_moved(run, x, plan,
            [&](index_t first, index_t last) noexcept { kernel::shift_inplace<Arch>(data, job, far, first, last); });
}

template <class Arch, class Executor, class What>
void run_walk(Executor&& run, extent const& x, extent const& y, shift_plan const& plan,
              kernel::fill_pattern const& fill, What const& what) {
  kernel::task const job = task_of(x, plan, fill);
  kernel::route const way(job, operand_of<std::byte>(y), operand_of<std::byte const>(x));
  index_t const bytes = bytes_of(y);
  bool const streaming = bytes >= TSHIFT_STREAMING_BYTES;
  share(run, way.units, bytes,
        [&](index_t first, index_t last) noexcept { kernel::walk<Arch>(way, job, what, streaming, first, last); });
}

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

template <class Arch, class Executor, class T>
void shift_inplace(Executor&& run, tensor_view<T> const& x, shift_plan const& plan, T const& fill) {
  extent const data = check_view("shift_inplace", "x", x);
  check_plan("shift_inplace", plan, data);
  check_writable("shift_inplace", data);
  if (!data.empty()) run_inplace<Arch>(run, data, plan, kernel::fill_pattern(fill, plan.edge()));
}

template <class Arch, class Executor, class T>
void shift_add(Executor&& run, tensor_view<T const> const& x, tensor_view<T const> const& r, tensor_view<T> const& y,
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
    run_walk<Arch>(run, source, to, by, pattern,
                   kernel::adding<Arch, T>{reinterpret_cast<std::byte const*>(beside.address),
                                           reinterpret_cast<std::byte const*>(to.address)});
  };
  if (!x_is_y && other.step == to.step) return add_to_y(from, other, plan);
  // r is laid out otherwise, or x is overwritten: shift first, then y = r + y.
  if (x_is_y) {
    run_inplace<Arch>(run, from, plan, pattern);
  } else {
    run_walk<Arch>(run, from, to, plan, pattern, kernel::copying<Arch>{from.element_bytes});
  }
  add_to_y(other, to, shift_plan(plan.channels(), {}));
}

template <class Arch, class Executor, class T>
void shift_adjoint(Executor&& run, char const* operation, tensor_view<T const> const& dy, char const* output,
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
    run_walk<Arch>(run, from, to, back, pattern, kernel::copying<Arch>{from.element_bytes});
  } else if (!sums) {
    run_inplace<Arch>(run, from, back, pattern);
  }
  if (!sums) return;
  kernel::task const job = task_of(from, plan, pattern);
  auto const source = operand_of<std::byte const>(from);
  auto const target = operand_of<std::byte>(to);
  bool const far = is_far(from);
  run_moved(run, from, plan, [&](index_t first, index_t last) noexcept {
    if (same) {
      kernel::adjoint_inplace<Arch, T>(target, job, far, first, last);
    } else {
      kernel::adjoint_sums<T>(source, target, job, first, last);
    }
  });
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
void shift_inplace(Executor&& run, tensor_view<T> x, shift_plan const& plan,
                   std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift_inplace<Arch>(run, x, plan, fill);
}

/// y = S x + r, one rounding per element; integers wrap.
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
void shift_add(Executor&& run, std::type_identity_t<tensor_view<T const>> x,
               std::type_identity_t<tensor_view<T const>> r, tensor_view<T> y, shift_plan const& plan,
               std::type_identity_t<T> const& fill = detail::default_fill<T>()) {
  detail::check_types<Arch, T>();
  detail::shift_add<Arch>(run, x, r, y, plan, fill);
}

/// dx = S' dy, S' the transpose of S: <S x, dy> = <x, dx> for all x. Each dx[u] is the sum of the dy[t] whose frame t
/// came from u, in ascending t; zero and circular have one at most. dx may be dy. Behind a sequence's length dx = dy.
template <class Arch = xsimd::default_arch, addable T>
void shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx, shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch>(detail::run_here{}, "shift_adjoint", dy, "dx", dx, plan);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, addable T>
void shift_adjoint(Executor&& run, std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                   shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch>(run, "shift_adjoint", dy, "dx", dx, plan);
}

/// dy = S' dy. Touches only the channels that move.
template <class Arch = xsimd::default_arch, addable T>
void shift_adjoint_inplace(tensor_view<T> dy, shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch, detail::run_here, T>({}, "shift_adjoint_inplace", dy, "dy", dy, plan);
}

/// The same, the work shared out by an executor.
template <class Arch = xsimd::default_arch, executor Executor, addable T>
void shift_adjoint_inplace(Executor&& run, tensor_view<T> dy, shift_plan const& plan) {
  detail::check_types<Arch, T>();
  detail::shift_adjoint<Arch, Executor&, T>(run, "shift_adjoint_inplace", dy, "dy", dy, plan);
}

}  // namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA

#include <tshift/macros/back.hpp>
