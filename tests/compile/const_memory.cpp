// SPDX-License-Identifier: MIT
// A view of const memory cannot be the output, and the compiler says so in words.
// expect: the output view is const
#include <tshift/tshift.hpp>

#include <array>

int main() {
  std::array<float, 6> const before{};
  std::array<float, 6> after{};
  constexpr tshift::shape dims{.time = 3, .channels = 2};
  tshift::tensor_view const x(before, dims);  // reads
  tshift::tensor_view const y(after, dims);   // a type of its own, so a declaration of its own
  tshift::shift_plan const plan(2, {{0, 1, 1}});
#ifdef TSHIFT_WRONG
  tshift::shift(y, x, plan);
#else
  tshift::shift(x, y, plan);
#endif
}
