// SPDX-License-Identifier: MIT
// The learned shift on PyTorch's tensors, with autograd. Needs libtorch, made for 1.13 (Debian 12: libtorch-dev).
//
//   learned_shift            y = L x       recorded by autograd, differentiable any number of times
//   learned_shift_adjoint    dx = L' dy    recorded as well
//   learned_shift_slopes     da            the slope along each offset; not recorded
//
// x is float32 or float64 on the CPU, of any shape and strides that torch.hpp's operations take; offsets have x's dtype,
// one for each channel. What L is: tshift/learned_shift.hpp. torch_library.hpp registers the same as operators.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>

#include <tshift/interop/torch_calls.hpp>
#include <tshift/learned_offsets.hpp>
#include <tshift/learned_shift.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

/// How a learned shift is meant, beside how the tensor's dimensions are.
struct learned_options {
  padding edge = padding::zero;                   ///< as of a plan
  interpolation between = interpolation::linear;  ///< nearest: the sparse form
  tensor_dims how = {};                           ///< fill is not used
};

namespace detail {

inline void check_offsets(char const* operation, at::Tensor const& offsets, at::Tensor const& x, index_t channels) {
  check_tensor(operation, "offsets", offsets);
  if (x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble) {
    fail("%s: x has dtype %s, must have Float or Double", operation, c10::toString(x.scalar_type()));
  }
  if (offsets.scalar_type() != x.scalar_type()) {
    fail("%s: x has dtype %s, offsets has %s", operation, c10::toString(x.scalar_type()),
         c10::toString(offsets.scalar_type()));
  }
  if (offsets.dim() != 1 || offsets.size(0) != channels) {
    fail("%s: offsets has %td dimensions and %td elements, must be one for each of %td channels", operation,
         static_cast<index_t>(offsets.dim()), static_cast<index_t>(offsets.numel()), channels);
  }
  if (offsets.is_meta() && !x.is_meta()) fail("%s: offsets is a meta tensor, x has data", operation);
}

inline index_t channels_of(char const* operation, at::Tensor const& x, tensor_dims const& how) {
  check_tensor(operation, "x", x);
  return static_cast<index_t>(x.size(axes(operation, x.dim(), how).channels));
}

template <class T>
std::span<T const> numbers_of(at::Tensor const& contiguous) {
  return {static_cast<T const*>(contiguous.data_ptr()), static_cast<std::size_t>(contiguous.numel())};
}

/// Calls call(T{}) for the element type of a checked x.
template <class Call>
void by_precision(at::Tensor const& x, Call const& call) {
  x.scalar_type() == at::kDouble ? call(double{}) : call(float{});
}

inline at::Tensor run_learned(at::Tensor const& x, at::Tensor const& offsets, learned_options const& options,
                              bool adjoint) {
  char const* const operation = adjoint ? "learned_shift_adjoint" : "learned_shift";
  index_t const channels = channels_of(operation, x, options.how);
  check_offsets(operation, offsets, x, channels);
  prepared const job(operation, x, shift_plan(channels, {}), options.how);
  if (!job.has_data()) return job.y;
  at::Tensor const list = offsets.contiguous();
  by_precision(x, [&]<class T>(T) {
    auto const call = [&](auto const& operate) {
      operate(torch_executor{}, job.from<T>(), job.to<T>(), numbers_of<T>(list), options.edge, options.between);
    };
    if (adjoint) {
      call([](auto const&... with) { tshift::learned_shift_adjoint(with...); });
    } else {
      call([](auto const&... with) { tshift::learned_shift(with...); });
    }
  });
  return job.y;
}

inline at::Tensor run_slopes(at::Tensor const& x, at::Tensor const& dy, at::Tensor const& offsets,
                             learned_options const& options) {
  constexpr char const* operation = "learned_shift_slopes";
  index_t const channels = channels_of(operation, x, options.how);
  check_offsets(operation, offsets, x, channels);
  check_same_kind(operation, "dy", dy, x);
  at::Tensor const da = at::zeros({channels}, x.options());
  at::Tensor const lengths = lengths_of(operation, options.how.lengths, x);
  if (x.is_meta()) return da;
  axes where(operation, x.dim(), options.how);
  where.follow(x);
  at::Tensor from = x.resolve_neg(), above = dy.resolve_neg();
  at::Tensor const list = offsets.contiguous();
  if (!where.space_stride(from).first || !where.space_stride(above).first) {
    where = axes(operation, x.dim(), options.how);
    from = from.contiguous();
    above = above.contiguous();
  }
  by_precision(x, [&]<class T>(T) {
    std::span<T> const to(static_cast<T*>(da.data_ptr()), static_cast<std::size_t>(channels));
    tshift::learned_shift_slopes(torch_executor{}, view_along<T const>(from, where, lengths),
                                 view_along<T const>(above, where), numbers_of<T>(list), to, options.edge);
  });
  return da;
}

/// How a recorded operation computes: here at once; in torch_learned_library.hpp through PyTorch's dispatcher.
struct learned_at_once {
  static at::Tensor learned(at::Tensor const& x, at::Tensor const& offsets, learned_options const& options,
                            bool adjoint) {
    return run_learned(x, offsets, options, adjoint);
  }
  static at::Tensor slopes(at::Tensor const& x, at::Tensor const& dy, at::Tensor const& offsets,
                           learned_options const& options) {
    return run_slopes(x, dy, offsets, options);
  }
};

struct remembered_learned final : torch::CustomClassHolder {
  learned_options options;

  explicit remembered_learned(learned_options of) : options(std::move(of)) {
    if (options.how.lengths.defined()) options.how.lengths = options.how.lengths.clone();
  }
};

template <class Route, bool Adjoint>
struct recording_learned;

template <class Route, bool Adjoint>
at::Tensor learned(at::Tensor const& x, at::Tensor const& offsets, learned_options const& options) {
  bool const watched = x.defined() && offsets.defined() && (recorded(x) || recorded(offsets));
  if (watched) return recording_learned<Route, Adjoint>::apply(x, offsets, options);
  return Route::learned(x, offsets, options, Adjoint);
}

/// <(S_{k+1} - S_k) x, dy> for each channel, in operations that autograd follows.
template <class Route>
at::Tensor followed_slopes(at::Tensor const& x, at::Tensor const& dy, at::Tensor const& offsets,
                           learned_options const& options) {
  learned_options whole = options;
  whole.between = interpolation::linear;
  at::Tensor const k = at::floor(offsets.detach());
  at::Tensor const late = learned<Route, false>(x, at::add(k, 1), whole), early = learned<Route, false>(x, k, whole);
  std::vector<std::int64_t> others;
  std::int64_t const channels = axes("learned_shift", x.dim(), options.how).channels;
  for (std::int64_t d = 0; d < x.dim(); ++d) {
    if (d != channels) others.push_back(d);
  }
  return at::mul(dy, at::sub(late, early)).sum(others);
}

/// L, or L' where Adjoint, as autograd knows it: linear in x, and each is the other's gradient there; along the offsets
/// both have the same slope, with the roles of x and dy exchanged.
template <class Route, bool Adjoint>
struct recording_learned : torch::autograd::Function<recording_learned<Route, Adjoint>> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor const& x, at::Tensor const& offsets,
                            learned_options const& options) {
    context->save_for_backward({x, offsets});
    context->saved_data["call"] = c10::IValue::make_capsule(c10::make_intrusive<remembered_learned>(options));
    return Route::learned(x, offsets, options, Adjoint);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list dy) {
    auto const call = c10::static_intrusive_pointer_cast<remembered_learned>(context->saved_data["call"].toCapsule());
    learned_options const& options = call->options;
    torch::autograd::variable_list const saved = context->get_saved_variables();
    at::Tensor const &x = saved[0], &offsets = saved[1];
    at::Tensor const from = Adjoint ? dy[0] : x, with = Adjoint ? x : dy[0];
    at::Tensor dx, da;
    if (context->needs_input_grad(0)) dx = learned<Route, !Adjoint>(dy[0], offsets, options);
    if (context->needs_input_grad(1)) {
      bool const again = recorded(from) || recorded(with);
      da = again ? followed_slopes<Route>(from, with, offsets, options) : Route::slopes(from, with, offsets, options);
    }
    return {dx, da, at::Tensor()};
  }
};

}  // namespace detail

/// y = L x, a new tensor. Recorded by autograd, in x and in offsets.
/// @param offsets  of x's dtype, one for each channel
inline at::Tensor learned_shift(at::Tensor const& x, at::Tensor const& offsets, learned_options const& options = {}) {
  return detail::learned<detail::learned_at_once, false>(x, offsets, options);
}

/// dx = L' dy, a new tensor. Recorded by autograd, in dy and in offsets.
inline at::Tensor learned_shift_adjoint(at::Tensor const& dy, at::Tensor const& offsets,
                                        learned_options const& options = {}) {
  return detail::learned<detail::learned_at_once, true>(dy, offsets, options);
}

/// The slope of <L x, dy> along each offset, a new tensor. Not recorded.
inline at::Tensor learned_shift_slopes(at::Tensor const& x, at::Tensor const& dy, at::Tensor const& offsets,
                                       learned_options const& options = {}) {
  return detail::run_slopes(x, dy, offsets, options);
}

}}}}  // namespace tshift::interop

#include <tshift/macros/back.hpp>
