// SPDX-License-Identifier: MIT
// Registers full of bytes, the stores that bypass the caches, and copies too short for a register. Of the operator's
// files, only this one and source.hpp know about SIMD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <xsimd/xsimd.hpp>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// The unit of streaming: a cache line of every current x86-64 and most ARM cores. Only speed depends on it.
inline constexpr index_t line_bytes = 64;

/// How far ahead of a streamed read the next lines are asked for: far enough for DRAM, near enough for the L1 cache.
/// Hardware prefetchers lose the thread where runs alternate between two frames.
inline constexpr index_t prefetch_bytes = 6144;

/// A register full of bytes, and the ways to load and store it without any alignment.
/// Where xsimd has no registers for Arch, 16 bytes moved by the compiler's own means.
template <class Arch, bool Simd = xsimd::types::has_simd_register<std::uint8_t, Arch>::value>
struct byte_vector {
  using batch = xsimd::batch<std::uint8_t, Arch>;
  static constexpr index_t width = static_cast<index_t>(batch::size);
  batch value;

  static byte_vector load(std::byte const* p) noexcept {
    return {batch::load_unaligned(reinterpret_cast<std::uint8_t const*>(p))};
  }
  void store(std::byte* p) const noexcept { value.store_unaligned(reinterpret_cast<std::uint8_t*>(p)); }
};

template <class Arch>
struct byte_vector<Arch, false> {
  static constexpr index_t width = 16;
  unsigned char value[16];

  static byte_vector load(std::byte const* p) noexcept {
    byte_vector v;
    std::memcpy(v.value, p, sizeof v.value);
    return v;
  }
  void store(std::byte* p) const noexcept { std::memcpy(p, value, sizeof value); }
};

/// The same bits as numbers of another type.
template <class To, class From, class Arch>
TSHIFT_INLINE auto bits_as(xsimd::batch<From, Arch> const& from) noexcept {
  // Found by its argument, because xsimd does not declare it where it knows no registers of the machine.
#if XSIMD_VERSION_MAJOR >= 11
  return bitwise_cast<To>(from);
#else
  return bitwise_cast<xsimd::batch<To, Arch>>(from);
#endif
}

/// Whether there is a store that bypasses the caches. xsimd 8 has none, so this is x86 only.
#if defined(__SSE2__)
template <class Arch>
inline constexpr bool has_streaming_store = xsimd::types::has_simd_register<std::uint8_t, Arch>::value;
#else
template <class Arch>
inline constexpr bool has_streaming_store = false;
#endif

template <class Arch>
void store_streaming([[maybe_unused]] std::byte* aligned, byte_vector<Arch> const& v) noexcept {
  static_assert(has_streaming_store<Arch>);
  static_assert(byte_vector<Arch>::width == sizeof(v.value.data));
#if defined(__AVX512F__)
  if constexpr (sizeof(v.value.data) == 64) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(aligned), v.value.data);
  }
#endif
#if defined(__AVX__)
  if constexpr (sizeof(v.value.data) == 32) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(aligned), v.value.data);
  }
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(v.value.data) == 16) _mm_stream_si128(reinterpret_cast<__m128i*>(aligned), v.value.data);
#endif
}

/// Streaming stores are not ordered with others: a fence, before another thread may be told that the data is there.
inline void streaming_fence() noexcept {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/// Asks for the line at p + bytes. Never faults; the sum may leave the tensor, so it is not done on pointers.
inline void prefetch(std::byte const* p, index_t bytes) noexcept {
  __builtin_prefetch(
      reinterpret_cast<void const*>(reinterpret_cast<std::uintptr_t>(p) + static_cast<std::uintptr_t>(bytes)));
}

template <index_t Bytes>
void copy_two_ends(std::byte const* from, std::byte* to, index_t n) noexcept {
  // Two moves that may overlap cover every n in [Bytes, 2 * Bytes]. Both loads come first.
  constexpr auto size = static_cast<std::size_t>(Bytes);
  unsigned char head[size], tail[size];
  std::memcpy(head, from, Bytes);
  std::memcpy(tail, from + (n - Bytes), Bytes);
  std::memcpy(to, head, Bytes);
  std::memcpy(to + (n - Bytes), tail, Bytes);
}

/// Moves n < 128 bytes without a call; touches nothing outside. The two places may overlap: all loads come first.
inline void copy_short(std::byte const* from, std::byte* to, index_t n) noexcept {
  if (n >= 64) return copy_two_ends<64>(from, to, n);
  if (n >= 32) return copy_two_ends<32>(from, to, n);
  if (n >= 16) return copy_two_ends<16>(from, to, n);
  if (n >= 8) return copy_two_ends<8>(from, to, n);
  if (n >= 4) return copy_two_ends<4>(from, to, n);
  if (n <= 0) return;
  std::byte const first = from[0], middle = from[n / 2], last = from[n - 1];
  to[0] = first;
  to[n / 2] = middle;
  to[n - 1] = last;
}

}}}}  // namespace tshift::kernel
