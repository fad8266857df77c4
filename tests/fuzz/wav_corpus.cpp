// SPDX-License-Identifier: MIT
// The wav target over its committed inputs.
#include "wav_target.hpp"

#include "corpus.hpp"

int main(int count, char** arguments) {
  return fuzz::run_corpus([](std::vector<std::uint8_t> const& bytes) { fuzz::wav_input(bytes); }, count, arguments,
                          324);
}
