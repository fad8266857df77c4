// SPDX-License-Identifier: MIT
// What a safetensors file may contain, beyond being JSON. Part of io/safetensors.hpp, for reading and for writing.
//
// Nothing in a header is believed: every number is checked before it is used, products before zeros can hide them,
// and the tensors must cover the data that follow without holes and overlaps.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace io {

using tshift::file_error;

/// The most dimensions this reader and writer accept; the format has no such limit.
inline constexpr index_t most_dimensions = 64;
/// The longest name they accept, in bytes; the format has no such limit.
inline constexpr index_t longest_name = 4096;
/// The longest header: the format's own limit.
inline constexpr index_t longest_header = 100'000'000;  // bytes

}}}}  // namespace tshift::io

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Bytes that type and shape make of a tensor; -1 if they are not whole bytes, or more bits than an index counts.
inline index_t bytes_of(weights::tensor const& tensor) noexcept {
  index_t const bits = weights::bits_of(tensor.type);
  index_t const count = element_count(tensor.shape, std::numeric_limits<index_t>::max() / bits);
  return count < 0 || count * bits % 8 != 0 ? -1 : count * bits / 8;
}

/// Where the header says that a tensor lies: bytes [begin, end) of the data.
struct data_offsets {
  index_t begin, end;
};

/// Type, shape and offsets of one tensor.
/// @param byte       where the header names it
/// @param data_size  bytes that follow the header
inline void check_tensor(std::string_view source, index_t byte, weights::tensor const& tensor, data_offsets at,
                         index_t data_size) {
  std::string const name = shown_name(tensor.name);
  dtype_row const& element = row_of(tensor.type);
  index_t const count = element_count(tensor.shape, std::numeric_limits<index_t>::max() / element.bits);
  if (count < 0) {
    fail_file(source, byte, "tensor %s: shape %s of %s overflows", name.c_str(), shown_shape(tensor.shape).c_str(),
              element.name);
  }
  index_t const bits = count * element.bits;
  if (bits % 8 != 0) {
    fail_file(source, byte, "tensor %s: shape %s of %s is %td bits, must be whole bytes", name.c_str(),
              shown_shape(tensor.shape).c_str(), element.name, bits);
  }
  if (at.begin > at.end) {
    fail_file(source, byte, "tensor %s: data_offsets [%td, %td], the first must not be the greater", name.c_str(),
              at.begin, at.end);
  }
  if (at.end > data_size) {
    fail_file(source, byte, "tensor %s: data_offsets [%td, %td], but %td bytes of data follow the header", name.c_str(),
              at.begin, at.end, data_size);
  }
  if (at.end - at.begin != bits / 8) {
    fail_file(source, byte, "tensor %s: data_offsets [%td, %td], must span %td bytes", name.c_str(), at.begin, at.end,
              bits / 8);
  }
}

/// Every byte of the data belongs to one tensor.
/// @param data_byte  where the data begin in the file
inline void check_coverage(std::string_view source, std::span<weights::tensor const> tensors, index_t data_byte,
                           index_t data_size) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Of two that begin at one place, the one without elements comes first.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(tensors[a].byte, bytes_of(tensors[a])) < std::pair(tensors[b].byte, bytes_of(tensors[b]));
  });
  index_t covered = data_byte;
  weights::tensor const* before = nullptr;
  for (std::size_t const i : order) {
    weights::tensor const& next = tensors[i];
    if (next.byte > covered) {
      fail_file(source, covered, "tensor %s: %td bytes in front of its data belong to no tensor",
                shown_name(next.name).c_str(), next.byte - covered);
    }
    if (next.byte < covered) {
      fail_file(source, next.byte, "tensor %s: its data overlap those of %s", shown_name(next.name).c_str(),
                shown_name(before->name).c_str());
    }
    covered = next.byte + bytes_of(next);
    before = &next;
  }
  if (covered != data_byte + data_size) {
    fail_file(source, covered, "%td bytes after the last tensor belong to none", data_byte + data_size - covered);
  }
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
