// SPDX-License-Identifier: MIT
// Other people's names, paths and shapes as messages show them: on one line, and short enough to leave room for the rest.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A name as messages show it: on one line, whatever bytes it is made of, and at most 96 of them.
inline std::string shown_name(std::string_view name) {
  std::string text(name.substr(0, 96));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (name.size() > text.size()) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();  // half of
    if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) text.pop_back();        // a letter
    text += "...";
  }
  return text;
}

/// The name of a file as messages show it. Of a long path the end says more than the beginning.
inline std::string shown_source(std::string_view source) {
  if (source.size() <= 96) return shown_name(source);
  source.remove_prefix(source.size() - 90);
  while ((static_cast<unsigned char>(source.front()) & 0xc0) == 0x80 && source.size() > 1) source.remove_prefix(1);
  return "..." + shown_name(source);
}

/// "[4, 512]"; the dimensions after the eighth are left out.
inline std::string shown_shape(std::span<index_t const> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    if (i == 8) {
      text += "...";
      break;
    }
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

/// " (W.safetensors, byte 123)", or as much of it as is known.
inline std::string shown_place(std::string_view source, index_t byte) {
  if (source.empty() && byte < 0) return "";
  std::string text = " (" + shown_source(source);
  if (byte >= 0) text += (source.empty() ? "byte " : ", byte ") + std::to_string(byte);
  return text + ")";
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
