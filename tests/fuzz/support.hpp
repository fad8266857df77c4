// SPDX-License-Identifier: MIT
// What both fuzz targets need: bytes to draw decisions from, and an exception for a promise that was broken. libFuzzer
// reports it as a crash with its text; the unit test over the corpus reports it as a failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <tshift/error.hpp>

namespace fuzz {

using tshift::index_t;

class broken_promise : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void require(bool holds, char const* promise) {
  if (!holds) throw broken_promise(promise);
}

/// Messages are one line of text without control characters.
inline void require_sentence(std::string_view message) {
  require(!message.empty(), "a message is empty");
  for (char const c : message) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a message is not one line");
}

/// Whether the call is refused with a shape_error. Other exceptions pass through, and so are findings.
template <class Call>
bool refused(Call call) {
  try {
    call();
  } catch (tshift::shape_error const& error) {
    require_sentence(error.what());
    return true;
  }
  return false;
}

/// The input, byte by byte; after its end there are zeros, so that every input means something.
class byte_source {
 public:
  explicit byte_source(std::span<std::uint8_t const> bytes) : bytes_(bytes) {}

  bool empty() const { return at_ == bytes_.size(); }

  unsigned byte() { return empty() ? 0u : bytes_[at_++]; }

  /// In [0, count), count > 0.
  index_t below(index_t count) { return static_cast<index_t>(byte()) % count; }

  bool one_in(unsigned count) { return byte() % count == count - 1; }

  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int i = 0; i < 64; i += 8) value |= std::uint64_t{byte()} << i;
    return value;
  }

  /// A number that overflows something, or any number at all.
  index_t wild() {
    constexpr index_t most = std::numeric_limits<index_t>::max(), least = std::numeric_limits<index_t>::min();
    constexpr index_t table[] = {least,
                                 least + 1,
                                 most,
                                 most - 1,
                                 least / 2,
                                 least / 2 - 1,
                                 most / 2,
                                 most / 4,
                                 most / 8,
                                 most / 16,
                                 -1,
                                 -2,
                                 index_t{1} << 31,
                                 index_t{1} << 32,
                                 -(index_t{1} << 32),
                                 index_t{3} << 61,
                                 index_t{1} << 59,
                                 index_t{1} << 60,
                                 index_t{1} << 61,
                                 index_t{1} << 62};
    constexpr unsigned size = sizeof table / sizeof *table;
    unsigned const which = byte() % (size + 4);
    return which < size ? table[which] : static_cast<index_t>(word());
  }

 private:
  std::span<std::uint8_t const> bytes_;
  std::size_t at_ = 0;
};

}  // namespace fuzz
