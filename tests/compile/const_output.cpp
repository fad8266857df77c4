// SPDX-License-Identifier: MIT
// A view that is only read cannot be the output.
// expect: the output view is const
#include <tshift/tshift.hpp>

#include <array>

int main() {
  std::array<float, 8> const x{};
  std::array<float, 8> y{};
  constexpr tshift::shape dims{.time = 4, .channels = 2};
  tshift::shift_plan const plan(2, {{0, 1, 1}});
#ifdef TSHIFT_WRONG
  tshift::shift({x.data(), dims}, tshift::tensor_view<float const>(y.data(), dims), plan);
#else
  tshift::shift({x.data(), dims}, tshift::tensor_view<float>(y.data(), dims), plan);
#endif
}
