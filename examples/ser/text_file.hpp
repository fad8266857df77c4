// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <tshift/io/files.hpp>

#include "error.hpp"
#include "interrupts.hpp"

namespace ser {

/// Whoever looks there sees the old file or the new one. @throws file_error
inline void write_text(std::string const& path, std::string const& text) {
  std::span<std::byte const> const bytes = std::as_bytes(std::span(text));
  interrupts_held const now;
  tshift::detail::replace_file(path, std::span(&bytes, 1));
}

/// A field of CSV.
inline std::string quoted(std::string const& text) {
  std::string result = "\"";
  for (char const c : one_line(text)) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

}  // namespace ser
