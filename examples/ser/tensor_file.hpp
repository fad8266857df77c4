// SPDX-License-Identifier: MIT
// Tensors that commands read from a file, and what is said of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tshift/io/safetensors.hpp>

#include "error.hpp"

namespace ser {

/// "IO.safetensors: tensor x"
inline std::string title(tshift::io::safetensors const& file, std::string const& name) {
  return one_line(file.source()) + ": tensor " + one_line(name);
}

/// @throws ser_error  there is none of that name; it says what there is
inline tshift::weights::tensor const& need(tshift::io::safetensors const& file, std::string const& name) {
  if (tshift::weights::tensor const* const found = file.find(name)) return *found;
  std::string others;
  for (std::size_t i = 0; i < file.tensors().size() && i < 5; ++i) {
    others += (i == 0 ? "it holds " : ", ") + one_line(file.tensors()[i].name);
  }
  if (file.tensors().size() > 5) others += " and " + std::to_string(file.tensors().size() - 5) + " more";
  throw ser_error(one_line(file.source()) + ": no tensor " + one_line(name) + "; " +
                  (others.empty() ? "it holds none" : others));
}

/// Number i of I64 or I32, little-endian, at any address.
inline tshift::index_t integer_at(tshift::weights::tensor const& from, std::size_t i) {
  std::size_t const size = from.type == tshift::weights::dtype::i64 ? 8 : 4;
  std::uint64_t bits = 0;
  for (std::size_t b = 0; b < size; ++b) bits |= std::to_integer<std::uint64_t>(from.bytes[size * i + b]) << 8 * b;
  if (size == 8) return static_cast<tshift::index_t>(static_cast<std::int64_t>(bits));
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits));
}

}  // namespace ser
