// SPDX-License-Identifier: MIT
// Bytes are read as a safetensors file. Either they are refused with a file_error, or everything about the result is
// right: every tensor inside the data and the data covered once, numbers converted as their formats say, and what is
// written from it read again as the same.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/io/safetensors.hpp>
#include <tshift/weights/state_reader.hpp>

#include "../support/bytes.hpp"
#include "support.hpp"

namespace fuzz {

namespace io = tshift::io;
namespace weights = tshift::weights;
using weights::dtype;

/// Little-endian bits at any address.
inline std::uint64_t bits_at(std::byte const* at, std::size_t size) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits |= std::to_integer<std::uint64_t>(at[i]) << 8 * i;
  return bits;
}

/// The number that an element of a floating-point format is. binary16 and bfloat16 by their definition.
inline double number_at(dtype type, std::byte const* at) {
  switch (type) {
    case dtype::f64: return std::bit_cast<double>(bits_at(at, 8));
    case dtype::f32: return std::bit_cast<float>(static_cast<std::uint32_t>(bits_at(at, 4)));
    default: break;
  }
  auto const bits = static_cast<unsigned>(bits_at(at, 2));
  int const fraction_bits = type == dtype::f16 ? 10 : 7, bias = type == dtype::f16 ? 15 : 127;
  unsigned const ones = type == dtype::f16 ? 31 : 255, exponent = bits >> fraction_bits & ones;
  auto const fraction = static_cast<int>(bits & ((1u << fraction_bits) - 1));
  double const sign = (bits & 0x8000u) != 0 ? -1 : 1;
  if (exponent == ones) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  int const whole = exponent == 0 ? fraction : fraction + (1 << fraction_bits);
  return sign * std::ldexp(whole, std::max(static_cast<int>(exponent), 1) - bias - fraction_bits);
}

/// Whether a value is the element converted to T. Rounding is checked by its definition: no neighbour is nearer.
template <class T>
bool is_converted(double from, T to) {
  if (std::isnan(from)) return std::isnan(to);
  auto const back = static_cast<double>(to);
  if (std::signbit(from) != std::signbit(to)) return false;
  if (back == from) return true;
  if (std::same_as<T, double> || std::isinf(from) || std::isinf(to)) return false;
  T const next =
      std::nextafter(to, from > back ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity());
  if (std::isinf(next)) return std::abs(from) < 0x1.ffffffp127;
  double const here = std::abs(from - back), there = std::abs(static_cast<double>(next) - from);
  return here < there || (here == there && (std::bit_cast<std::uint32_t>(static_cast<float>(to)) & 1u) == 0);
}

/// Whether an F64 among the elements is finite and too large for a T.
template <class T>
bool has_too_large(weights::tensor const& tensor) {
  if (tensor.type != dtype::f64 || sizeof(T) == sizeof(double)) return false;
  for (std::size_t i = 0; i < tensor.bytes.size(); i += 8) {
    double const value = number_at(tensor.type, tensor.bytes.data() + i);
    if (std::isfinite(value) && std::abs(value) >= 0x1.ffffffp127) return true;
  }
  return false;
}

/// One tensor read as T: every number is what its format says, or all of them are refused.
template <class T>
void check_values(weights::state_dict const& dict, weights::tensor const& tensor) {
  std::optional<weights::values<T>> values;
  try {
    values = weights::read_as<T>(tensor, "fuzz", dict.source());
  } catch (tshift::shape_error const& error) {
    require_sentence(error.what());
    require(!is_number(tensor.type) || has_too_large<T>(tensor), "weights are refused though every number fits");
    return;
  }
  require(is_number(tensor.type), "a tensor of no numbers is read");
  require(!has_too_large<T>(tensor), "a number that is too large for a float is accepted");
  std::size_t const stored = static_cast<std::size_t>(weights::bits_of(tensor.type)) / 8;
  require(static_cast<std::size_t>(values->size()) * stored == tensor.bytes.size(), "a weight has another size");
  std::vector<T> all(static_cast<std::size_t>(values->size()));
  values->copy_to(all.data(), 0, values->size());
  for (index_t i = 0; i < values->size(); ++i) {
    T const one = (*values)[i];
    require(test_support::same_bytes(&one, &all[static_cast<std::size_t>(i)], sizeof one), "a row is not its elements");
    double const from = number_at(tensor.type, tensor.bytes.data() + static_cast<std::size_t>(i) * stored);
    require(is_converted(from, one), "a number has changed");
  }
  if (tensor.type != weights::dtype_of<T>() || std::endian::native != std::endian::little) return;
  require(test_support::same_bytes(all.data(), tensor.bytes.data(), tensor.bytes.size()), "bits have changed");
  bool const aligned = reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignof(T) == 0;
  bool const there = static_cast<void const*>(values->native()) == tensor.bytes.data();
  require(aligned == there || tensor.bytes.empty(), "no use where it lies, or use where it cannot be");
}

/// The tensors as weights of T.
template <class T>
void check_state_dict(io::safetensors const& file) {
  weights::state_dict const& dict = file.state_dict();
  require(dict.size() == static_cast<index_t>(file.tensors().size()), "weights and tensors differ in number");
  weights::state_reader<T> reader("fuzz", dict);
  for (weights::tensor const& tensor : file.tensors()) {
    require(dict.find(tensor.name) == &tensor, "a weight is not its tensor");
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      require(reader.dimension(tensor.name, static_cast<index_t>(axis)) == tensor.shape[axis], "a dimension is wrong");
    }
    require(refused([&] { reader.dimension(tensor.name, static_cast<index_t>(tensor.shape.size())); }),
            "a dimension too many");
    check_values<T>(dict, tensor);
  }
  require(dict.size() == 0 || refused([&] { reader.finish(); }), "tensors that nobody took pass");
  for (weights::tensor const& tensor : file.tensors()) reader.ignore(tensor.name);
  reader.finish();
}

/// Independent of the reader: products in 128 bits. A zero among the sizes hides no product that overflows.
inline bool spans(weights::tensor const& tensor) {
  __extension__ typedef unsigned __int128 wide;  // NOLINT(modernize-use-using): __extension__ goes with typedef alone
  wide count = 1;
  bool empty = false;
  for (index_t const size : tensor.shape) {
    if (size < 0) return false;
    empty = empty || size == 0;
    count *= static_cast<wide>(std::max<index_t>(size, 1));
    if (count > static_cast<wide>(std::numeric_limits<index_t>::max())) return false;
  }
  return static_cast<wide>(tensor.bytes.size()) * 8 ==
         (empty ? 0 : count * static_cast<wide>(weights::bits_of(tensor.type)));
}

inline void check_file(io::safetensors const& file, std::span<std::byte const> memory) {
  std::size_t const begin = 8 + static_cast<std::size_t>(bits_at(memory.data(), 8));
  require(begin <= memory.size(), "a header longer than the file is accepted");
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (weights::tensor const& tensor : file.tensors()) {
    require(spans(tensor), "a tensor has more or fewer bytes than its shape says");
    auto const from = static_cast<std::size_t>(tensor.byte);
    require(from >= begin && from <= memory.size() && tensor.bytes.size() <= memory.size() - from,
            "outside of the file");
    require(tensor.bytes.data() == memory.data() + from, "a tensor is not where it says");
    require(file.find(tensor.name) == &tensor, "a tensor is not found by its name, or two have one name");
    ranges.emplace_back(from, from + tensor.bytes.size());
  }
  require(file.find("__metadata__") == nullptr, "__metadata__ is a tensor");
  std::sort(ranges.begin(), ranges.end());
  std::size_t covered = begin;
  for (auto const& [from, to] : ranges) {
    require(from == covered, "the tensors leave a hole, or overlap");
    covered = to;
  }
  require(covered == memory.size(), "bytes behind the last tensor");
}

/// Written and read again: the same tensors, whatever order they were in; and a third time: the same bytes.
inline void check_round_trip(io::safetensors const& file) {
  auto const write = [](io::safetensors const& of) { return io::to_safetensors(of.state_dict(), of.metadata()); };
  std::vector<std::byte> const written = write(file);
  io::safetensors const again = io::safetensors::parse(written);
  check_file(again, written);
  require(again.metadata() == file.metadata(), "the metadata have changed");
  require(again.tensors().size() == file.tensors().size(), "the number of tensors has changed");
  for (weights::tensor const& tensor : file.tensors()) {
    weights::tensor const* const other = again.find(tensor.name);
    require(other != nullptr && other->type == tensor.type && other->shape == tensor.shape &&
                std::equal(tensor.bytes.begin(), tensor.bytes.end(), other->bytes.begin(), other->bytes.end()),
            "a tensor has changed");
  }
  require(write(again) == written, "what is written twice is not the same");
}

/// One input. @throws broken_promise, or whatever the library throws that it must not
inline void safetensors_input(std::span<std::uint8_t const> data) {
  std::span<std::byte const> const memory = std::as_bytes(data);
  try {
    io::safetensors const file = io::safetensors::parse(memory);
    check_file(file, memory);
    check_state_dict<float>(file);
    check_state_dict<double>(file);
    check_round_trip(file);
  } catch (tshift::file_error const& error) {
    require_sentence(error.what());
    require(std::string_view(error.what()).starts_with("memory: "), "a message does not name the file");
    return;
  }
}

}  // namespace fuzz
