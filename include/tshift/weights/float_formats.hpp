// SPDX-License-Identifier: MIT
// The floating-point formats of weight files, as numbers. Bytes in files are little-endian; this machine may be either.
#pragma once

#include <tshift/macros/away.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// An unsigned integer from little-endian bytes at any address.
template <class Unsigned>
Unsigned load_little(std::byte const* from) noexcept {
  Unsigned value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, from, sizeof value);
  } else {
    for (std::size_t i = sizeof value; i-- > 0;) {
      value = static_cast<Unsigned>(value << 8 | std::to_integer<Unsigned>(from[i]));
    }
  }
  return value;
}

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

/// bfloat16: the upper half of a float. Exact.
constexpr float bfloat16_to_float(std::uint16_t upper) noexcept {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(upper) << 16);
}

/// The bfloat16 nearest to a float, ties to even, as its bits. NaN stays NaN, and its payload in the upper bits.
constexpr std::uint16_t nearest_bfloat16(float value) noexcept {
  auto const bits = __builtin_bit_cast(std::uint32_t, value);
  if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/// Whether a finite double lies so far outside of float that rounding to nearest makes it infinite.
constexpr bool overflows_float(double value) noexcept {
  constexpr double limit = 0x1.ffffffp127;  // half a step above the largest float; a tie goes to the even 2^128
  return (value >= limit && value <= std::numeric_limits<double>::max()) ||
         (value <= -limit && value >= std::numeric_limits<double>::lowest());
}

/// The float nearest to a double that does not overflow. NaN and infinity stay what they are.
constexpr float nearest_float(double value) noexcept {
  // Between the largest float and the limit above, the language leaves the conversion undefined.
  constexpr float most = std::numeric_limits<float>::max();
  if (value > static_cast<double>(most) && value < 0x1.ffffffp127) return most;
  if (value < -static_cast<double>(most) && value > -0x1.ffffffp127) return -most;
  return static_cast<float>(value);
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
