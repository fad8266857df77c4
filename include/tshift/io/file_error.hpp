// SPDX-License-Identifier: MIT
// How io/ says no to other people's bytes: file_error, which names the file, the tensor and the byte.
//
// Without exceptions (-fno-exceptions) the same text goes to the handler of error.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/text.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// A file cannot be read or written, or is not what its format says.
/// what() names file, tensor, rule and byte: "W.safetensors: tensor head.weight: data_offsets [0, 99], must span 3072
/// bytes (byte 1234)". Bytes count from the beginning of the file.
class file_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Ends the current operation with "source: message (byte N)"; no source or a byte of -1: without it. The message is in
/// printf's format.
[[noreturn, gnu::cold, gnu::noinline, gnu::format(printf, 3, 4)]] inline void fail_file(std::string_view source,
                                                                                        index_t byte,
                                                                                        char const* format, ...) {
  char text[512];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::string const message = (source.empty() ? "" : shown_source(source) + ": ") + text + shown_place("", byte);
#if TSHIFT_EXCEPTIONS
  throw file_error(message);
#else
  if (on_error != nullptr) on_error(message.c_str());
  std::fprintf(stderr, "tshift: %s\n", message.c_str());
  std::abort();
#endif
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
