// SPDX-License-Identifier: MIT
// Random bits and numbers that are the same on every platform and in every run.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include <tshift/reference.hpp>
#include <tshift/view.hpp>

#include "bytes.hpp"
#include "float16.hpp"

namespace test_support {

using tshift::index_t;

/// SplitMix64: every seed is a good one.
class random_bits {
 public:
  explicit random_bits(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// In [low, high].
  index_t in(index_t low, index_t high) {
    return low + static_cast<index_t>((*this)() % static_cast<std::uint64_t>(high - low + 1));
  }

  bool chance(index_t one_in) { return in(1, one_in) == 1; }

  template <std::size_t N>
  index_t one_of(index_t const (&choices)[N]) {
    return choices[(*this)() % N];
  }

  void fill(void* memory, std::size_t size) {
    auto* to = static_cast<unsigned char*>(memory);
    for (; size >= 8; size -= 8, to += 8) {
      std::uint64_t const bits = (*this)();
      std::memcpy(to, &bits, 8);
    }
    std::uint64_t const bits = (*this)();
    if (size > 0) std::memcpy(to, &bits, size);
  }

 private:
  std::uint64_t state_;
};

/// Any bit pattern, of a floating-point type also NaN with any payload.
template <class T>
T any_value(random_bits& random) {
  T value;
  random.fill(&value, sizeof value);
  return value;
}

/// A value that can be added: any for integers, finite of either sign for floating point, a zero now and then.
template <class T>
T number(random_bits& random) {
  if constexpr (is_16_bit_float<T>) {
    // Finite; half of them near 1, where sums have ties and cancel.
    constexpr bool half = tshift::detail::is_half<T>;
    constexpr unsigned fraction = half ? 10 : 7, most = half ? 30 : 254;
    auto const bits = static_cast<unsigned>(random() >> 32);
    if (bits % 16 == 0) return from_bits<T>(bits % 32 == 0 ? 0x8000u : 0u);
    unsigned const exponent = bits % 2 == 0 ? (most / 2 - 6) + (bits >> 8) % 12 : (bits >> 8) % (most + 1);
    unsigned const rest = bits >> 16 & (0x8000u | ((1u << fraction) - 1));
    return from_bits<T>(static_cast<std::uint16_t>(rest | exponent << fraction));
  } else if constexpr (std::is_floating_point_v<T>) {
    std::uint64_t const bits = random();
    if (bits % 16 == 0) return bits % 32 == 0 ? T(0) : -T(0);
    auto const whole = static_cast<T>(static_cast<std::int64_t>(bits >> 8) - (std::int64_t{1} << 55));
    return whole / static_cast<T>(std::uint64_t{1} << (bits % 64));
  } else if constexpr (requires { typename T::value_type; }) {
    using part = typename T::value_type;
    part const real = number<part>(random);
    return T(real, number<part>(random));
  } else {
    return any_value<T>(random);
  }
}

/// Gives every element of a view a number.
template <class T>
void fill_numbers(tshift::tensor_view<T> const& view, random_bits& random) {
  tshift::reference::for_each_element(
      view.shape, [&](index_t n, index_t t, index_t c, index_t s) { view(n, t, c, s) = number<T>(random); });
}

/// `size` elements of random bits.
template <class T>
std::vector<T> any_values(index_t size, random_bits& random) {
  std::vector<T> values(static_cast<std::size_t>(size));
  random.fill(values.data(), values.size() * sizeof(T));
  return values;
}

/// `size` numbers.
template <class T>
std::vector<T> numbers(index_t size, random_bits& random) {
  std::vector<T> values(static_cast<std::size_t>(size));
  for (T& value : values) value = number<T>(random);
  return values;
}

}  // namespace test_support
