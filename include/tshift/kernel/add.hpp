// SPDX-License-Identifier: MIT
// What shift_add and shift_adjoint mean by +.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/float16.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Types that shift_add and shift_adjoint can add.
template <class T>
concept addable = std::default_initializable<T> && !std::same_as<T, bool> && requires(T const& a, T const& b) {
  { a + b } -> std::convertible_to<T>;
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// What elements of T are added up in before they become a T again: float for 16-bit floats, so that a sum of many is
/// rounded once.
template <class T>
using sum_type = std::conditional_t<is_16_bit_float<T>, float, T>;

template <class T>
constexpr sum_type<T> to_sum(T const& element) noexcept {
  if constexpr (is_16_bit_float<T>) {
    return to_float(element);
  } else {
    return element;
  }
}

template <class T>
constexpr T from_sum(sum_type<T> const& sum) noexcept {
  if constexpr (is_16_bit_float<T>) {
    return nearest<T>(sum);
  } else {
    return sum;
  }
}

/// a + b, rounded once; integers wrap, as vector units do it, where C++ leaves the overflow undefined.
template <class T>
constexpr T add(T const& a, T const& b) noexcept {
  if constexpr (std::is_integral_v<T>) {
    using wide = std::make_unsigned_t<decltype(a + b)>;
    return static_cast<T>(static_cast<wide>(a) + static_cast<wide>(b));
  } else if constexpr (is_16_bit_float<T>) {
    return nearest<T>(to_float(a) + to_float(b));
  } else {
    return static_cast<T>(a + b);
  }
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
