// SPDX-License-Identifier: MIT
// An architecture whose instructions this unit may not use is refused, not replaced by another one.
// expect: do not enable this Arch
#include <tshift/tshift.hpp>

#include <array>

int main() {
  std::array<float, 8> const x{};
  std::array<float, 8> y{};
  constexpr tshift::shape dims{.time = 4, .channels = 2};
  tshift::shift_plan const plan(2, {{0, 1, 1}});
#ifdef TSHIFT_WRONG
  tshift::shift<xsimd::avx512bw>({x.data(), dims}, tshift::tensor_view<float>(y.data(), dims), plan);
#else
  tshift::shift<xsimd::generic>({x.data(), dims}, tshift::tensor_view<float>(y.data(), dims), plan);
#endif
}
