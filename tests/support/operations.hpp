// SPDX-License-Identifier: MIT
// The one table of operations: what each reads, what it is called, how it is run and what the reference says of it.
// Tests that hold of every operation go through it (errors, guarded, allocation, executor, random, fuzz, isa, scale).
// A new operation is four lines here: its function in `function`, its row (and the row's name in `operation`), a case
// in apply() and one in apply_reference(). The compiler asks for what was forgotten.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <tshift/reference.hpp>
#include <tshift/shift.hpp>
#include <tshift/shift_add.hpp>
#include <tshift/shift_adjoint.hpp>
#include <tshift/shift_inplace.hpp>

#include "random.hpp"

namespace test_support {

/// The library's functions.
enum class function { shift, shift_inplace, shift_add, shift_adjoint, shift_adjoint_inplace };

/// The functions, and each in the ways in which an input may be the output.
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

struct operation_row {
  operation what;
  char const* name;
  function calls;
  char const *call, *input;  ///< what messages call the function and its first input
  bool has_x = true;         ///< reads x; otherwise y's elements stand for it
  bool takes_r = false;      ///< has a second input
  bool has_r = false;        ///< which is r; otherwise y's elements stand for it
  bool adds = false;         ///< adds elements, so these must be numbers; otherwise any bytes will do
  bool slow = false;         ///< the definition takes the square of the number of frames
};

inline constexpr operation_row operation_table[] = {
    {operation::shift, "shift", function::shift, "shift", "x"},
    {operation::shift_onto_itself, "shift onto itself", function::shift, "shift", "x", false},
    {operation::shift_inplace, "shift_inplace", function::shift_inplace, "shift_inplace", "x", false},
    {operation::shift_add, "shift_add", function::shift_add, "shift_add", "x", true, true, true, true},
    {operation::shift_add_onto_r, "shift_add onto r", function::shift_add, "shift_add", "x", true, true, false, true},
    {operation::shift_add_onto_x, "shift_add onto x", function::shift_add, "shift_add", "x", false, true, true, true},
    {operation::adjoint, "shift_adjoint", function::shift_adjoint, "shift_adjoint", "dy", true, false, false, true,
     true},
    {operation::adjoint_onto_itself, "shift_adjoint onto itself", function::shift_adjoint, "shift_adjoint", "dy", false,
     false, false, true, true},
    {operation::adjoint_inplace, "shift_adjoint_inplace", function::shift_adjoint_inplace, "shift_adjoint_inplace",
     "dy", false, false, false, true, true},
};

constexpr operation_row const& row_of(operation what) { return operation_table[static_cast<std::size_t>(what)]; }

namespace detail {

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(operation_table); ++i) {
    if (operation_table[i].what != static_cast<operation>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "the rows of operation_table stand in the order of the enumeration");

constexpr std::size_t count_moves() {
  std::size_t count = 0;
  for (operation_row const& row : operation_table) count += row.adds ? 0 : 1;
  return count;
}

constexpr auto all_operations() {
  std::array<operation, std::size(operation_table)> list{};
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = operation_table[i].what;
  return list;
}

constexpr auto all_moves() {
  std::array<operation, count_moves()> list{};
  std::size_t next = 0;
  for (operation_row const& row : operation_table) {
    if (!row.adds) list[next++] = row.what;
  }
  return list;
}

}  // namespace detail

inline constexpr auto operations = detail::all_operations();
inline constexpr index_t operation_count = std::ssize(operations);

/// Those that only move bytes, for any element type.
inline constexpr auto moves = detail::all_moves();

/// Those that an element type has.
template <class T>
constexpr std::span<operation const> operations_of() {
  if constexpr (tshift::addable<T>) return operations;
  return moves;
}

inline std::string name(operation what) { return row_of(what).name; }

/// Whether elements are added on the way.
inline bool adds(operation what) { return row_of(what).adds; }

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

/// Runs an operation. It ignores the inputs it does not have, and takes y's elements where its row says so.
/// @tparam Unit  a type of the translation unit where the code must stay there; it changes nothing else
/// @param run    an executor, or nothing
template <class T, class Unit = void, class... Executor>
void apply(operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T const> r, tshift::tensor_view<T> y,
           tshift::shift_plan const& plan, T const& fill, Executor&&... run) {
  operation_row const& row = operation_table[static_cast<std::size_t>(what)];
  if (!row.has_x) x = y;
  if (!row.has_r) r = y;
  switch (row.calls) {
    case function::shift: return tshift::shift(run..., x, y, plan, fill);
    case function::shift_inplace: return tshift::shift_inplace(run..., y, plan, fill);
    case function::shift_add:
      if constexpr (tshift::addable<T>) return tshift::shift_add(run..., x, r, y, plan, fill);
      break;
    case function::shift_adjoint:
      if constexpr (tshift::addable<T>) return tshift::shift_adjoint(run..., x, y, plan);
      break;
    case function::shift_adjoint_inplace:
      if constexpr (tshift::addable<T>) return tshift::shift_adjoint_inplace(run..., y, plan);
      break;
  }
  throw std::logic_error("an operation that adds, of elements that have no sum");
}

/// The same by the definition.
template <class T>
void apply_reference(operation what, tshift::tensor_view<T const> x, tshift::tensor_view<T const> r,
                     tshift::tensor_view<T> y, tshift::shift_plan const& plan, T const& fill) {
  operation_row const& row = row_of(what);
  std::optional<snapshot<T>> before;
  if (!row.has_x || (row.takes_r && !row.has_r)) before.emplace(y);
  if (!row.has_x) x = before->view();
  if (row.takes_r && !row.has_r) r = before->view();
  switch (row.calls) {
    case function::shift:
    case function::shift_inplace: return tshift::reference::shift(x, y, plan, fill);
    case function::shift_add:
      if constexpr (tshift::addable<T>) return tshift::reference::shift_add(x, r, y, plan, fill);
      break;
    case function::shift_adjoint:
    case function::shift_adjoint_inplace:
      if constexpr (tshift::addable<T>) return tshift::reference::shift_adjoint(x, y, plan);
      break;
  }
  throw std::logic_error("an operation that adds, of elements that have no sum");
}

}  // namespace test_support
