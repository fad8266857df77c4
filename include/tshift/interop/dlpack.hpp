// SPDX-License-Identifier: MIT
// A DLPack tensor as a view, without copies: what PyTorch, NumPy, JAX, TVM, CuPy hand over as a C struct. Includes no
// dlpack.h, as each project has its own; any version's DLTensor, DLManagedTensor and DLManagedTensorVersioned is taken.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <tshift/interop/named_axes.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop {

namespace detail {

template <class X>
concept dl_tensor = requires(X const& x) {
  x.data;
  x.device.device_type;
  x.ndim;
  x.dtype.code;
  x.dtype.bits;
  x.dtype.lanes;
  x.shape[0];
  x.strides[0];
  x.byte_offset;
};

template <class X>
concept managed_dl_tensor = requires(X const& x) {
  requires dl_tensor<std::remove_cvref_t<decltype(x.dl_tensor)>>;
};

/// An element type in DLPack's words.
struct dl_type {
  int code = -1;  ///< 0 signed, 1 unsigned, 2 floating point, 6 bool; -1: a type of the caller's own
  int bits = 0;
  int alignment = 1;
};

template <class T>
constexpr dl_type dl_type_of() {
  constexpr bool is_float = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, long double>;
  constexpr int integer = std::is_unsigned_v<T> ? 1 : 0;
  return {std::is_same_v<T, bool> ? 6
          : is_float              ? 2
          : std::is_integral_v<T> ? integer
                                  : -1,
          static_cast<int>(8 * sizeof(T)), static_cast<int>(alignof(T))};
}

/// What is checked of a DLTensor before it is looked into.
struct dl_facts {
  int device, code, bits, lanes, dimensions;
  bool has_shape;
  std::uintptr_t address;
};

inline void check(dl_facts const& x, dl_type const& wanted) {
  if (x.device != 1) fail("view_of: x is on a device of type %d, must be on the CPU, which is 1", x.device);
  if (wanted.code < 0 && x.bits * x.lanes != wanted.bits) {
    fail("view_of: x has elements of %d bits in %d lanes, the view of %d bits", x.bits, x.lanes, wanted.bits);
  }
  if (wanted.code >= 0 && (x.code != wanted.code || x.bits != wanted.bits || x.lanes != 1)) {
    fail("view_of: x has dtype code %d, %d bits, %d lanes, the view code %d, %d bits, 1 lane", x.code, x.bits, x.lanes,
         wanted.code, wanted.bits);
  }
  constexpr int most = most_axes;
  if (x.dimensions < 0 || x.dimensions > most) {
    fail("view_of: x has %d dimensions, must have 2 to %d", x.dimensions, most);
  }
  if (x.dimensions > 0 && !x.has_shape) fail("view_of: x has no shape, must have one");
  if (x.address % static_cast<std::uintptr_t>(wanted.alignment) != 0) {
    fail("view_of: the elements of x are not aligned, must lie at a multiple of %d bytes", wanted.alignment);
  }
}

}  // namespace detail

/// The elements of a DLTensor: with axes "NCTHW" x[n, c, t, h, w] is view(n, t, c, h W + w). T is a number or bool, and x
/// of that dtype; or T is std::complex<float>, std::byte, a half of the caller's own, and x has elements of its size.
/// @param x        on the CPU (kDLCPU); strides may be null, which means dense, and have any sign. Its memory must
///                 outlive the view: whoever has the DLManagedTensor calls its deleter afterwards
/// @param axes     see named_axes.hpp; "TC" or "NTC" if left out, rank 4 or more must have them
/// @param lengths  of a ragged batch, see tensor_view; not owned
/// @throws shape_error  x is on another device, of another dtype, not aligned for T, without memory; axes has other
///                      letters or another number of them; several dimensions of space have no common stride; a size
///                      or stride does not fit index_t, or they reach too far
/// Copies nothing. Whether x may be written to is not known to a DLTensor: take T const if it may not.
template <class T, detail::dl_tensor X>
tensor_view<T> view_of(X const& x, std::string_view axes = {}, std::span<index_t const> lengths = {}) {
  auto const offset = static_cast<std::uintptr_t>(x.byte_offset);
  detail::check({static_cast<int>(x.device.device_type), int{x.dtype.code}, int{x.dtype.bits}, int{x.dtype.lanes},
                 static_cast<int>(x.ndim), x.shape != nullptr, reinterpret_cast<std::uintptr_t>(x.data) + offset},
                detail::dl_type_of<std::remove_const_t<T>>());
  auto const rank = static_cast<std::size_t>(x.ndim);
  index_t sizes[detail::most_axes] = {}, steps[detail::most_axes] = {};
  for (std::size_t i = 0; i < rank; ++i) {
    sizes[i] = detail::to_index("size", x.shape[i]);
    if (x.strides != nullptr) steps[i] = detail::to_index("stride", x.strides[i]);
  }
  std::span const dims(sizes, rank);
  if (x.strides == nullptr) detail::dense_steps(dims, {steps, rank}, false);
  T* const first = x.data == nullptr ? nullptr : reinterpret_cast<T*>(static_cast<std::byte*>(x.data) + offset);
  tensor_view<T> const view = detail::view_by_names(first, dims, {steps, rank}, axes, lengths);
  if (first == nullptr && view.size() > 0) detail::fail("view_of: x has no data, must have %td elements", view.size());
  return view;
}

/// The elements of a DLManagedTensor or DLManagedTensorVersioned, as above. x stays the caller's, who calls its deleter
/// when the view is done with.
/// @throws shape_error  also if x is of another major version than 1, or is read-only and T not const
template <class T, detail::managed_dl_tensor X>
tensor_view<T> view_of(X const& x, std::string_view axes = {}, std::span<index_t const> lengths = {}) {
  if constexpr (requires { x.version.major; }) {
    if (x.version.major != 1) {
      detail::fail("view_of: x has version %d of DLPack, must have 1", static_cast<int>(x.version.major));
    }
    if (!std::is_const_v<T> && (x.flags & 1u) != 0) {
      detail::fail("view_of: x is read-only, the view must be of const elements");
    }
  }
  return view_of<T>(x.dl_tensor, axes, lengths);
}

}}}}  // namespace tshift::interop

#include <tshift/macros/back.hpp>
