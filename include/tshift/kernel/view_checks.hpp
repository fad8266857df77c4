// SPDX-License-Identifier: MIT
// What a view asks of the sizes, strides and memory that it is made from.
#pragma once

#include <tshift/macros/away.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <tshift/shape.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Throws shape_error for a negative size, or if the tensor has more bytes than a pointer difference can count.
/// A dimension of 0 counts as 1 here: an empty tensor must not smuggle wrapped strides in.
constexpr void check_shape(shape const& dims, index_t element_size) {
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  index_t bytes = element_size;
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] < 0) fail("tensor_view: %s = %td, must be >= 0", dimension_names[i], sizes[i]);
    if (sizes[i] > 1 && __builtin_mul_overflow(bytes, sizes[i], &bytes)) {
      fail("tensor_view: %td x %td x %td x %td elements of %td bytes, must fit in 2^%d - 1 bytes", dims.batch,
           dims.time, dims.channels, dims.space, element_size, index_bits);
    }
  }
}

/// Throws shape_error if explicit strides reach further than a pointer difference can count.
constexpr void check_reach(shape const& dims, strides const& step, index_t element_size) {
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  index_t const steps[] = {step.batch, step.time, step.channels, step.space};
  index_t bytes = element_size;
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] < 2) continue;
    // On the negative side, where every stride has a place.
    index_t const away = steps[i] < 0 ? steps[i] : -steps[i];
    index_t reach = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, away, &reach) || __builtin_mul_overflow(reach, element_size, &reach) ||
        __builtin_sub_overflow(bytes, reach, &bytes)) {
      fail("tensor_view: %td elements with stride %td along %s, must fit in 2^%d - 1 bytes", sizes[i], steps[i],
           dimension_names[i], index_bits);
    }
  }
}

/// Throws shape_error unless every element lies in memory[0, count). Sizes and strides are checked already.
constexpr void check_memory(index_t count, shape const& dims, strides const& step) {
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  index_t const steps[] = {step.batch, step.time, step.channels, step.space};
  index_t first = 0, last = 0;  // element with the lowest and with the highest address
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] == 0) return;
    index_t const reach = sizes[i] > 1 ? (sizes[i] - 1) * steps[i] : 0;
    (reach < 0 ? first : last) += reach;
  }
  if (first < 0) fail("tensor_view: strides reach %td elements before memory, must begin at its first", -first);
  if (last >= count) fail("tensor_view: memory has %td elements, must have >= %td", count, last + 1);
}

/// A part [first, first + count) of a dimension of `size`.
constexpr void check_part(char const* name, index_t first, index_t count, index_t size) {
  if (first < 0 || count < 0 || first > size || count > size - first) {
    fail("tensor_view: %s [%td, %td + %td), must lie in [0, %td)", name, first, first, count, size);
  }
}

/// A pointer to elements T; to a class derived from T it is none, because the elements would be further apart.
/// A C array is none either, since its size is known and must not be lost.
template <class Pointer, class T>
concept pointer_to = std::is_null_pointer_v<Pointer> ||
    (std::is_pointer_v<Pointer>&& std::is_convertible_v<std::remove_pointer_t<Pointer> (*)[], T (*)[]>);

/// The element type of a view that may be written to, of which a view of T is one that reads.
template <class Mutable, class T>
concept mutable_of = !std::is_const_v<Mutable> && std::is_same_v<Mutable const, T>;

/// Memory that knows its size: C array, std::array, std::vector, std::span, and what else a std::span is made from.
template <class Memory>
concept sized_memory = requires(Memory& memory) {
  std::span(memory);
};

/// Its elements.
template <sized_memory Memory>
using element_of = typename decltype(std::span(std::declval<Memory&>()))::element_type;

/// The same, of elements that a view of T may read, and write if T is not const.
template <class Memory, class T>
concept memory_of = sized_memory<Memory> && std::is_convertible_v<Memory&, std::span<T>>;

/// The elements as a span. A temporary that owns its elements is refused: a view of it would be one of memory that is
/// gone.
template <class T, class Memory>
constexpr std::span<T> span_of(std::remove_reference_t<Memory>& memory) noexcept {
  static_assert(
      std::is_lvalue_reference_v<Memory> || std::ranges::enable_borrowed_range<std::remove_cv_t<Memory>>,
      "tshift: a temporary takes its elements away with it; give the memory a name and make the view of that");
  return std::span<T>(memory);
}

/// Lengths as an argument: a span, or what one is made of that outlives the view.
struct lengths_argument {
  std::span<index_t const> frames;

  constexpr lengths_argument() noexcept = default;
  constexpr lengths_argument(index_t const* first, std::size_t count) noexcept : frames(first, count) {}
  template <memory_of<index_t const> Memory>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): the concept takes no lengths_argument
  constexpr lengths_argument(Memory&& memory) noexcept : frames(span_of<index_t const, Memory>(memory)) {}
};

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
