// SPDX-License-Identifier: MIT
// Built without exceptions and RTTI. With an argument, the program's own handler receives what shape_error would have
// said; without one, the library writes it to stderr and aborts.
#include <tshift/tshift.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this file is about builds without exceptions and RTTI"
#endif

namespace {

[[noreturn]] void handler(char const* message) {
  bool const right = std::strcmp(message, "shift: plan has 3 channels, x has 2") == 0;
  std::printf("handler: %s\n", message);
  std::fflush(stdout);
  std::_Exit(right ? 0 : 1);
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) tshift::on_error = handler;
  float x[4] = {1.f, 2.f, 3.f, 4.f}, y[4] = {};
  constexpr tshift::shape dims{.time = 2, .channels = 2};
  tshift::shift({x, dims}, tshift::tensor_view(y, dims), tshift::shift_plan(2, {{0, 1, 1}}));
  if (y[0] != 0.f || y[1] != 2.f || y[2] != 1.f || y[3] != 4.f) return 2;
  tshift::shift({x, dims}, tshift::tensor_view(y, dims), tshift::shift_plan(3, {{0, 1, 1}}));
  return 3;  // the line above does not return
}
