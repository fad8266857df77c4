// SPDX-License-Identifier: MIT
// Every operation under one signature, beside what the reference says of it.
#pragma once

#include <string>
#include <vector>

#include <tshift/reference.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/shift_inplace.hpp>

#include "random.hpp"

namespace test_support {

enum class operation {
  shift,
  shift_onto_itself,
  shift_inplace,
  shift_add,
  shift_add_onto_r,
  shift_add_onto_x,
  adjoint,
  adjoint_onto_itself,
  adjoint_inplace
};

inline constexpr operation operations[] = {
    operation::shift,     operation::shift_onto_itself,   operation::shift_inplace,
    operation::shift_add, operation::shift_add_onto_r,    operation::shift_add_onto_x,
    operation::adjoint,   operation::adjoint_onto_itself, operation::adjoint_inplace};

/// Those that only move bytes, for any element type.
inline constexpr operation moves[] = {operation::shift, operation::shift_onto_itself, operation::shift_inplace};

inline std::string name(operation what) {
  constexpr char const* names[] = {"shift",         "shift onto itself",         "shift_inplace",
                                   "shift_add",     "shift_add onto r",          "shift_add onto x",
                                   "shift_adjoint", "shift_adjoint onto itself", "shift_adjoint_inplace"};
  return names[static_cast<int>(what)];
}

/// Whether elements are added on the way.
inline bool adds(operation what) { return static_cast<int>(what) >= static_cast<int>(operation::shift_add); }

/// A dense copy of a view, to be read while the view is written.
template <class T>
class snapshot {
 public:
  explicit snapshot(tshift::tensor_view<T> const& of)
      : memory_(static_cast<std::size_t>(of.size())),
        view_(memory_.data(), of.shape, tshift::layout::ntcs, of.lengths) {
    tshift::reference::for_each_element(
        of.shape, [&](index_t n, index_t t, index_t c, index_t s) { view_(n, t, c, s) = of(n, t, c, s); });
  }
  snapshot(snapshot const&) = delete;
  snapshot& operator=(snapshot const&) = delete;

  tshift::tensor_view<T const> view() const { return view_; }

 private:
  std::vector<T> memory_;
  tshift::tensor_view<T> view_;
};

/// Runs an operation that only moves bytes; in place it takes y's elements.
/// @param run  an executor, or nothing
template <class T, class... Executor>
void apply_move(operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T> y,
                tshift::shift_plan const& plan, T const& fill, Executor&&... run) {
  if (what == operation::shift) tshift::shift(run..., x, y, plan, fill);
  if (what == operation::shift_onto_itself) tshift::shift(run..., y, y, plan, fill);
  if (what == operation::shift_inplace) tshift::shift_inplace(run..., y, plan, fill);
}

/// The same by the definition.
template <class T>
void apply_reference_move(operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T> y,
                          tshift::shift_plan const& plan, T const& fill) {
  if (what == operation::shift) return tshift::reference::shift(x, y, plan, fill);
  snapshot<T> const before(y);
  tshift::reference::shift(before.view(), y, plan, fill);
}

/// Runs any operation. It ignores the inputs it does not have, and takes y's elements as input where its name says so.
/// @param run  an executor, or nothing
template <class T, class... Executor>
void apply(operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T const> r, tshift::tensor_view<T> y,
           tshift::shift_plan const& plan, T const& fill, Executor&&... run) {
  if (!adds(what)) return apply_move<T>(what, x, y, plan, fill, run...);
  if (what == operation::shift_add) tshift::shift_add(run..., x, r, y, plan, fill);
  if (what == operation::shift_add_onto_r) tshift::shift_add(run..., x, y, y, plan, fill);
  if (what == operation::shift_add_onto_x) tshift::shift_add(run..., y, r, y, plan, fill);
  if (what == operation::adjoint) tshift::shift_adjoint(run..., x, y, plan);
  if (what == operation::adjoint_onto_itself) tshift::shift_adjoint(run..., y, y, plan);
  if (what == operation::adjoint_inplace) tshift::shift_adjoint_inplace(run..., y, plan);
}

/// The same by the definition.
template <class T>
void apply_reference(operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T const> r,
                     tshift::tensor_view<T> y, tshift::shift_plan const& plan, T const& fill) {
  if (!adds(what)) return apply_reference_move<T>(what, x, y, plan, fill);
  if (what == operation::shift_add) return tshift::reference::shift_add(x, r, y, plan, fill);
  if (what == operation::adjoint) return tshift::reference::shift_adjoint(x, y, plan);
  snapshot<T> const before(y);
  if (what == operation::shift_add_onto_r) return tshift::reference::shift_add(x, before.view(), y, plan, fill);
  if (what == operation::shift_add_onto_x) return tshift::reference::shift_add(before.view(), r, y, plan, fill);
  tshift::reference::shift_adjoint(before.view(), y, plan);
}

}  // namespace test_support
