// SPDX-License-Identifier: MIT
// Where a JSON parser is in a text. Part of io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <iterator>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// The characters of a header, for the JSON parser, with a position that is seen outside of it as well. The parser is
/// instantiated for this type, and so stays apart from that of units with other flags.
struct header_cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = char const*;
  using reference = char const&;

  char const** at;

  reference operator*() const noexcept { return **at; }
  header_cursor& operator++() noexcept {
    ++*at;
    return *this;
  }
  header_cursor operator++(int) noexcept { return ++*this; }  // an input iterator: there is only one position
  friend bool operator==(header_cursor a, header_cursor b) noexcept { return *a.at == *b.at; }
};

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
