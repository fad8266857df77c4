// SPDX-License-Identifier: MIT
// Eigen's memory as views, without copies. Needs Eigen 3.4. Its Tensor module is not included, because it takes seconds:
// where <unsupported/Eigen/CXX11/Tensor> is, its tensors are taken as well.
#pragma once

#include <tshift/macros/away.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include <tshift/interop/named_axes.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

namespace detail {

template <class X>
concept eigen_dense = std::is_base_of_v<Eigen::DenseBase<X>, X>;

/// Eigen::Tensor, TensorFixedSize, TensorMap, by what they have.
template <class X>
concept eigen_tensor = requires(X& x) {
  typename X::Scalar;
  { X::NumIndices + 0 } -> std::convertible_to<int>;
  { X::Layout + 0 } -> std::convertible_to<int>;
  x.dimension(0);
  x.data();
};

/// D are constants because some of Eigen's tensors count their dimensions with signed numbers, others with unsigned ones.
template <class X, std::size_t... D>
std::array<index_t, sizeof...(D)> sizes_of(X const& x, std::index_sequence<D...>) {
  return {static_cast<index_t>(x.dimension(D))...};
}

/// Whether a temporary takes its elements away with it.
template <class X>
struct owns : std::is_base_of<Eigen::PlainObjectBase<X>, X> {};
/// A Ref to const may hold a copy of its own.
template <class X, int Options, class Stride>
struct owns<Eigen::Ref<X const, Options, Stride>> : std::true_type {};

}  // namespace detail

/// The elements of a Matrix, Array, Map, Ref, Block or Transpose, row-major or column-major, of fixed or dynamic size:
/// with axes "TC" x(t, c) is view(0, t, c), with "CT" x(c, t) is.
/// @param x        alive, and not resized, as long as the view is used; an expression without memory, such as a sum, and
///                 a temporary that owns its elements do not compile. Of a const Matrix or Map the view is of const
/// @param axes     "TC" or "CT"
/// @param lengths  of the one sequence, see tensor_view; not owned
/// @throws shape_error  axes is something else
/// Copies nothing.
template <class X>
requires detail::eigen_dense<std::remove_cvref_t<X>>
auto view_of(X&& x, std::string_view axes = "TC", std::span<index_t const> lengths = {}) {
  using value = std::remove_cvref_t<X>;
  static_assert((int{value::Flags} & int{Eigen::DirectAccessBit}) != 0,
                "tshift: this expression of Eigen's has no elements in memory; assign it to a matrix first");
  static_assert(std::is_lvalue_reference_v<X> || !detail::owns<value>::value,
                "tshift: a temporary takes its elements away with it; give it a name first");
  index_t const sizes[] = {x.rows(), x.cols()};
  index_t const steps[] = {x.rowStride(), x.colStride()};
  return detail::view_by_names(x.data(), sizes, steps, axes, lengths);
}

/// The elements of an Eigen::Tensor, TensorFixedSize or TensorMap, row-major or column-major: with axes "NTC"
/// x(n, t, c) is view(n, t, c), with "WHCTN" x(w, h, c, t, n) is view(n, t, c, h W + w).
/// @param x        alive, and not resized, as long as the view is used; a temporary does not compile. Of a const Tensor,
///                 and of a TensorMap<Tensor<T const>>, the view is of const
/// @param axes     see named_axes.hpp; "TC" or "NTC" if left out, a tensor of rank 4 or more must have them
/// @param lengths  of a ragged batch, see tensor_view; not owned
/// @throws shape_error  axes has other letters or another number of them, or several dimensions of space have no common
///                      stride
/// Copies nothing.
template <class X>
requires detail::eigen_tensor<X>
auto view_of(X& x, std::string_view axes = {}, std::span<index_t const> lengths = {}) {
  constexpr auto rank = static_cast<std::size_t>(X::NumIndices);
  static_assert(rank >= 2, "tshift: the tensor must have time and channels");
  std::array<index_t, rank> const sizes = detail::sizes_of(x, std::make_index_sequence<rank>());
  index_t steps[rank];
  detail::dense_steps(sizes, steps, int{X::Layout} == int{Eigen::ColMajor});
  return detail::view_by_names(x.data(), sizes, steps, axes, lengths);
}

}}}}  // namespace tshift::interop

#include <tshift/macros/back.hpp>
