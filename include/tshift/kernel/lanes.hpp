// SPDX-License-Identifier: MIT
// Numbers side by side in a register, and the few things that the weighted shifts compute with them. Every element goes
// through these functions, wherever it lies: bits do not depend on layouts, on tails, or on where a task begins.
#pragma once

#include <cstddef>
#include <cstdint>

#include <xsimd/xsimd.hpp>

#include <tshift/kernel/vector.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// fma and select are found by their arguments, because xsimd does not declare them where it knows no registers of the
/// machine.
template <class T, class Arch, bool Simd = xsimd::types::has_simd_register<T, Arch>::value>
struct lanes {
  using batch = xsimd::batch<T, Arch>;
  static constexpr index_t width = static_cast<index_t>(batch::size);
  batch value;

  static lanes load(T const* p) noexcept { return {batch::load_unaligned(p)}; }
  static lanes all(T number) noexcept { return {batch(number)}; }
  void store(T* p) const noexcept { value.store_unaligned(p); }

  /// Around the caches. @param p  aligned to the size of a register
  void store_around(T* p) const noexcept {
    if constexpr (has_streaming_store<Arch>) {
      using bytes = byte_vector<Arch>;
      bytes const all_of_it{bits_as<typename bytes::batch::value_type>(value)};
      store_streaming<Arch>(reinterpret_cast<std::byte*>(p), all_of_it);
    } else {
      store(p);
    }
  }

  friend lanes operator+(lanes const& a, lanes const& b) noexcept { return {a.value + b.value}; }

  /// sum + g (b - a).
  static lanes add_slope(lanes const& sum, lanes const& g, lanes const& a, lanes const& b) noexcept {
    return {fma(g.value, b.value - a.value, sum.value)};
  }

  /// yes where kind is `which`, no elsewhere.
  static lanes pick(lanes const& kind, T which, lanes const& yes, lanes const& no) noexcept {
    return {select(kind.value == batch(which), yes.value, no.value)};
  }

  /// u a + v b.
  static lanes sum(lanes const& u, lanes const& a, lanes const& v, lanes const& b) noexcept {
    return {fma(v.value, b.value, u.value * a.value)};
  }

  /// The same; but where one weight is 0 the other element as it is, with its sign and its NaN.
  static lanes blend(lanes const& u, lanes const& a, lanes const& v, lanes const& b) noexcept {
    batch const zero(T(0));
    return {select(v.value == zero, a.value, select(u.value == zero, b.value, sum(u, a, v, b).value))};
  }
};

/// Where xsimd has no registers for T.
template <class T, class Arch>
struct lanes<T, Arch, false> {
  static constexpr index_t width = 4;
  T value[static_cast<std::size_t>(width)];

  template <class F>
  static lanes of(F const& f) noexcept {
    lanes result;
    for (index_t i = 0; i < width; ++i) result.value[i] = f(i);
    return result;
  }
  static lanes load(T const* p) noexcept {
    return of([p](index_t i) { return p[i]; });
  }
  static lanes all(T number) noexcept {
    return of([number](index_t) { return number; });
  }
  void store(T* p) const noexcept {
    for (index_t i = 0; i < width; ++i) p[i] = value[i];
  }
  void store_around(T* p) const noexcept { store(p); }

  friend lanes operator+(lanes const& a, lanes const& b) noexcept {
    return of([&a, &b](index_t i) { return a.value[i] + b.value[i]; });
  }
  static lanes add_slope(lanes const& sum, lanes const& g, lanes const& a, lanes const& b) noexcept {
    return of([&sum, &g, &a, &b](index_t i) { return sum.value[i] + g.value[i] * (b.value[i] - a.value[i]); });
  }
  static lanes pick(lanes const& kind, T which, lanes const& yes, lanes const& no) noexcept {
    return of([&kind, &yes, &no, which](index_t i) { return kind.value[i] == which ? yes.value[i] : no.value[i]; });
  }
  static lanes sum(lanes const& u, lanes const& a, lanes const& v, lanes const& b) noexcept {
    return of([&u, &a, &v, &b](index_t i) { return u.value[i] * a.value[i] + v.value[i] * b.value[i]; });
  }
  static lanes blend(lanes const& u, lanes const& a, lanes const& v, lanes const& b) noexcept {
    lanes const both = sum(u, a, v, b);
    return of([&u, &a, &v, &b, &both](index_t i) {
      return v.value[i] == T(0) ? a.value[i] : u.value[i] == T(0) ? b.value[i] : both.value[i];
    });
  }
};

/// The first `count` numbers at p, after them zeros. count in [0, width].
template <class Lanes, class T>
TSHIFT_INLINE Lanes load_some(T const* p, index_t count) noexcept {
  if (count == Lanes::width) return Lanes::load(p);
  T padded[static_cast<std::size_t>(Lanes::width)] = {};
  for (index_t i = 0; i < count; ++i) padded[i] = p[i];
  return Lanes::load(padded);
}

template <class Lanes, class T>
TSHIFT_INLINE void store_some(Lanes const& numbers, T* p, index_t count) noexcept {
  if (count == Lanes::width) return numbers.store(p);
  T padded[static_cast<std::size_t>(Lanes::width)];
  numbers.store(padded);
  for (index_t i = 0; i < count; ++i) p[i] = padded[i];
}

}}}}  // namespace tshift::kernel
