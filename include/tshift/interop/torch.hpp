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
//             shift_options says otherwise. Nothing is copied first unless the dimensions of space of a tensor such as
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

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tshift/interop/torch_view.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/shift_inplace.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

namespace detail {

inline void check_same_kind(char const* operation, char const* name, at::Tensor const& r, at::Tensor const& x) {
  check_tensor(operation, name, r);
  if (r.scalar_type() != x.scalar_type()) {
    fail("%s: x has dtype %s, %s has %s", operation, c10::toString(x.scalar_type()), name,
         c10::toString(r.scalar_type()));
  }
  if (r.sizes() != x.sizes() || r.is_meta() != x.is_meta()) {
    fail("%s: x and %s must have one shape and one device", operation, name);
  }
}

/// The lengths as an operation reads them: N int64 side by side.
inline at::Tensor lengths_of(char const* operation, at::Tensor const& lengths, at::Tensor const& x) {
  if (!lengths.defined()) return lengths;
  check_tensor(operation, "lengths", lengths);
  if (lengths.is_meta() && !x.is_meta()) fail("%s: lengths is a meta tensor, x has data", operation);
  if (lengths.dim() != 1 || !c10::isIntegralType(lengths.scalar_type(), false)) {
    fail("%s: lengths is %s with %td dimensions, must be integers with one", operation,
         c10::toString(lengths.scalar_type()), static_cast<index_t>(lengths.dim()));
  }
  return lengths.to(at::kLong).contiguous();
}

/// Whether autograd would have to know of a write to x, or of a result made from it.
inline bool recorded(at::Tensor const& x) { return at::GradMode::is_enabled() && x.requires_grad(); }

/// An element that is only moved.
template <std::size_t Size>
struct element {
  std::byte bytes[Size];
};

/// Calls run(element<n>{}) for elements of n bytes.
template <class Run>
void by_size(char const* operation, at::Tensor const& x, Run const& run) {
  switch (x.element_size()) {
    case 1: return run(element<1>{});
    case 2: return run(element<2>{});
    case 4: return run(element<4>{});
    case 8: return run(element<8>{});
    case 16: return run(element<16>{});
    default: fail("%s: dtype %s has %td bytes", operation, c10::toString(x.scalar_type()), x.element_size());
  }
}

template <class T>
T fill_of(at::Tensor const& x, shift_plan const& plan, at::Scalar const& fill) {
  T bits{};
  if (plan.edge() != padding::zero || (fill.isIntegral(true) && fill.toLong() == 0)) return bits;
  at::Tensor const one = at::full({}, fill, x.options());
  std::memcpy(&bits, one.data_ptr(), sizeof(T));
  return bits;
}

/// An operation that is about to happen: its arguments checked, and a place for its result.
struct prepared {
  at::Tensor x, y, lengths;
  axes where;

  prepared(char const* operation, at::Tensor const& from, shift_plan const& plan, shift_options const& how)
      : where(operation, (check_tensor(operation, "x", from), from.dim()), how) {
    lengths = lengths_of(operation, how.lengths, from);
    auto const channels = static_cast<index_t>(from.size(where.channels));
    if (plan.channels() != channels) {  // said here too because a meta tensor goes no further
      fail("%s: plan has %td channels, x has %td", operation, plan.channels(), channels);
    }
    x = from.resolve_conj().resolve_neg();
    y = at::empty_like(x);
    where.follow(y);
    if (!where.space_stride(x).first || !where.space_stride(y).first) {
      x = x.contiguous();
      y = at::empty_like(x);
      where.follow(y);
    }
  }

  bool has_data() const { return !y.is_meta(); }

  template <class T>
  tensor_view<T const> from() const {
    return view_along<T>(x, where, lengths);
  }
  template <class T>
  tensor_view<T> to() const {
    return view_along<T>(y, where);
  }
};

inline at::Tensor run_shift(char const* operation, at::Tensor const& x, shift_plan const& plan,
                            shift_options const& how) {
  prepared const job(operation, x, plan, how);
  if (!job.has_data()) return job.y;
  by_size(operation, x, [&]<class T>(T) {
    shift(torch_executor{}, job.from<T>(), job.to<T>(), plan, fill_of<T>(x, plan, how.fill));
  });
  return job.y;
}

inline at::Tensor run_adjoint(at::Tensor const& dy, shift_plan const& plan, shift_options const& how) {
  constexpr char const* operation = "temporal_shift_adjoint";
  if (plan.edge() == padding::zero || plan.edge() == padding::circular) {
    shift_options zero = how;
    zero.fill = 0;
    return run_shift(operation, dy, plan.adjoint(), zero);
  }
  prepared const job(operation, dy, plan, how);
  if (!job.has_data()) return job.y;
  AT_DISPATCH_ALL_TYPES_AND_COMPLEX_AND2(at::kHalf, at::kBFloat16, job.y.scalar_type(), operation, [&] {
    shift_adjoint(torch_executor{}, job.from<scalar_t>(), job.to<scalar_t>(), plan);
  });
  return job.y;
}

inline at::Tensor run_add(at::Tensor const& x, at::Tensor const& r, shift_plan const& plan, shift_options const& how) {
  constexpr char const* operation = "temporal_shift_add";
  prepared const job(operation, x, plan, how);
  check_same_kind(operation, "r", r, x);
  if (!job.has_data()) return job.y;
  at::Tensor beside = r.resolve_conj().resolve_neg();
  if (!job.where.space_stride(beside).first) beside = at::empty_like(job.y).copy_(beside);
  AT_DISPATCH_ALL_TYPES_AND_COMPLEX_AND2(at::kHalf, at::kBFloat16, job.y.scalar_type(), operation, [&] {
    shift_add(torch_executor{}, job.from<scalar_t>(), view_along<scalar_t>(beside, job.where), job.to<scalar_t>(), plan,
              fill_of<scalar_t>(x, plan, how.fill));
  });
  return job.y;
}

/// How a recorded operation computes: here at once; in torch_library.hpp through PyTorch's dispatcher.
struct at_once {
  static at::Tensor shift(at::Tensor const& x, shift_plan const& plan, shift_options const& how) {
    return run_shift("temporal_shift", x, plan, how);
  }
  static at::Tensor adjoint(at::Tensor const& dy, shift_plan const& plan, shift_options const& how) {
    return run_adjoint(dy, plan, how);
  }
};

/// What backward needs. The lengths are a copy: the caller's may change before.
struct remembered final : torch::CustomClassHolder {
  shift_plan plan;
  shift_options how;

  remembered(shift_plan const& by, shift_options options) : plan(by), how(std::move(options)) {
    if (how.lengths.defined()) how.lengths = how.lengths.clone();
  }
};

/// S, or S' where Adjoint, as autograd knows it: the operation is linear, and each is the other's gradient.
template <class Route, bool Adjoint>
struct recording : torch::autograd::Function<recording<Route, Adjoint>> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor const& x, shift_plan const& plan,
                            shift_options const& how) {
    context->saved_data["call"] = c10::IValue::make_capsule(c10::make_intrusive<remembered>(plan, how));
    return Adjoint ? Route::adjoint(x, plan, how) : Route::shift(x, plan, how);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list dy) {
    auto const call = c10::static_intrusive_pointer_cast<remembered>(context->saved_data["call"].toCapsule());
    shift_options how = call->how;
    how.fill = 0;
    return {recording<Route, !Adjoint>::apply(dy[0], call->plan, how), at::Tensor(), at::Tensor()};
  }
};

}  // namespace detail

/// y = S x, a new tensor. Recorded by autograd; the gradient is S' dy, and that one's is a shift again.
inline at::Tensor temporal_shift(at::Tensor const& x, shift_plan const& plan, shift_options const& how = {}) {
  if (x.defined() && detail::recorded(x)) return detail::recording<detail::at_once, false>::apply(x, plan, how);
  return detail::at_once::shift(x, plan, how);
}

/// dx = S' dy, a new tensor. Recorded by autograd. how.fill is not used.
inline at::Tensor temporal_shift_adjoint(at::Tensor const& dy, shift_plan const& plan, shift_options const& how = {}) {
  if (dy.defined() && detail::recorded(dy)) return detail::recording<detail::at_once, true>::apply(dy, plan, how);
  return detail::at_once::adjoint(dy, plan, how);
}

/// y = S x + r, a new tensor: the skip connection.
/// @param r  of x's shape and dtype
/// Recorded by autograd, as a shift and an addition; otherwise one pass, with the same bits.
inline at::Tensor temporal_shift_add(at::Tensor const& x, at::Tensor const& r, shift_plan const& plan,
                                     shift_options const& how = {}) {
  if (x.defined() && r.defined() && (detail::recorded(x) || detail::recorded(r))) {
    detail::check_same_kind("temporal_shift_add", "r", r, x);
    return at::add(temporal_shift(x, plan, how), r);
  }
  return detail::run_add(x, r, plan, how);
}

/// x = S x in x's own memory: only the channels that move are touched. Returns x.
/// @throws shape_error  also if autograd watches x, as the write would be missing from the graph; if its dimensions of
///                      space have no common stride; if elements of x share memory
inline at::Tensor const& temporal_shift_(at::Tensor const& x, shift_plan const& plan, shift_options const& how = {}) {
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
