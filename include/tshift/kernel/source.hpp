// SPDX-License-Identifier: MIT
// Sources: what the bytes of an output run are, a copy of others or the sum of two.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/kernel/add.hpp>
#include <tshift/kernel/float16.hpp>
#include <tshift/kernel/vector.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Bytes from p to the next multiple of W.
template <index_t W>
index_t to_boundary(std::byte const* p) noexcept {
  return static_cast<index_t>((std::uintptr_t{0} - reinterpret_cast<std::uintptr_t>(p)) % std::uintptr_t{W});
}

/// Source of a copy: output byte i is from[i].
template <class Arch>
struct copy_from {
  using vector = byte_vector<Arch>;
  static constexpr bool may_be_overwritten = false;
  static constexpr bool computes = false;
  std::byte const* from;

  vector load(index_t i) const noexcept { return vector::load(from + i); }
  void load_short(index_t i, std::byte* to, index_t n) const noexcept { copy_short(from + i, to, n); }
  void ask_ahead(index_t i) const noexcept { prefetch(from + i, prefetch_bytes); }
  template <index_t W>
  index_t first_aligned(std::byte const* to) const noexcept {
    return to_boundary<W>(to);
  }
};

/// Adds n elements at unit stride; `to` may be either input. memcpy, because nothing promises that bytes are aligned.
template <class T>
void add_elements(std::byte const* a, std::byte const* b, std::byte* to, index_t n) noexcept {
  for (index_t i = 0; i < n; ++i) {
    T left, right;
    std::memcpy(&left, a + i * index_t{sizeof(T)}, sizeof(T));
    std::memcpy(&right, b + i * index_t{sizeof(T)}, sizeof(T));
    left = detail::add(left, right);
    std::memcpy(to + i * index_t{sizeof(T)}, &left, sizeof(T));
  }
}

/// What T is added as: a complex number as two reals.
template <class T>
struct lane_of {
  using type = T;
};
template <class T>
requires requires { typename T::value_type; } && std::is_same_v<T, std::complex<typename T::value_type>>
struct lane_of<T> {
  using type = typename T::value_type;
};

/// Whether sums of T have vector registers; others are added element by element.
template <class Arch, class T>
inline constexpr bool adds_in_vectors = widens_in_vectors<Arch, typename lane_of<T>::type> ||
                                        xsimd::types::has_simd_register<typename lane_of<T>::type, Arch>::value;

/// What a register holds of T: integers by their size alone, because sums wrap, and because xsimd's NEON takes addresses
/// of its own integer types only (char and long long are none).
template <class T>
using register_lane = std::conditional_t<
    !std::is_integral_v<T> || std::is_same_v<T, bool>, T,
    std::conditional_t<sizeof(T) == 1, std::uint8_t,
                       std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                          std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>>;

/// Source of a sum: output element i is a[i] + b[i], elements of type T. Byte positions are multiples of sizeof(T).
template <class Arch, class T>
struct sum_from {
  using vector = byte_vector<Arch>;
  static constexpr bool may_be_overwritten = true;              // the output may be a or b
  static constexpr bool computes = detail::is_16_bit_float<T>;  // more than a load or two
  using element = register_lane<T>;
  using batch = xsimd::batch<element, Arch>;
  std::byte const* a;
  std::byte const* b;

  TSHIFT_INLINE vector load(index_t i) const noexcept {
    if constexpr (detail::is_16_bit_float<T>) {
      return (widened<Arch, T>::load(a + i) + widened<Arch, T>::load(b + i)).rounded();
    } else {
      return load_lanes(i);
    }
  }
  vector load_lanes(index_t i) const noexcept {
    batch const left = batch::load_unaligned(reinterpret_cast<element const*>(a + i));
    batch const right = batch::load_unaligned(reinterpret_cast<element const*>(b + i));
    return {bits_as<typename vector::batch::value_type>(left + right)};
  }
  void load_short(index_t i, std::byte* to, index_t n) const noexcept {
    if constexpr (detail::is_16_bit_float<T>) {
      using wide = widened<Arch, T>;
      for (index_t j = 0; j < n; j += vector::width) {
        index_t const m = n - j < vector::width ? n - j : vector::width;
        store_some((wide::load_some(a + i + j, m) + wide::load_some(b + i + j, m)).rounded(), to + j, m);
      }
    } else {
      add_elements<T>(a + i, b + i, to, n / index_t{sizeof(T)});
    }
  }
  void ask_ahead(index_t i) const noexcept {
    prefetch(a + i, prefetch_bytes);
    prefetch(b + i, prefetch_bytes);
  }
  /// Where numbers do not lie on vector boundaries, from the beginning.
  template <index_t W>
  index_t first_aligned(std::byte const* to) const noexcept {
    index_t const i = to_boundary<W>(to);
    return i % index_t{sizeof(T)} == 0 ? i : 0;
  }
};

/// Copies n elements of E bytes between strides given in bytes; step 0 repeats one element.
template <index_t E>
void copy_elements(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) noexcept {
  for (index_t i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, E);
}

/// The same for an element size known at run time.
inline void copy_strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                         index_t element_bytes) noexcept {
  switch (element_bytes) {
    case 1: return copy_elements<1>(from, from_step, to, to_step, n);
    case 2: return copy_elements<2>(from, from_step, to, to_step, n);
    case 4: return copy_elements<4>(from, from_step, to, to_step, n);
    case 8: return copy_elements<8>(from, from_step, to, to_step, n);
    case 16: return copy_elements<16>(from, from_step, to, to_step, n);
    default:
      for (index_t i = 0; i < n; ++i) {
        std::memcpy(to + i * to_step, from + i * from_step, static_cast<std::size_t>(element_bytes));
      }
  }
}

/// What a walk writes: y = S x.
template <class Arch>
struct copying {
  static constexpr bool in_vectors = true;
  static constexpr bool copies = true;
  index_t element_bytes;

  static constexpr bool whole_lines(std::byte const*) noexcept { return true; }
  copy_from<Arch> source(std::byte const* from, std::byte const*) const noexcept { return {from}; }
  void strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) const noexcept {
    copy_strided(from, from_step, to, to_step, n, element_bytes);
  }
};

/// What a walk writes: y = S x + r, where r has y's strides.
template <class Arch, class T>
struct adding {
  using lane = typename lane_of<T>::type;
  static constexpr bool in_vectors = adds_in_vectors<Arch, T>;
  static constexpr bool copies = false;
  std::byte const* r;
  std::byte const* y;

  std::byte const* beside(std::byte const* to) const noexcept { return r + (to - y); }

  /// A line must not end in the middle of a number.
  static bool whole_lines(std::byte const* to) noexcept {
    return reinterpret_cast<std::uintptr_t>(to) % sizeof(lane) == 0;
  }

  auto source(std::byte const* from, std::byte const* to) const noexcept {
    return sum_from<Arch, lane>{from, beside(to)};
  }
  void strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) const noexcept {
    for (index_t i = 0; i < n; ++i) {
      add_elements<T>(from + i * from_step, beside(to + i * to_step), to + i * to_step, 1);
    }
  }
};

}}}}  // namespace tshift::kernel
