// SPDX-License-Identifier: MIT
// padding::zero fills with T{}; a type without one needs its fill value said.
// expect: pass the fill value as the last argument
#include <tshift/tshift.hpp>

struct token {
  explicit token(int number) : id(number) {}
  int id;
};

int main() {
  token x[2] = {token(1), token(2)};
  token y[2] = {token(0), token(0)};
  constexpr tshift::shape dims{.time = 2, .channels = 1};
  tshift::shift_plan const plan(1, {{0, 1, 1}});
#ifdef TSHIFT_WRONG
  tshift::shift({x, dims}, tshift::tensor_view(y, dims), plan);
#else
  tshift::shift({x, dims}, tshift::tensor_view(y, dims), plan, token(0));
#endif
  return y[1].id == 1 ? 0 : 1;
}
