// SPDX-License-Identifier: MIT
// A plan that is wrong and constexpr is a compile error, and the compiler leads to the check that failed.
// expect: folds %td and %td overlap
#include <tshift/tshift.hpp>

#ifdef TSHIFT_WRONG
constexpr tshift::shift_plan plan(8, {{0, 4, 1}, {3, 2, -1}});  // channel 3 is in both
#else
constexpr tshift::shift_plan plan(8, {{0, 4, 1}, {4, 2, -1}});
#endif

int main() { return plan.moved() == 6 ? 0 : 1; }
