// SPDX-License-Identifier: MIT
// Registers full of 16-bit floats: widened to float, added, and rounded back. The bits are those of float16.hpp, but for
// a NaN's payload.
#pragma once

#include <cstddef>
#include <cstdint>

#include <xsimd/xsimd.hpp>

#include <tshift/float16.hpp>
#include <tshift/kernel/vector.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Whether T is a 16-bit float whose sums are made in registers.
template <class Arch, class T>
inline constexpr bool widens_in_vectors = detail::is_16_bit_float<T>&&
    xsimd::types::has_simd_register<float, Arch>::value&& xsimd::types::has_simd_register<std::uint32_t, Arch>::value;

/// Whether the unit's flags have instructions that convert registers of this many bytes between binary16 and float.
template <index_t Width>
inline constexpr bool converts_half =
#if defined(__AVX512F__)
    Width == 64 ||
#endif
#if defined(__F16C__)
    Width == 32 || Width == 16 ||
#endif
    false;

/// What the upper half of each lane is rounded from, of bfloat16. A NaN stays one: this one is quiet, and its lower half
/// is 0, because it comes from bfloat16 or from the processor.
template <class Arch>
TSHIFT_INLINE auto round_upper(xsimd::batch<float, Arch> const& sum) noexcept {
  using lanes = xsimd::batch<std::uint32_t, Arch>;
  lanes const bits = bits_as<std::uint32_t>(sum);
  return bits + (lanes(0x7fffu) + ((bits >> 16) & lanes(1u)));
}

/// half_to_float of the lower half of each lane; the upper half is 0.
template <class Arch>
TSHIFT_INLINE auto half_lanes_to_float(xsimd::batch<std::int32_t, Arch> const& half) noexcept {
  using lanes = xsimd::batch<std::int32_t, Arch>;
  lanes const size = half & lanes(0x7fff);
  // Masks, because the oldest processors have no instruction that selects.
  lanes const infinite = (lanes(0x7bff) - size) >> 31, subnormal = (size - lanes(0x400)) >> 31;
  lanes const normal = (size << 13) + lanes(0x38000000) + (infinite & lanes(0x38000000));
  // A subnormal number gets a first bit, which is taken away again.
  lanes const one = subnormal & lanes(0x00800000), first = subnormal & lanes(0x38800000);
  auto const value = bits_as<float>(normal + one) - bits_as<float>(first);
  return bits_as<float>(bits_as<std::int32_t>(value) | ((half ^ size) << 16));
}

/// nearest_half of each lane, in its lower half; the upper half is 0.
template <class Arch>
TSHIFT_INLINE auto nearest_half_lanes(xsimd::batch<float, Arch> const& value) noexcept {
  using lanes = xsimd::batch<std::int32_t, Arch>;
  using floats = xsimd::batch<float, Arch>;
  lanes const bits = bits_as<std::int32_t>(value), size = bits & lanes(0x7fffffff);
  floats const most = min(bits_as<float>(size), floats(0x1p16f));
  // A number whose last bit is worth as much as the result's: added to it, the processor rounds there.
  floats const power = max(bits_as<float>(bits_as<std::int32_t>(most) & lanes(0x7f800000)), floats(0x1p-14f));
  lanes const step = bits_as<std::int32_t>(power) + lanes(13 << 23);
  lanes const steps = bits_as<std::int32_t>(most + bits_as<float>(step)) - step;
  lanes const number = steps + (step >> 13) - lanes(126 << 10);
  lanes const nan = lanes(0x7e00) | ((size >> 13) & lanes(0x1ff));
  lanes const half = select(size > lanes(0x7f800000), nan, number);
  return half | (((bits ^ size) >> 16) & lanes(0x8000));
}

/// The numbers of a register of T, as two registers of float: the first and second half of them where the processor
/// converts, else those in the lower and the upper halves of 32-bit lanes.
template <class Arch, class T>
struct widened {
  using bytes = byte_vector<Arch>;
  using lanes = xsimd::batch<std::uint32_t, Arch>;
  using floats = xsimd::batch<float, Arch>;
  static constexpr index_t width = bytes::width;
  static constexpr bool converts = detail::is_half<T> && converts_half<width>;
  floats first, second;

  TSHIFT_INLINE static widened load(std::byte const* p) noexcept {
    if constexpr (converts) {
      return {convert(p), convert(p + width / 2)};
    } else {
      lanes const both = bits_as<std::uint32_t>(bytes::load(p).value);
      if constexpr (detail::is_half<T>) {
        return {half_lanes_to_float(bits_as<std::int32_t>(both & lanes(0xffffu))),
                half_lanes_to_float(bits_as<std::int32_t>(both >> 16))};
      } else {
        return {bits_as<float>(both << 16), bits_as<float>(both & lanes(0xffff0000u))};
      }
    }
  }

  /// The first n bytes at p, after them zeros. n in [0, width].
  static widened load_some(std::byte const* p, index_t n) noexcept {
    if (n >= width) return load(p);  // never more; g++ warns of that otherwise
    std::byte padded[static_cast<std::size_t>(width)] = {};
    copy_short(p, padded, n);
    return load(padded);
  }

  TSHIFT_INLINE friend widened operator+(widened const& a, widened const& b) noexcept {
    return {a.first + b.first, a.second + b.second};
  }

  /// The nearest of T.
  TSHIFT_INLINE bytes rounded() const noexcept {
    using byte = typename bytes::batch::value_type;
    if constexpr (converts) {
      return {bits_as<byte>(lanes(convert_back()))};
    } else if constexpr (detail::is_half<T>) {
      return {bits_as<byte>(nearest_half_lanes(first) | (nearest_half_lanes(second) << 16))};
    } else {
      return {bits_as<byte>((round_upper(first) >> 16) | (round_upper(second) & lanes(0xffff0000u)))};
    }
  }

 private:
  TSHIFT_INLINE static auto convert([[maybe_unused]] std::byte const* p) noexcept {
#if defined(__AVX512F__)
    if constexpr (width == 64) return floats(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(p))));
#endif
#if defined(__F16C__)
    if constexpr (width == 32) return floats(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<__m128i const*>(p))));
    if constexpr (width == 16) return floats(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(p))));
#endif
  }

  TSHIFT_INLINE auto convert_back() const noexcept {
    [[maybe_unused]] constexpr int mode = 8;  // to the nearest even, whatever mode is set; no exceptions
#if defined(__AVX512F__)
    if constexpr (width == 64) {
      constexpr auto all = static_cast<__mmask16>(-1);  // without a mask, g++ warns of one of its own
      return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_maskz_cvtps_ph(all, first.data, mode)),
                                _mm512_maskz_cvtps_ph(all, second.data, mode), 1);
    }
#endif
#if defined(__F16C__)
    if constexpr (width == 32) {
      return _mm256_insertf128_si256(_mm256_castsi128_si256(_mm256_cvtps_ph(first.data, mode)),
                                     _mm256_cvtps_ph(second.data, mode), 1);
    }
    if constexpr (width == 16) {
      return _mm_unpacklo_epi64(_mm_cvtps_ph(first.data, mode), _mm_cvtps_ph(second.data, mode));
    }
#endif
  }
};

/// The first n bytes of a register. n in [0, its width].
template <class Arch>
TSHIFT_INLINE void store_some(byte_vector<Arch> const& v, std::byte* to, index_t n) noexcept {
  if (n >= byte_vector<Arch>::width) return v.store(to);
  std::byte padded[static_cast<std::size_t>(byte_vector<Arch>::width)];
  v.store(padded);
  copy_short(padded, to, n);
}

}}}}  // namespace tshift::kernel
