// SPDX-License-Identifier: MIT
// What shift_add and shift_adjoint mean by +.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <type_traits>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Types that shift_add and shift_adjoint can add.
template <class T>
concept addable = std::default_initializable<T> && !std::same_as<T, bool> && requires(T const& a, T const& b) {
  { a + b } -> std::convertible_to<T>;
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// a + b; integers wrap, as vector units do it, where C++ leaves the overflow undefined.
template <class T>
constexpr T add(T const& a, T const& b) noexcept {
  if constexpr (std::is_integral_v<T>) {
    using wide = std::make_unsigned_t<decltype(a + b)>;
    return static_cast<T>(static_cast<wide>(a) + static_cast<wide>(b));
  } else {
    return static_cast<T>(a + b);
  }
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
