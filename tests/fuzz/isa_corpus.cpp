// SPDX-License-Identifier: MIT
// The isa target over its committed inputs.
#include "isa_target.hpp"

#include "corpus.hpp"

int main(int count, char** arguments) {
  for (fuzz::isa_unit const* const unit : fuzz::isa_units()) std::printf("unit: %s, %s\n", unit->name, unit->tag);
  return fuzz::run_corpus(fuzz::isa_input, count, arguments, 1065);
}
