// SPDX-License-Identifier: MIT
// The element types of safetensors files.
#pragma once

#include <tshift/macros/away.hpp>

#include <bit>
#include <complex>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Element types of the format, in its own order, by which its writers sort: smaller ones first.
enum class dtype : unsigned char {
  boolean,      ///< BOOL, a byte
  f4,           ///< F4, four bits
  f6_e2m3,      ///< F6_E2M3, six bits
  f6_e3m2,      ///< F6_E3M2, six bits
  u8,           ///< U8
  i8,           ///< I8
  f8_e5m2,      ///< F8_E5M2
  f8_e4m3,      ///< F8_E4M3
  f8_e8m0,      ///< F8_E8M0, an exponent alone
  f8_e4m3fnuz,  ///< F8_E4M3FNUZ
  f8_e5m2fnuz,  ///< F8_E5M2FNUZ
  i16,          ///< I16
  u16,          ///< U16
  f16,          ///< F16, IEEE half precision
  bf16,         ///< BF16, the upper half of an F32
  i32,          ///< I32
  u32,          ///< U32
  f32,          ///< F32
  c64,          ///< C64, two F32
  f64,          ///< F64
  i64,          ///< I64
  u64           ///< U64
};

}}}}  // namespace tshift::weights

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

struct dtype_row {
  char const* name;
  index_t bits;
};

/// In the order of weights::dtype.
inline constexpr dtype_row dtype_table[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};
static_assert(std::size(dtype_table) == static_cast<std::size_t>(weights::dtype::u64) + 1);

constexpr dtype_row const& row_of(weights::dtype type) noexcept { return dtype_table[static_cast<std::size_t>(type)]; }

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// The name that files use: "BF16".
constexpr char const* name_of(dtype type) noexcept { return detail::row_of(type).name; }

/// The type of this name, if there is one.
constexpr std::optional<dtype> dtype_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(detail::dtype_table); ++i) {
    if (detail::dtype_table[i].name == name) return static_cast<dtype>(i);
  }
  return {};
}

/// Size of an element in bits: F4 and F6 are smaller than a byte.
constexpr index_t bits_of(dtype type) noexcept { return detail::row_of(type).bits; }

/// The element type in which files hold a T: numbers of 1 to 8 bytes, bool, float, double, std::complex<float>.
template <class T>
constexpr dtype dtype_of() {
  static_assert(std::is_arithmetic_v<T> || std::same_as<T, std::complex<float>>, "safetensors hold numbers");
  static_assert(sizeof(T) <= 8, "safetensors hold no numbers of more than 8 bytes");
  if constexpr (std::same_as<T, std::complex<float>>) return dtype::c64;
  if constexpr (std::same_as<T, bool>) return dtype::boolean;
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? dtype::f32 : dtype::f64;
  constexpr dtype with_sign[] = {dtype::i8, dtype::i16, dtype::i32, dtype::i64};
  constexpr dtype without[] = {dtype::u8, dtype::u16, dtype::u32, dtype::u64};
  constexpr auto i = static_cast<std::size_t>(std::countr_zero(sizeof(T)));
  return (std::is_signed_v<T>) ? with_sign[i] : without[i];  // cppcheck 2.10 needs the parentheses
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
