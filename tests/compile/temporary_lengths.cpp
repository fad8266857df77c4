// SPDX-License-Identifier: MIT
// Lengths are not owned by a view: those of a temporary vector would be gone.
// expect: a temporary takes its elements away with it
#include <tshift/tshift.hpp>

#include <span>
#include <vector>

int main() {
  std::vector<float> const memory(12);
  std::vector<tshift::index_t> const lengths = {3, 2};
#ifdef TSHIFT_WRONG
  tshift::tensor_view const x(memory, {2, 3, 2}, tshift::layout::ntc, std::vector<tshift::index_t>(lengths));
#else
  tshift::tensor_view const x(memory, {2, 3, 2}, tshift::layout::ntc, std::span(lengths));  // owns nothing
#endif
  return x.length(1) == 2 ? 0 : 1;
}
