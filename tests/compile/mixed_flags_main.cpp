// SPDX-License-Identifier: MIT
// Each unit shifts by the plan of the other; both must get the reference's result and refuse what is wrong.
#include "mixed_flags.hpp"

#include <tshift/reference.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

int main() {  // NOLINT(bugprone-exception-escape): an exception fails the test, which is right
  if (!__builtin_cpu_supports("avx2")) {
    std::puts("SKIPPED: half of this program needs AVX2, which this processor does not have.");
    return 77;
  }
  constexpr tshift::shape dims{.time = 7, .channels = 37};
  std::vector<float> x(std::size_t{7} * 37), y(x.size()), want(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) + 1.f;
  tshift::tensor_view<float> const in(x.data(), dims), out(y.data(), dims);
  tshift::shift_plan const plans[] = {avx2::make_plan(37), baseline::make_plan(37)};
  tshift::reference::shift(in, tshift::tensor_view(want.data(), dims), plans[0]);

  if (!(plans[0] == plans[1])) return std::puts("the plans of the two units differ"), 1;
  if (char const* wrong = baseline::run(in, out, plans[0])) return std::printf("baseline: %s\n", wrong), 1;
  if (y != want) return std::puts("baseline: shift differs from the reference"), 1;
  if (char const* wrong = avx2::run(in, out, plans[1])) return std::printf("avx2: %s\n", wrong), 1;
  if (y != want) return std::puts("avx2: shift differs from the reference"), 1;
  if (!baseline::refuses(in) || !avx2::refuses(in)) return std::puts("a wrong plan was accepted"), 1;
  return 0;
}
