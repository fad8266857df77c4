// SPDX-License-Identifier: MIT
// Volatile memory must be accessed element by element, which blocks of bytes do not do.
// expect: T must not be volatile
#include <tshift/tshift.hpp>

#ifdef TSHIFT_WRONG
using element = int volatile;
#else
using element = int;
#endif

int main() {
  element x[8] = {};
  tshift::shift_inplace(tshift::tensor_view<element>(x, {.time = 4, .channels = 2}),
                        tshift::shift_plan(2, {{0, 1, 1}}));
}
