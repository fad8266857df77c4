// SPDX-License-Identifier: MIT
// libFuzzer's entry to stream_target.hpp.
#include "stream_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::stream_input({data, size});
  return 0;
}
