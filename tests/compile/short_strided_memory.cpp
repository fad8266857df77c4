// SPDX-License-Identifier: MIT
// Strides that leave the memory are refused by the compiler where it knows both.
// expect: strides reach %td elements before memory
#include <tshift/tshift.hpp>

#include <array>

constexpr std::array<int, 8> frames = {0, 1, 2, 3, 4, 5, 6, 7};
#ifdef TSHIFT_WRONG
constexpr tshift::strides backwards{.time = -2, .channels = 1};
#else
constexpr tshift::strides backwards{.time = 2, .channels = 1};
#endif
constexpr tshift::tensor_view x(frames, tshift::shape{.time = 4, .channels = 2}, backwards);

int main() { return x(0, 3, 1) == 7 ? 0 : 1; }
