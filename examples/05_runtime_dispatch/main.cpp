// SPDX-License-Identifier: MIT
// One program for every x86-64: the processor it runs on decides which shift is used. The library chooses nothing at
// run time; this is xsimd's recipe, with a file for each instruction set.
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/presets.hpp>

#include "dispatch.hpp"

namespace {

constexpr tshift::shape dims{.batch = 2, .time = 50, .channels = 300};
constexpr tshift::shift_plan plan = tshift::presets::tsm(dims.channels);

/// Runs a shift and compares it with the definition.
bool check(choice const& chosen) {
  std::vector<float> input(std::size_t{2} * 50 * 300), output(input.size()), expected(input.size());
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i + 1);
  tshift::tensor_view<float> const x(input, dims), y(output, dims), want(expected, dims);
  chosen.shift(x, y, plan);
  tshift::reference::shift(x, want, plan);
  auto const result = tshift::conformance::compare(want, y);
  std::printf("%-10s %s\n", chosen.name, result.equal ? "equal to the definition" : result.message());
  return result.equal;
}

/// Checks Arch where the processor has it: it is then better than sse2, which every x86-64 has.
template <class Arch>
bool check_if_available() {
  choice const chosen = xsimd::dispatch<xsimd::arch_list<Arch, sse2>>(choose{})();
  if (std::string_view(chosen.name) == Arch::name()) return check(chosen);
  std::printf("%-10s not run, this processor does not have it\n", Arch::name());
  return true;
}

}  // namespace

int main() {
  // All a program needs. Best first.
  choice const best = xsimd::dispatch<xsimd::arch_list<avx512, avx2, sse2>>(choose{})();
  std::printf("this processor gets %s\n", best.name);

  bool right = check_if_available<sse2>();
  right &= check_if_available<avx2>();
  right &= check_if_available<avx512>();
  return right ? 0 : 1;
}
