// SPDX-License-Identifier: MIT
// What the tests of interop/ ask of a view of another library's tensor: every element lies where that library says, and
// shifts between such views are the definition.
#pragma once

#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/tshift.hpp>

#include "exhaustive.hpp"

namespace test_support {

/// Whether the view has that shape, and the address of each element is that of at(n, t, c, s).
template <class T, class At>
bool lies_as(tshift::tensor_view<T> const& view, tshift::shape const& dims, At at) {
  bool same = view.shape == dims;
  tshift::reference::for_each_element(view.shape, [&](index_t n, index_t t, index_t c, index_t s) {
    same = same && view.at(n, t, c, s) == &at(n, t, c, s);
  });
  return same;
}

/// shift from x to y, and shift_inplace in y, for 180 plans. y ends up with any of them.
template <class T>
void shift_between(std::type_identity_t<tshift::tensor_view<T const>> x, tshift::tensor_view<T> y, tally& result) {
  std::vector<T> memory(static_cast<std::size_t>(y.size()));
  tshift::tensor_view<T> const want(memory.data(), y.shape, tshift::layout::ntcs);
  for_each_plan(y.shape.channels, [&](tshift::shift_plan const& plan) {
    tshift::reference::shift(x, want, plan, T(7));
    tshift::shift(x, y, plan, T(7));
    auto const count = [&](char const* operation) {
      auto const found = tshift::conformance::compare<T>(want, y);
      result.count(found.equal, [&] { return std::string(operation) + describe(y.shape, plan) + found.message(); });
    };
    count("shift, ");
    tshift::reference::for_each_element(
        y.shape, [&](index_t n, index_t t, index_t c, index_t s) { y(n, t, c, s) = x(n, t, c, s); });
    tshift::shift_inplace(y, plan, T(7));
    count("in place, ");
  });
}

inline constexpr index_t cases_between = 2 * 180;

}  // namespace test_support
