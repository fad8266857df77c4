// SPDX-License-Identifier: MIT
// Memory that is too short for a view is refused by the compiler where it knows memory and shape, and it leads to the
// check that failed.
// expect: memory has %td elements, must have >= %td
#include <tshift/tshift.hpp>

#ifdef TSHIFT_WRONG
constexpr float before[17] = {};
#else
constexpr float before[18] = {};
#endif
constexpr tshift::tensor_view x(before, tshift::shape{.time = 3, .channels = 6});

int main() { return x.size() == 18 ? 0 : 1; }
