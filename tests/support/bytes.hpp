// SPDX-License-Identifier: MIT
// Element types that are no numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace test_support {

/// N bytes without alignment or meaning.
template <std::size_t N>
struct bytes {
  std::array<unsigned char, N> value;
};

/// Three bytes that can be added: a type that is no number to the compiler, and fits no register.
struct rgb {
  std::uint8_t r, g, b;

  friend constexpr rgb operator+(rgb const& x, rgb const& y) noexcept {
    return {static_cast<std::uint8_t>(x.r + y.r), static_cast<std::uint8_t>(x.g + y.g),
            static_cast<std::uint8_t>(x.b + y.b)};
  }
};

/// Compares memory; none at all is equal to none, wherever it is.
inline bool same_bytes(void const* a, void const* b, std::size_t size) {
  return size == 0 || std::memcmp(a, b, size) == 0;
}

}  // namespace test_support
