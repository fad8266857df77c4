// SPDX-License-Identifier: MIT
// libFuzzer's entry to speech_target.hpp.
#include "speech_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::speech_input({data, size});
  return 0;
}
