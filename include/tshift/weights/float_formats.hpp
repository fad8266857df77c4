// SPDX-License-Identifier: MIT
// The floating-point formats of weight files, as numbers; those of 16 bits are float16.hpp's. Bytes in files are
// little-endian; this machine may be either.
#pragma once

#include <tshift/macros/away.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include <tshift/config.hpp>
#include <tshift/float16.hpp>

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
