// SPDX-License-Identifier: MIT
// Between PyTorch's tensors and the operations, for torch.hpp and torch_library.hpp: what a call checks and allocates, and
// what autograd is told. Not for users.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tshift/interop/torch_view.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>
#include <tshift/shift_adjoint.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop { namespace detail {

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

/// Calls call(element<n>{}) for elements of n bytes.
template <class Call>
void by_size(char const* operation, at::Tensor const& x, Call const& call) {
  switch (x.element_size()) {
    case 1: return call(element<1>{});
    case 2: return call(element<2>{});
    case 4: return call(element<4>{});
    case 8: return call(element<8>{});
    case 16: return call(element<16>{});
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

  prepared(char const* operation, at::Tensor const& from, shift_plan const& plan, tensor_dims const& how)
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
                            tensor_dims const& how) {
  prepared const job(operation, x, plan, how);
  if (!job.has_data()) return job.y;
  by_size(operation, x, [&]<class T>(T) {
    shift(torch_executor{}, job.from<T>(), job.to<T>(), plan, fill_of<T>(x, plan, how.fill));
  });
  return job.y;
}

inline at::Tensor run_adjoint(at::Tensor const& dy, shift_plan const& plan, tensor_dims const& how) {
  constexpr char const* operation = "temporal_shift_adjoint";
  if (plan.edge() == padding::zero || plan.edge() == padding::circular) {
    tensor_dims zero = how;
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

inline at::Tensor run_add(at::Tensor const& x, at::Tensor const& r, shift_plan const& plan, tensor_dims const& how) {
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
  static at::Tensor shift(at::Tensor const& x, shift_plan const& plan, tensor_dims const& how) {
    return run_shift("temporal_shift", x, plan, how);
  }
  static at::Tensor adjoint(at::Tensor const& dy, shift_plan const& plan, tensor_dims const& how) {
    return run_adjoint(dy, plan, how);
  }
};

/// What backward needs. The lengths are a copy: the caller's may change before.
struct remembered final : torch::CustomClassHolder {
  shift_plan plan;
  tensor_dims how;

  remembered(shift_plan const& by, tensor_dims options) : plan(by), how(std::move(options)) {
    if (how.lengths.defined()) how.lengths = how.lengths.clone();
  }
};

/// S, or S' where Adjoint, as autograd knows it: the operation is linear, and each is the other's gradient.
template <class Route, bool Adjoint>
struct recording : torch::autograd::Function<recording<Route, Adjoint>> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor const& x, shift_plan const& plan,
                            tensor_dims const& how) {
    context->saved_data["call"] = c10::IValue::make_capsule(c10::make_intrusive<remembered>(plan, how));
    return Adjoint ? Route::adjoint(x, plan, how) : Route::shift(x, plan, how);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list dy) {
    auto const call = c10::static_intrusive_pointer_cast<remembered>(context->saved_data["call"].toCapsule());
    tensor_dims how = call->how;
    how.fill = 0;
    return {recording<Route, !Adjoint>::apply(dy[0], call->plan, how), at::Tensor(), at::Tensor()};
  }
};

}}}}}  // namespace tshift::interop::detail

#include <tshift/macros/back.hpp>
