// SPDX-License-Identifier: MIT
// A tensor with a name: what dictionaries hold, files contain, and models take their weights from.
#pragma once

#include <tshift/macros/away.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/weights/float_formats.hpp>
#include <tshift/weights/text.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// The product of a shape's sizes. -1 where one is negative, or where the product of those that are not zero is more than
/// `most`: a zero hides no overflow, wherever it stands.
constexpr index_t element_count(std::span<index_t const> shape,
                                index_t most = std::numeric_limits<index_t>::max()) noexcept {
  index_t count = 1;
  bool empty = false;
  for (index_t const size : shape) {
    if (size < 0) return -1;
    if (size == 0) {
      empty = true;
    } else if (count > most / size) {
      return -1;
    } else {
      count *= size;
    }
  }
  return empty ? 0 : count;
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// A named tensor: row-major, the last dimension contiguous. Borrows its bytes, which are those of a file: little-endian
/// on every machine, at any address. Nothing is checked here: who takes one does that.
struct tensor {
  std::string name;                  ///< as PyTorch's state_dict has it
  dtype type{};                      ///< of the elements
  std::vector<index_t> shape;        ///< outermost first; empty: one element
  std::span<std::byte const> bytes;  ///< the elements, little-endian
  index_t byte = -1;                 ///< where they begin in the file; -1: not from a file

  tensor() = default;

  /// Elements of any type, F16 for example, as their bytes.
  tensor(std::string name_, dtype type_, std::vector<index_t> shape_, std::span<std::byte const> bytes_,
         index_t byte_ = -1)
      : name(std::move(name_)), type(type_), shape(std::move(shape_)), bytes(bytes_), byte(byte_) {}

  /// Elements in a vector, a span, an array, row-major: as many as the shape says.
  template <std::ranges::contiguous_range Range>
  requires std::ranges::borrowed_range<Range> tensor(std::string name_, std::vector<index_t> shape_, Range&& elements)
      : tensor(std::move(name_), dtype_of<std::remove_cv_t<std::ranges::range_value_t<Range>>>(), std::move(shape_),
               std::as_bytes(std::span(std::ranges::data(elements), std::ranges::size(elements)))) {
    static_assert(
        std::endian::native == std::endian::little || sizeof(Range) == 0,
        "this machine is big-endian: give the bytes of the elements in little-endian order instead, or have a "
        "state_dict turn them round");
  }

  /// Number of elements, 1 without dimensions; -1 for a shape that is none.
  index_t size() const noexcept { return detail::element_count(shape); }
};

/// Whether elements of this type are read as float and double: F16, BF16, F32 and F64.
constexpr bool is_number(dtype type) noexcept {
  return type == dtype::f16 || type == dtype::bf16 || type == dtype::f32 || type == dtype::f64;
}

/// The elements of a tensor, to be read as T (float or double): where and what they are, nothing is converted before it
/// is read. The tensor must have the bytes that its shape says.
/// @param operation  who reads, the first word of messages
/// @param source     where the tensor comes from, for messages: a file name, or empty
/// @throws shape_error  for elements of another type, and for a finite F64 that float cannot hold
/// Cost: nothing; of F64 as float, one pass over the elements.
template <class T>
values<T> read_as(tensor const& from, char const* operation = "tensor", std::string_view source = {}) {
  if (!is_number(from.type)) {
    detail::fail("%s: %s has dtype %s, must be F32, F16, BF16 or F64%s", operation,
                 detail::shown_name(from.name).c_str(), name_of(from.type),
                 detail::shown_place(source, from.byte).c_str());
  }
  if (sizeof(T) < sizeof(double) && from.type == dtype::f64) {
    values<double> const exact(dtype::f64, from.bytes.data(), from.size());
    for (index_t i = 0; i < exact.size(); ++i) {
      if (!detail::overflows_float(exact[i])) continue;
      std::string const first = source.empty() ? operation : detail::shown_source(source);
      index_t const place = from.byte < 0 ? -1 : from.byte + i * index_t{sizeof(double)};
      detail::fail("%s: tensor %s: %g is more than a float holds%s", first.c_str(),
                   detail::shown_name(from.name).c_str(), exact[i], detail::shown_place("", place).c_str());
    }
  }
  return {from.type, from.bytes.data(), from.size()};
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
