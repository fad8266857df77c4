// SPDX-License-Identifier: MIT
// Numbers of 16 bits as elements of tensors: float16 and bfloat16, and what the compiler has of the same formats. Every
// operation moves them; sums are made in float, and rounded once.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstdint>
#include <type_traits>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. Exact; the payload of a NaN stays in its upper bits.
constexpr float half_to_float(std::uint16_t half) noexcept {
  std::uint32_t const sign = (half & 0x8000u) << 16;
  std::uint32_t const exponent = half >> 10 & 0x1fu;
  std::uint32_t const fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormal: fraction * 2^-24, which is normal in float
    return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, static_cast<float>(fraction) * 0x1p-24f));
  }
  std::uint32_t const wide = exponent == 0x1f ? 0xffu : exponent + (127 - 15);
  return __builtin_bit_cast(float, sign | wide << 23 | fraction << 13);
}

/// The binary16 nearest to a float, ties to even, as its bits: infinity from 65520 on. NaN stays NaN, and its payload in
/// the upper bits.
constexpr std::uint16_t nearest_half(float value) noexcept {
  auto const bits = __builtin_bit_cast(std::uint32_t, value);
  std::uint32_t const sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  std::uint32_t half;
  if (size > 0x7f800000u) {
    half = 0x7e00u | (size >> 13 & 0x1ffu);
  } else if (size >= 0x47800000u) {  // 2^16
    half = 0x7c00u;
  } else if (size < 0x38800000u) {  // 2^-14: a multiple of 2^-24, which is the step of the floats in [0.5, 1)
    half = __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, size) + 0.5f) - 0x3f000000u;
  } else {  // a carry out of the fraction is one into the exponent
    half = (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// bfloat16: the upper half of a float. Exact.
constexpr float bfloat16_to_float(std::uint16_t upper) noexcept {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(upper) << 16);
}

/// The bfloat16 nearest to a float, ties to even, as its bits. NaN stays NaN, and its payload in the upper bits.
constexpr std::uint16_t nearest_bfloat16(float value) noexcept {
  auto const bits = __builtin_bit_cast(std::uint32_t, value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V {

/// IEEE 754 binary16: 11 significant bits, from 2^-24 to 65504. A number to store, add and convert; anything else is
/// computed in float, which it converts to. float16 x; is not initialised, float16() is 0.
struct float16 {
  std::uint16_t bits;  ///< as they lie in memory

  // cppcheck-suppress uninitMemberVar  // trivial, as a float is
  float16() = default;
  /// The nearest, ties to even; infinity from 65520 on; NaN stays NaN.
  TSHIFT_INLINE constexpr explicit float16(float value) noexcept : bits(detail::nearest_half(value)) {}
  /// The number that has these bits.
  TSHIFT_INLINE static constexpr float16 from_bits(std::uint16_t bits) noexcept {
    float16 number{};
    number.bits = bits;
    return number;
  }

  /// Exact.
  TSHIFT_INLINE constexpr operator float() const noexcept { return detail::half_to_float(bits); }

  /// As numbers: 0 is -0, and NaN is not equal to itself.
  TSHIFT_INLINE friend constexpr bool operator==(float16 a, float16 b) noexcept {
    return static_cast<float>(a) == static_cast<float>(b);
  }
  /// The sum, rounded once: a float has more than twice as many bits, so that rounding to it first changes nothing.
  TSHIFT_INLINE friend constexpr float16 operator+(float16 a, float16 b) noexcept {
    return float16(static_cast<float>(a) + static_cast<float>(b));
  }
};

/// The upper half of a float: 8 significant bits, and float's range. As float16 otherwise.
struct bfloat16 {
  std::uint16_t bits;  ///< as they lie in memory

  // cppcheck-suppress uninitMemberVar  // trivial, as a float is
  bfloat16() = default;
  /// The nearest, ties to even; infinity from 2^128 - 2^119 on; NaN stays NaN.
  TSHIFT_INLINE constexpr explicit bfloat16(float value) noexcept : bits(detail::nearest_bfloat16(value)) {}
  /// The number that has these bits.
  TSHIFT_INLINE static constexpr bfloat16 from_bits(std::uint16_t bits) noexcept {
    bfloat16 number{};
    number.bits = bits;
    return number;
  }

  /// Exact.
  TSHIFT_INLINE constexpr operator float() const noexcept { return detail::bfloat16_to_float(bits); }

  /// As numbers: 0 is -0, and NaN is not equal to itself.
  TSHIFT_INLINE friend constexpr bool operator==(bfloat16 a, bfloat16 b) noexcept {
    return static_cast<float>(a) == static_cast<float>(b);
  }
  /// The sum, rounded once.
  TSHIFT_INLINE friend constexpr bfloat16 operator+(bfloat16 a, bfloat16 b) noexcept {
    return bfloat16(static_cast<float>(a) + static_cast<float>(b));
  }
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Whether T is a binary16: ours, or the compiler's, which std::float16_t is as well.
template <class T>
inline constexpr bool is_half = std::is_same_v<T, float16>
#if TSHIFT_HAS_FLOAT16
                                || std::is_same_v<T, _Float16>
#endif
    ;

/// Whether T is a bfloat16: ours, or the compiler's where that can be added, which std::bfloat16_t is as well.
template <class T>
inline constexpr bool is_bfloat16 = std::is_same_v<T, bfloat16>
#if TSHIFT_HAS_BF16
                                    || std::is_same_v<T, __bf16>
#endif
    ;

template <class T>
inline constexpr bool is_16_bit_float = is_half<T> || is_bfloat16<T>;

/// What a 16-bit float stands for. Exact.
template <class T>
requires is_16_bit_float<T>
constexpr float to_float(T number) noexcept {
  auto const bits = __builtin_bit_cast(std::uint16_t, number);
  if constexpr (is_half<T>) return half_to_float(bits);
  return bfloat16_to_float(bits);
}

/// The T nearest to a float. Not a cast, because the compiler's own may be a call into a library that lacks it.
template <class T>
requires is_16_bit_float<T>
constexpr T nearest(float value) noexcept {
  return __builtin_bit_cast(T, is_half<T> ? nearest_half(value) : nearest_bfloat16(value));
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
