// SPDX-License-Identifier: MIT
// The runs of a frame belong to the view they are asked of.
// expect: use of deleted function|attempt to use a deleted function|call to deleted
#include <tshift/tshift.hpp>

#include <vector>

int main() {
  std::vector<float> const memory(6);
  tshift::tensor_view const x(memory, {.time = 3, .channels = 2});
  tshift::shift_plan const plan(2, {{0, 1, 1}});
  int count = 0;
#ifdef TSHIFT_WRONG
  for (auto const& run : tshift::shifted(x, plan).runs(0, 1)) count += run.count > 0 ? 1 : 0;
#else
  auto const view = tshift::shifted(x, plan);
  for (auto const& run : view.runs(0, 1)) count += run.count > 0 ? 1 : 0;
#endif
  return count == 2 ? 0 : 1;
}
