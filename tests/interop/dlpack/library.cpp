// SPDX-License-Identifier: MIT
// What test.py calls through ctypes: a shift between two DLPack tensors that Python libraries made.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include <tshift/interop/dlpack.hpp>
#include <tshift/tshift.hpp>

#include "../../support/bytes.hpp"
#include "../../support/dlpack.hpp"

namespace {

using tshift::interop::view_of;

/// y = S x with the plan of tsm.
template <class T>
void run(DLManagedTensor const& x, char const* x_axes, DLManagedTensor const& y, char const* y_axes, int n_div) {
  auto const from = view_of<T const>(x, x_axes);
  tshift::shift(from, view_of<T>(y, y_axes), tshift::presets::tsm(from.shape.channels, n_div));
}

}  // namespace

/// @param type     "f4", "i1"...: a kind and a size; kind V for any type of that size
/// @param message  receives the sentence that x or y are refused with
/// @return 0, or 1 if there is such a sentence
extern "C" [[gnu::visibility("default")]] int shift_dlpack(DLManagedTensor const* x, char const* x_axes,
                                                           DLManagedTensor const* y, char const* y_axes, int n_div,
                                                           char const* type, char* message, std::size_t size) noexcept;

int shift_dlpack(DLManagedTensor const* x, char const* x_axes, DLManagedTensor const* y, char const* y_axes, int n_div,
                 char const* type, char* message, std::size_t size) noexcept try {
  std::string_view const name = type;
  auto const as = [&]<class T>(T) {
    run<T>(*x, x_axes, *y, y_axes, n_div);
    return 0;
  };
  if (name == "i1") return as(std::int8_t{});
  if (name == "i2") return as(std::int16_t{});
  if (name == "i4") return as(std::int32_t{});
  if (name == "i8") return as(std::int64_t{});
  if (name == "u1") return as(std::uint8_t{});
  if (name == "u2") return as(std::uint16_t{});
  if (name == "u4") return as(std::uint32_t{});
  if (name == "u8") return as(std::uint64_t{});
  if (name == "f4") return as(float{});
  if (name == "f8") return as(double{});
  if (name == "b1") return as(bool{});
  if (name == "V2") return as(test_support::bytes<2>{});
  if (name == "V8") return as(test_support::bytes<8>{});
  if (name == "V16") return as(test_support::bytes<16>{});
  std::snprintf(message, size, "no type is called %s", type);
  return 1;
} catch (tshift::shape_error const& error) {
  std::snprintf(message, size, "%s", error.what());
  return 1;
}
