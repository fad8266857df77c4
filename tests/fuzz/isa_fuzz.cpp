// SPDX-License-Identifier: MIT
// libFuzzer's entry to isa_target.hpp.
#include <cstdio>

#include "isa_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments);

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  for (fuzz::isa_unit const* const unit : fuzz::isa_units()) {
    std::fprintf(stderr, "unit: %s, %s\n", unit->name, unit->tag);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::isa_input({data, size});
  return 0;
}
