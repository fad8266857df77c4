// SPDX-License-Identifier: MIT
// The operations on PyTorch's tensors, with autograd. Needs libtorch, made for 1.13 (Debian 12: libtorch-dev).
//
//   temporal_shift             y = S x       recorded by autograd, differentiable any number of times
//   temporal_shift_adjoint     dx = S' dy    recorded as well
//   temporal_shift_add         y = S x + r   recorded as well; one pass where nothing is recorded
//   temporal_shift_            x = S x       not recorded: refuses an x that autograd watches
//
// Common to the operations on tensors:
//   x         on the CPU, strided, of any dtype that is not quantised; any strides. [N,T,C] or video [N,T,C,H,W] unless
//             tensor_dims says otherwise. Nothing is copied first unless the dimensions of space of a tensor such as
//             x[..., 1:9, 1:9] cannot be walked with one stride: such an x is made contiguous, except in place.
//   result    a new tensor with x's shape, and x's memory order where x is dense (as torch.empty_like has it).
//   dtypes    elements are moved, whatever they are; sums (temporal_shift_add, and adjoints for keep and edge) exist
//             for integers, floating point with Half and BFloat16, and ComplexFloat and ComplexDouble.
//   throws    shape_error before the first write; c10::Error for a dtype that has no sums, or a fill it cannot hold.
//   cost      the operation's, see shift.hpp, and one tensor's allocation. Meta tensors cost nothing: their result has
//             a shape and no data.
// torch_library.hpp registers the same as operators for Python and TorchScript.
#pragma once

#include <tshift/macros/away.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>

#include <tshift/interop/torch_calls.hpp>
#include <tshift/interop/torch_view.hpp>
#include <tshift/shift_inplace.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

/// y = S x, a new tensor. Recorded by autograd; the gradient is S' dy, and that one's is a shift again.
inline at::Tensor temporal_shift(at::Tensor const& x, shift_plan const& plan, tensor_dims const& how = {}) {
  if (x.defined() && detail::recorded(x)) return detail::recording<detail::at_once, false>::apply(x, plan, how);
  return detail::at_once::shift(x, plan, how);
}

/// dx = S' dy, a new tensor. Recorded by autograd. how.fill is not used.
inline at::Tensor temporal_shift_adjoint(at::Tensor const& dy, shift_plan const& plan, tensor_dims const& how = {}) {
  if (dy.defined() && detail::recorded(dy)) return detail::recording<detail::at_once, true>::apply(dy, plan, how);
  return detail::at_once::adjoint(dy, plan, how);
}

/// y = S x + r, a new tensor: the skip connection.
/// @param r  of x's shape and dtype
/// Recorded by autograd, as a shift and an addition; otherwise one pass, with the same bits.
inline at::Tensor temporal_shift_add(at::Tensor const& x, at::Tensor const& r, shift_plan const& plan,
                                     tensor_dims const& how = {}) {
  if (x.defined() && r.defined() && (detail::recorded(x) || detail::recorded(r))) {
    detail::check_same_kind("temporal_shift_add", "r", r, x);
    return at::add(temporal_shift(x, plan, how), r);
  }
  return detail::run_add(x, r, plan, how);
}

/// x = S x in x's own memory: only the channels that move are touched. Returns x.
/// @throws shape_error  also if autograd watches x, as the write would be missing from the graph; if its dimensions of
///                      space have no common stride; if elements of x share memory
inline at::Tensor const& temporal_shift_(at::Tensor const& x, shift_plan const& plan, tensor_dims const& how = {}) {
  constexpr char const* operation = "temporal_shift_";
  detail::check_tensor(operation, "x", x);
  if (detail::recorded(x)) detail::fail("temporal_shift_: x requires a gradient, which in place has none");
  if (x.is_conj() || x.is_neg()) detail::fail("temporal_shift_: x is a lazy conjugate or negative, take a copy of it");
  detail::axes where(operation, x.dim(), how);
  where.follow(x);
  if (!where.space_stride(x).first) {
    detail::fail("temporal_shift_: the dimensions of space have no common stride, take a contiguous copy");
  }
  at::Tensor const lengths = detail::lengths_of(operation, how.lengths, x);
  if (x.is_meta()) return x;
  detail::by_size(operation, x, [&]<class T>(T) {
    shift_inplace(torch_executor{}, detail::view_along<T>(x, where, lengths), plan,
                  detail::fill_of<T>(x, plan, how.fill));
  });
  x.unsafeGetTensorImpl()->bump_version();  // a graph that saved x must notice
  return x;
}

}}}}  // namespace tshift::interop

#include <tshift/macros/back.hpp>
