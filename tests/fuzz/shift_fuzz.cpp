// SPDX-License-Identifier: MIT
// libFuzzer's entry to shift_target.hpp.
#include "shift_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::shift_input({data, size});
  return 0;
}
