// SPDX-License-Identifier: MIT
// libFuzzer's entry to safetensors_target.hpp, and its mutator: bytes changed blindly are no JSON for long, so most
// changes are made to lengths, numbers, names, fields and tensors, and most of them keep the rest of the file in step.
#include "safetensors_target.hpp"

#include "safetensors_mutator.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::safetensors_input({data, size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  // libFuzzer's own mutations, of a text that is put back into the file.
  auto const blindly = [](std::string& text, std::size_t room) {
    std::size_t const old = text.size();
    text.resize(std::max(old, room));
    if (text.empty()) return;
    text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), old, text.size()));
  };
  std::string const file =
      fuzz::mutated_safetensors(std::string_view(reinterpret_cast<char const*>(data), size), most, seed, blindly);
  std::copy(file.begin(), file.end(), data);
  return file.size();
}
