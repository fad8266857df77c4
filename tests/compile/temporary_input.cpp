// SPDX-License-Identifier: MIT
// Nor may a view that only reads be one of a temporary; a vector with a name is taken in braces.
// expect: a temporary takes its elements away with it
#include <tshift/tshift.hpp>

#include <array>
#include <vector>

int main() {
  constexpr tshift::shape dims{.time = 3, .channels = 2};
  std::vector<float> const x(6);
  std::array<float, 6> y{};
  tshift::shift_plan const plan(2, {{0, 1, 1}});
#ifdef TSHIFT_WRONG
  tshift::shift({std::vector<float>(x), dims}, tshift::tensor_view(y, dims), plan);
#else
  tshift::shift({x, dims}, tshift::tensor_view(y, dims), plan);
#endif
}
