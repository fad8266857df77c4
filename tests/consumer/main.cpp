// SPDX-License-Identifier: MIT
#include <tshift/tshift.hpp>

#include <array>

int main() {
  std::array const x{1.f, 2.f, 3.f, 4.f};
  std::array<float, 4> y{};
  constexpr tshift::shape dims{.time = 2, .channels = 2};
  tshift::shift({x.data(), dims}, tshift::tensor_view(y.data(), dims), tshift::shift_plan(2, {{0, 1, 1}}));
  return y == std::array{0.f, 2.f, 1.f, 4.f} ? 0 : 1;
}
