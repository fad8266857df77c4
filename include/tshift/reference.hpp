// SPDX-License-Identifier: MIT
// The definition of every operation as plain loops: the text to read first, and the oracle the kernels are tested
// against. Constexpr, so that what a shift means can be proved with static_assert. Slow; not for production.
//
// Legend: n sequence, t frame, c channel, s position in space, L true length of sequence n (frames), T all frames.
// The caller answers for matching shapes; outputs must not overlap inputs.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
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

/// y = S x + r, rounded once. Integers wrap.
template <class T>
constexpr void shift_add(std::type_identity_t<tensor_view<T const>> x, std::type_identity_t<tensor_view<T const>> r,
                         tensor_view<T> y, shift_plan const& plan, std::type_identity_t<T> const& fill = T{}) {
  for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    y(n, t, c, s) = detail::add<T>(shifted_element<T>(x, plan, fill, n, t, c, s), r(n, t, c, s));
  });
}

/// dx = S' dy: every dx[n, u, c, s] is the sum of dy[n, t, c, s] over the frames t that y took from frame u, in
/// ascending t; an empty sum is T{}. 16-bit floats are added up in float, and a sum of several is rounded once, at the
/// end.
template <class T>
constexpr void shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx, shift_plan const& plan) {
  for_each_element(dx.shape, [&](index_t n, index_t u, index_t c, index_t s) {
    index_t count = 0;
    T first{};
    detail::sum_type<T> sum{};
    for (index_t t = 0; t < dy.shape.time; ++t) {
      if (source_frame(t, offset_of(plan, c), dy.length(n), plan.edge()) != u) continue;
      detail::sum_type<T> const term = detail::to_sum<T>(dy(n, t, c, s));
      if (count == 0) first = dy(n, t, c, s);
      sum = count == 0 ? term : detail::add(sum, term);
      ++count;
    }
    dx(n, u, c, s) = count < 2 ? first : detail::from_sum<T>(sum);
  });
}

/// u a + v b; where one weight is 0 the other element as it is.
template <class T>
constexpr T blend(T u, T a, T v, T b) noexcept {
  return v == T(0) ? a : u == T(0) ? b : u * a + v * b;
}

/// floor(offset), and what is left, in [0, 1).
template <class T>
struct whole_and_part {
  index_t whole;  ///< frames
  T part;         ///< of the way to the next

  /// Of a finite offset.
  constexpr explicit whole_and_part(T offset) noexcept : whole(static_cast<index_t>(offset)), part(0) {
    if (static_cast<T>(whole) > offset) --whole;
    part = offset - static_cast<T>(whole);
    if (part == T(1)) {  // so little below an integer that it is one
      ++whole;
      part = T(0);
    }
  }
};

/// One element of S x for one channel's offset, zeros where nothing is.
template <class T>
constexpr T element_at(tensor_view<T const> x, padding edge, index_t n, index_t t, index_t c, index_t s,
                       index_t offset) {
  index_t const from = source_frame(t, offset, x.length(n), edge);
  return from < 0 ? T(0) : x(n, from, c, s);
}

/// One element of S' dy, the sum in ascending t.
template <class T>
constexpr T adjoint_element(tensor_view<T const> dy, padding edge, index_t n, index_t u, index_t c, index_t s,
                            index_t offset) {
  bool empty = true;
  T sum = T(0);
  for (index_t t = 0; t < dy.shape.time; ++t) {
    if (source_frame(t, offset, dy.length(n), edge) != u) continue;
    sum = empty ? dy(n, t, c, s) : sum + dy(n, t, c, s);
    empty = false;
  }
  return sum;
}

/// y = L x: with k = floor(offsets[c]) and d = offsets[c] - k, L = (1 - d) S_k + d S_{k+1}. Frames t >= L lie past the end
/// and come from themselves.
template <class T>
constexpr void learned_shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y,
                             std::type_identity_t<std::span<T const>> offsets, padding edge = padding::zero) {
  for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    whole_and_part<T> const a(offsets[static_cast<std::size_t>(c)]);
    T const early = element_at<T>(x, edge, n, t, c, s, a.whole), late = element_at<T>(x, edge, n, t, c, s, a.whole + 1);
    y(n, t, c, s) = t < x.length(n) ? blend(T(1) - a.part, early, a.part, late) : x(n, t, c, s);
  });
}

/// dx = L' dy.
template <class T>
constexpr void learned_shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                                     std::type_identity_t<std::span<T const>> offsets, padding edge = padding::zero) {
  for_each_element(dx.shape, [&](index_t n, index_t u, index_t c, index_t s) {
    whole_and_part<T> const a(offsets[static_cast<std::size_t>(c)]);
    T const early = adjoint_element<T>(dy, edge, n, u, c, s, a.whole);
    T const late = adjoint_element<T>(dy, edge, n, u, c, s, a.whole + 1);
    dx(n, u, c, s) = u < dy.length(n) ? blend(T(1) - a.part, early, a.part, late) : dy(n, u, c, s);
  });
}

/// da[c] += sum over n and t < L of dy[t] ((S_{k+1} x)[t] - (S_k x)[t]).
template <class T>
constexpr void learned_shift_slopes(std::type_identity_t<tensor_view<T const>> x,
                                    std::type_identity_t<tensor_view<T const>> dy,
                                    std::type_identity_t<std::span<T const>> offsets, std::span<T> da,
                                    padding edge = padding::zero) {
  for_each_element(x.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    if (t >= x.length(n)) return;
    index_t const k = whole_and_part<T>(offsets[static_cast<std::size_t>(c)]).whole;
    T const early = element_at<T>(x, edge, n, t, c, s, k), late = element_at<T>(x, edge, n, t, c, s, k + 1);
    da[static_cast<std::size_t>(c)] += dy(n, t, c, s) * (late - early);
  });
}

/// y = weight x + (1 - weight) S x, a weight for each channel: mixing::v5. With 1 - weight for weight it is mixing::v6.
template <class T>
constexpr void mix_shift(std::type_identity_t<tensor_view<T const>> x, tensor_view<T> y,
                         std::type_identity_t<std::span<T const>> weight, shift_plan const& plan) {
  for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    T const w = offset_of(plan, c) == 0 ? T(1) : weight[static_cast<std::size_t>(c)];
    y(n, t, c, s) = t < x.length(n) ? blend(w, x(n, t, c, s), T(1) - w, shifted_element<T>(x, plan, T(0), n, t, c, s))
                                    : x(n, t, c, s);
  });
}

/// dx = M' dy.
template <class T>
constexpr void mix_shift_adjoint(std::type_identity_t<tensor_view<T const>> dy, tensor_view<T> dx,
                                 std::type_identity_t<std::span<T const>> weight, shift_plan const& plan) {
  for_each_element(dx.shape, [&](index_t n, index_t u, index_t c, index_t s) {
    index_t const offset = offset_of(plan, c);
    T const w = offset == 0 ? T(1) : weight[static_cast<std::size_t>(c)];
    T const own = dy(n, u, c, s), other = adjoint_element<T>(dy, plan.edge(), n, u, c, s, offset);
    dx(n, u, c, s) = u < dy.length(n) ? blend(w, own, T(1) - w, other) : own;
  });
}

/// dweight[c] += sum over n and t < L of dy[t] (x[t] - (S x)[t]).
template <class T>
constexpr void mix_shift_slopes(std::type_identity_t<tensor_view<T const>> x,
                                std::type_identity_t<tensor_view<T const>> dy, std::span<T> dweight,
                                shift_plan const& plan) {
  for_each_element(x.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    if (t >= x.length(n)) return;
    dweight[static_cast<std::size_t>(c)] +=
        dy(n, t, c, s) * (x(n, t, c, s) - shifted_element<T>(x, plan, T(0), n, t, c, s));
  });
}

}}}}  // namespace tshift::reference

#include <tshift/macros/back.hpp>
