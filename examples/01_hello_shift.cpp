// SPDX-License-Identifier: MIT
// A whole temporal shift: three frames of six channels. Two channels arrive one frame late, two one frame early, two
// stay. Each number says where it started: 23 was in the second frame, third channel.
#include <cstdio>
#include <vector>

#include <tshift/tshift.hpp>

int main() {
  // [readme]
  std::vector<float> const before = {11, 12, 13, 14, 15, 16,   // first frame
                                     21, 22, 23, 24, 25, 26,   // second frame
                                     31, 32, 33, 34, 35, 36};  // third frame
  std::vector<float> after(18);

  tshift::shape const shape{.time = 3, .channels = 6};
  tshift::tensor_view const x(before, shape);  // of a vector, an array, a span or a pointer
  tshift::tensor_view const y(after, shape);
  tshift::shift_plan const plan(6, {{.begin = 0, .count = 2, .offset = +1},    // the past arrives
                                    {.begin = 2, .count = 2, .offset = -1}});  // the future arrives

  tshift::shift(x, y, plan);
  // [/readme]

  for (int t = 0; t < 3; ++t) {
    for (int c = 0; c < 6; ++c) std::printf("%3g", x(0, t, c));
    std::printf("   ->");
    for (int c = 0; c < 6; ++c) std::printf("%3g", y(0, t, c));
    std::printf("\n");
  }

  // The published shifts have names; this one is ShiftSER's with a third of the channels each way.
  static_assert(tshift::presets::shiftser(6, 3, tshift::direction::both) ==
                tshift::shift_plan(6, {{0, 2, +1}, {2, 2, -1}}));

  std::vector<float> const expected = {0,  0,  23, 24, 15, 16,  //
                                       11, 12, 33, 34, 25, 26,  //
                                       21, 22, 0,  0,  35, 36};
  return after == expected ? 0 : 1;
}
