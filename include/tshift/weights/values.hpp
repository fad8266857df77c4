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
#include <tshift/weights/stored.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Numbers to be read as T (float or double), which stay where and what they are: F32, F64, F16 or BF16, little-endian at
/// any address, as files have them. Made implicitly from a span, vector or array of T, or by a state_reader. Borrows them.
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

  /// Bytes of a file. Unchecked.
  /// @param type   F32, F64, F16 or BF16
  /// @param first  little-endian, at any address
  /// @param count  elements
  values(dtype type, std::byte const* first, index_t count) noexcept
      : data_(first), size_(count), type_(type),
        native_(type == dtype_of<T>() && std::endian::native == std::endian::little) {}

  /// Number of elements.
  index_t size() const noexcept { return size_; }
  /// Whether there are none.
  bool empty() const noexcept { return size_ == 0; }
  /// What they are stored as.
  dtype type() const noexcept { return type_; }

  /// The same elements, for a block that shall keep them like this: {weight, stored::bf16} where a block takes values.
  values(values const& elements, stored how) noexcept : values(elements) { how_ = how; }
  /// How a block shall keep them, if they are a matrix of its products.
  stored how() const noexcept { return how_; }

  /// The first element where it lies, if they are T already, in this machine's byte order and at an address that suits
  /// them; else null, and so for none.
  T const* native() const noexcept {
    bool const aligned = reinterpret_cast<std::uintptr_t>(data_) % alignof(T) == 0;
    return native_ && aligned && !empty() ? reinterpret_cast<T const*>(data_) : nullptr;
  }

  /// Element i as T. Unchecked.
  T operator[](index_t i) const noexcept {
    if (native_) {
      T value;
      std::memcpy(&value, data_ + i * index_t{sizeof(T)}, sizeof(T));
      return value;
    }
    return converted(i);
  }

  /// to[i] = element first + i, for i in [0, count). Unchecked. Cost: a copy, or one conversion an element.
  void copy_to(T* to, index_t first, index_t count) const noexcept {
    if (count == 0) return;
    if (native_) {
      std::memcpy(to, data_ + first * index_t{sizeof(T)}, static_cast<std::size_t>(count) * sizeof(T));
      return;
    }
    switch (type_) {
      case dtype::f64: return convert<dtype::f64>(to, first, count);
      case dtype::f16: return convert<dtype::f16>(to, first, count);
      case dtype::bf16: return convert<dtype::bf16>(to, first, count);
      default: return convert<dtype::f32>(to, first, count);
    }
  }

 private:
  /// Out of line, so that reading elements of T themselves is a compare and a load wherever it is called.
  [[gnu::noinline]] T converted(index_t i) const noexcept {
    switch (type_) {
      case dtype::f64: return at<dtype::f64>(i);
      case dtype::f16: return at<dtype::f16>(i);
      case dtype::bf16: return at<dtype::bf16>(i);
      default: return at<dtype::f32>(i);
    }
  }

  template <dtype Type>
  T at(index_t i) const noexcept {
    using detail::load_little;
    if constexpr (Type == dtype::f16) {
      return static_cast<T>(detail::half_to_float(load_little<std::uint16_t>(data_ + 2 * i)));
    } else if constexpr (Type == dtype::bf16) {
      return static_cast<T>(detail::bfloat16_to_float(load_little<std::uint16_t>(data_ + 2 * i)));
    } else if constexpr (Type == dtype::f32) {
      return static_cast<T>(__builtin_bit_cast(float, load_little<std::uint32_t>(data_ + 4 * i)));
    } else if constexpr (std::same_as<T, double>) {
      return __builtin_bit_cast(double, load_little<std::uint64_t>(data_ + 8 * i));
    } else {
      return detail::nearest_float(__builtin_bit_cast(double, load_little<std::uint64_t>(data_ + 8 * i)));
    }
  }

  template <dtype Type>
  void convert(T* to, index_t first, index_t count) const noexcept {
    for (index_t i = 0; i < count; ++i) to[i] = at<Type>(first + i);
  }

  std::byte const* data_ = nullptr;
  index_t size_ = 0;
  dtype type_ = dtype_of<T>();
  bool native_ = true;
  stored how_ = stored::full;
};

/// The same elements as T, in memory that copies share.
/// @throws std::bad_alloc  if there is no memory
template <class T>
shared_array<T> array_of(values<T> const& from) {
  return {static_cast<std::size_t>(from.size()), [&from](T* to) { from.copy_to(to, 0, from.size()); }};
}

}}}}  // namespace tshift::weights

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A block of double keeps no weights as bf16.
template <class T>
void check_stored(char const* operation, weights::values<T> const& weight) {
  if (sizeof(T) > sizeof(float) && weight.how() == stored::bf16) {
    fail("%s: weights as bf16, must be in full where sums are of double", operation);
  }
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
