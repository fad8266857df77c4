// SPDX-License-Identifier: MIT
// How the library says no: shape_error, thrown by every public function before its first write.
//
// Without exceptions (-fno-exceptions) the same text goes to a handler, which must not return.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Sizes, strides and positions, in elements unless a name says bytes. Signed, so that differences are safe.
using index_t = std::ptrdiff_t;

/// A value the caller gave is outside its range, or two of them disagree.
/// what() names operation, quantity, value and rule: "shift: plan has 768 channels, x has 512".
class shape_error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Receives the message when exceptions are off. Must not return; if it does, the program aborts.
using error_handler = void (*)(char const* message);

/// The handler in force when exceptions are off. Null (the default) writes the message to stderr and aborts.
/// Set it before the first thread starts; reading it is not synchronised.
inline error_handler on_error = nullptr;

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Bits of an index without its sign: sizes must fit in 2^63 - 1, on a 32-bit machine in 2^31 - 1.
inline constexpr int index_bits = std::numeric_limits<index_t>::digits;

/// Ends the current operation with a message in printf's format.
/// Out of line and cold: a check stays a compare and a branch in the caller.
[[noreturn, gnu::cold, gnu::noinline, gnu::format(printf, 1, 2)]] inline void fail(char const* format, ...) {
  char message[256];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
#if TSHIFT_EXCEPTIONS
  throw shape_error(message);
#else
  if (on_error != nullptr) on_error(message);
  std::fprintf(stderr, "tshift: %s\n", message);
  std::abort();
#endif
}

/// An invariant of ours does not hold (TSHIFT_ASSERT): a defect of the library, never of the caller.
[[noreturn, gnu::cold, gnu::noinline]] inline void invariant_broken(char const* what, char const* file, int line) {
  std::fprintf(stderr, "tshift: invariant broken: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
