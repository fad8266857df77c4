// SPDX-License-Identifier: MIT
// Elements are moved as bytes, which a std::string does not survive.
// expect: T must be trivially copyable
#include <tshift/tshift.hpp>

#include <string>

struct pixel {
  unsigned char r, g, b;
};

#ifdef TSHIFT_WRONG
using element = std::string;
#else
using element = pixel;
#endif

int main() {
  element x[8] = {};
  tshift::shift_inplace(tshift::tensor_view(x, {.time = 4, .channels = 2}), tshift::shift_plan(2, {{0, 1, 1}}));
}
