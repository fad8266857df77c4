// SPDX-License-Identifier: MIT
// main of every test program. Built with the compiler's default flags, whatever the tests are built with, because it
// finds out whether this processor can run them.
#define CATCH_CONFIG_RUNNER  // Catch2 v2: its implementation goes here
#include "support/catch.hpp"

#include <unistd.h>
#include <cstdio>

#include "support/counted_new.hpp"
#include "support/isa.hpp"

namespace {

#if defined(__VERSION__) && defined(__clang__)
constexpr char compiler[] = __VERSION__;
#else
constexpr char compiler[] = "g++ " __VERSION__;
#endif

#if defined(__x86_64__)
// Runs before the constructors of the tests, which are the first code here that the processor may not know.
// Exit status 77 is what CTest is told to report as skipped.
[[gnu::constructor(101)]] void check_processor() {
  __builtin_cpu_init();
  auto const& needed = test_support::built_for;
  bool const able = (!needed.avx2 || __builtin_cpu_supports("avx2")) &&
                    (!needed.fma || __builtin_cpu_supports("fma")) &&
                    (!needed.avx512f || __builtin_cpu_supports("avx512f")) &&
                    (!needed.avx512cd || __builtin_cpu_supports("avx512cd")) &&
                    (!needed.avx512dq || __builtin_cpu_supports("avx512dq")) &&
                    (!needed.avx512bw || __builtin_cpu_supports("avx512bw")) &&
                    (!needed.avx512bf16 || __builtin_cpu_supports("avx512bf16"));
  if (able) return;
  std::printf("SKIPPED: these tests are built for %s, which this processor does not have.\n", needed.name);
  std::fflush(stdout);
  _exit(77);
}
#endif

}  // namespace

int main(int argc, char* argv[]) {
  std::printf("instruction set: %s, compiler: %s\n", test_support::built_for.name, compiler);
  std::fflush(stdout);
  // Not the number of failures: 77 of them would read as skipped.
  return Catch::Session().run(argc, argv) == 0 ? 0 : 1;
}
