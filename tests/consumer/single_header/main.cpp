// SPDX-License-Identifier: MIT
#include "tshift_single.hpp"

#include <array>

float sum_of_shifted(tshift::tensor_view<float const> x, tshift::shift_plan const& plan);

int main() {
  std::array const x{1.f, 2.f, 3.f, 4.f};
  std::array<float, 4> y{}, expected{};
  constexpr tshift::shape dims{.time = 2, .channels = 2};
  tshift::shift_plan const plan(2, {{0, 1, 1}});
  tshift::tensor_view const view(x.data(), dims);
  tshift::shift(view, tshift::tensor_view(y.data(), dims), plan);
  tshift::reference::shift(view, tshift::tensor_view(expected.data(), dims), plan);
  auto const shift = [](auto const& from, auto const& to, auto const& by) { tshift::shift(from, to, by); };
  auto const report = tshift::conformance::check<float>(shift);
  bool const all_there = report && y == std::array{0.f, 2.f, 1.f, 4.f} && y == expected;
  return all_there && sum_of_shifted(view, plan) == 7.f ? 0 : 1;
}
