// SPDX-License-Identifier: MIT
// A view of a temporary vector would be one of memory that is gone.
// expect: a temporary takes its elements away with it
#include <tshift/tshift.hpp>

#include <span>
#include <vector>

int main() {
  constexpr tshift::shape dims{.time = 3, .channels = 2};
  std::vector<float> memory(6);
#ifdef TSHIFT_WRONG
  tshift::tensor_view const x(std::vector<float>(memory), dims);
#else
  tshift::tensor_view const x(std::span<float>{memory}, dims);  // owns nothing
#endif
  return x.size() == 6 ? 0 : 1;
}
