// SPDX-License-Identifier: MIT
// An mdspan as a view, without copies: std::mdspan (C++23), Kokkos' before it, or any other class with that interface.
// Includes none of them, so that it is the caller's choice which, and compiles where there is none.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

#include <tshift/interop/named_axes.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

namespace detail {

template <class X>
concept mdspan = requires(X const& x) {
  typename X::element_type;
  typename X::layout_type;
  typename X::accessor_type;
  { X::rank() } -> std::convertible_to<std::size_t>;
  { x.is_strided() } -> std::convertible_to<bool>;
  x.extent(0);
  x.data_handle();
};

}  // namespace detail

/// The elements of an mdspan in any strided layout (layout_right, layout_left, layout_stride, what submdspan gives):
/// with axes "NCT" x[n, c, t] is view(n, t, c).
/// @param x        its memory must outlive the view; an mdspan of const elements gives a view of const
/// @param axes     see named_axes.hpp; "TC" or "NTC" if left out, rank 4 or more must have them
/// @param lengths  of a ragged batch, see tensor_view; not owned
/// @throws shape_error  axes has other letters or another number of them; several dimensions of space have no common
///                      stride; x has no strides; a size or stride does not fit index_t, or they reach too far
/// Copies nothing. A layout that never has strides, and an accessor whose handle is not a pointer, do not compile.
template <detail::mdspan X>
tensor_view<typename X::element_type> view_of(X const& x, std::string_view axes = {},
                                              std::span<index_t const> lengths = {}) {
  constexpr std::size_t rank = X::rank();
  static_assert(rank >= 2, "tshift: the mdspan must have time and channels");
  static_assert(std::is_same_v<decltype(x.data_handle()), typename X::element_type* const&> ||
                    std::is_same_v<decltype(x.data_handle()), typename X::element_type*>,
                "tshift: the mdspan's accessor must be the default one, whose handle is a pointer");
  static_assert(
      requires { x.mapping().stride(0); }, "tshift: the mdspan's layout must have strides");
  if (!x.is_strided()) detail::fail("view_of: x has no strides, must be strided");
  index_t sizes[rank], steps[rank];
  for (std::size_t i = 0; i < rank; ++i) {
    sizes[i] = detail::to_index("size", x.extent(i));
    steps[i] = detail::to_index("stride", x.stride(i));
  }
  return detail::view_by_names(x.data_handle(), sizes, steps, axes, lengths);
}

}}}}  // namespace tshift::interop

#include <tshift/macros/back.hpp>
