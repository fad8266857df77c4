// SPDX-License-Identifier: MIT
// The elements of a tensor as a block takes them: in whatever type the file has them, read as T one at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/weights/float_formats.hpp>
#include <tshift/weights/shared_array.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Numbers to be read as T (float or double), which stay where and what they are: F32, F64, F16 or BF16, little-endian at
/// any address, as files have them. Made implicitly from a span, vector or array of T, or by a state_reader.
/// Reading converts: exactly from a narrower type, to the nearest float from F64.
template <class T>
class values {
  static_assert(std::same_as<T, float> || std::same_as<T, double>, "weights are read as float or double");

 public:
  /// None.
  values() = default;

  /// Elements of T in this machine's byte order.
  values(std::span<T const> native) noexcept
      : data_(reinterpret_cast<std::byte const*>(native.data())), size_(static_cast<index_t>(native.size())) {}

  /// The same of a vector or an array.
  template <class Range>
  requires(!std::same_as<std::remove_cvref_t<Range>, values> && std::convertible_to<Range const&, std::span<T const>>)
      values(Range const& native)
  noexcept : values(std::span<T const>(native)) {}

  /// Bytes of a file.
  /// @param type   F32, F64, F16 or BF16
  /// @param count  elements
  values(dtype type, std::byte const* first, index_t count) noexcept
      : data_(first), size_(count), type_(type), native_(false) {}

  /// Number of elements.
  index_t size() const noexcept { return size_; }
  /// Whether there are none.
  bool empty() const noexcept { return size_ == 0; }
  /// What they are stored as.
  dtype type() const noexcept { return type_; }

  /// Element i as T. Unchecked.
  T operator[](index_t i) const noexcept {
    if (native_) {
      T value;
      std::memcpy(&value, data_ + i * index_t{sizeof(T)}, sizeof(T));
      return value;
    }
    switch (type_) {
      case dtype::f64: return from_double(std::bit_cast<double>(detail::load_little<std::uint64_t>(data_ + i * 8)));
      case dtype::f16: return static_cast<T>(detail::half_to_float(detail::load_little<std::uint16_t>(data_ + i * 2)));
      case dtype::bf16:
        return static_cast<T>(detail::bfloat16_to_float(detail::load_little<std::uint16_t>(data_ + i * 2)));
      default: return static_cast<T>(std::bit_cast<float>(detail::load_little<std::uint32_t>(data_ + i * 4)));
    }
  }

  /// Element i, i + 1, ... of `count` to memory.
  void copy_to(T* to, index_t first, index_t count) const noexcept {
    for (index_t i = 0; i < count; ++i) to[i] = (*this)[first + i];
  }

 private:
  static T from_double(double value) noexcept {
    if constexpr (std::same_as<T, double>) {
      return value;
    } else {
      return detail::nearest_float(value);
    }
  }

  std::byte const* data_ = nullptr;
  index_t size_ = 0;
  dtype type_ = dtype_of<T>();
  bool native_ = true;
};

/// The same elements as T, in memory that copies share.
/// @throws std::bad_alloc
template <class T>
shared_array<T> array_of(values<T> const& from) {
  return {static_cast<std::size_t>(from.size()), [&](T* to) { from.copy_to(to, 0, from.size()); }};
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
