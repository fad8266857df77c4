// SPDX-License-Identifier: MIT
// libFuzzer's entry to wav_target.hpp, and its mutator. libsndfile is the system's and not instrumented: what it says of
// a file, in its log and in the demo's message, stands in for coverage of its code.
#include "wav_target.hpp"

#include "wav_mutator.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

namespace {

// libFuzzer takes every counter that is not zero as something reached.
__attribute__((section("__libfuzzer_extra_counters"), used)) std::uint8_t said[4096];

/// Marks a text without its numbers.
void mark(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (char const c : text) {
    if (c < '0' || c > '9') hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
  }
  said[(hash ^ hash >> 12) % std::size(said)] = 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::wav_result const result = fuzz::wav_input({data, size});
  mark(result.format);
  if (std::size_t const colon = result.refusal.find("': "); colon != std::string::npos) {
    mark(std::string_view(result.refusal).substr(colon));
  }
  for (std::size_t at = 0; at < result.log.size();) {
    std::size_t const end = std::min(result.log.find('\n', at), result.log.size());
    mark(std::string_view(result.log).substr(at, end - at));
    at = end + 1;
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  auto const blindly = [](std::string& text, std::size_t room) {
    std::size_t const old = text.size();
    text.resize(std::max(old, room));
    if (text.empty()) return;
    text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), old, text.size()));
  };
  std::string const file =
      fuzz::wav_mutator(seed)(std::string_view(reinterpret_cast<char const*>(data), size), most, blindly);
  std::copy(file.begin(), file.end(), data);
  return file.size();
}
