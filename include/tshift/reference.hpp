// SPDX-License-Identifier: MIT
// The definition of every operation as plain loops: the text to read first, and the oracle the kernels are tested
// against. Constexpr, so that what a shift means can be proved with static_assert. Slow; not for production.
//
// Legend: n sequence, t frame, c channel, s position in space, L true length of sequence n (frames), T all frames.
// The caller answers for matching shapes; outputs must not overlap inputs.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/kernel/add.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace reference {

/// Offset of channel c in frames: that of the fold it lies in, 0 outside every fold.
constexpr index_t offset_of(shift_plan const& plan, index_t c) noexcept {
  for (fold const& f : plan.folds()) {
    if (f.begin <= c && c < f.begin + f.count) return f.offset;
  }
  return 0;
}

/// The frame that y[t] comes from, or -1 where y[t] is the fill value.
///
/// Inside: t - offset. Frames t >= L lie past the end and come from themselves.
constexpr index_t source_frame(index_t t, index_t offset, index_t L, padding edge) noexcept {
  if (offset == 0 || t >= L) return t;
  // Written so that no offset, however large, overflows: past == frames before t, future == frames after it.
  index_t const past = t, future = L - 1 - t;
  bool const inside = offset > 0 ? offset <= past : -offset <= future;
  if (inside) return t - offset;
  switch (edge) {
    case padding::zero: return -1;
    case padding::keep: return t;
    case padding::edge: return offset > 0 ? 0 : L - 1;
    case padding::circular: {
      index_t const back = offset % L;  // in (-L, L)
      index_t const from = t - back;
      return from < 0 ? from + L : from >= L ? from - L : from;
    }
  }
  return -1;
}

/// One element of S x, without writing anything.
template <class T>
constexpr T shifted_element(tensor_view<T const> x, shift_plan const& plan, T const& fill, index_t n, index_t t,
                            index_t c, index_t s) {
  index_t const from = source_frame(t, offset_of(plan, c), x.length(n), plan.edge());
  return from < 0 ? fill : x(n, from, c, s);
}

/// Calls visit(n, t, c, s) for every element of a shape.
template <class Visit>
constexpr void for_each_element(shape const& dims, Visit visit) {
  for (index_t n = 0; n < dims.batch; ++n)
    for (index_t t = 0; t < dims.time; ++t)
      for (index_t c = 0; c < dims.channels; ++c)
        for (index_t s = 0; s < dims.space; ++s) visit(n, t, c, s);
}

/// y = S x
template <class T>
constexpr void shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y, shift_plan const& plan,
                     std::type_identity_t<T> const& fill = T{}) {
  for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    y(n, t, c, s) = shifted_element<T>(x, plan, fill, n, t, c, s);
  });
}

/// y = S x + r. Integers wrap.
template <class T>
constexpr void shift_add(std::type_identity_t<tensor_view<T const>> x, std::type_identity_t<tensor_view<T const>> r,
                         tensor_view<T> y, shift_plan const& plan, std::type_identity_t<T> const& fill = T{}) {
  for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    y(n, t, c, s) = detail::add<T>(shifted_element<T>(x, plan, fill, n, t, c, s), r(n, t, c, s));
  });
}

/// dx = S' dy: every dx[n, u, c, s] is the sum of dy[n, t, c, s] over the frames t that y took from frame u, in
/// ascending t; an empty sum is T{}.
template <class T>
constexpr void shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx, shift_plan const& plan) {
  for_each_element(dx.shape, [&](index_t n, index_t u, index_t c, index_t s) {
    bool empty = true;
    T sum{};
    for (index_t t = 0; t < dy.shape.time; ++t) {
      if (source_frame(t, offset_of(plan, c), dy.length(n), plan.edge()) != u) continue;
      sum = empty ? dy(n, t, c, s) : detail::add<T>(sum, dy(n, t, c, s));
      empty = false;
    }
    dx(n, u, c, s) = sum;
  });
}

}}}}  // namespace tshift::reference

#include <tshift/macros/back.hpp>
