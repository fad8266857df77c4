// SPDX-License-Identifier: MIT
// The 16-bit floats that this compiler has, ours among them.
#pragma once

#include <cstdint>
#include <tuple>
#include <type_traits>

#include <tshift/float16.hpp>

namespace test_support {

/// Whether T is one of them: a number, though the compiler may not call it one.
template <class T>
inline constexpr bool is_16_bit_float = tshift::detail::is_16_bit_float<T>;

template <class T>
constexpr T from_bits(std::uint16_t bits) {
  return __builtin_bit_cast(T, bits);
}

template <class T>
constexpr std::uint16_t bits_of(T number) {
  return __builtin_bit_cast(std::uint16_t, number);
}

/// For TEMPLATE_LIST_TEST_CASE.
using all_16_bit_floats = std::tuple<tshift::float16, tshift::bfloat16
#if TSHIFT_HAS_FLOAT16
                                     ,
                                     _Float16
#endif
#if TSHIFT_HAS_BF16
                                     ,
                                     __bf16
#endif
                                     >;

}  // namespace test_support
