// SPDX-License-Identifier: MIT
// An expression that Eigen has not computed yet has no elements to be seen.
// expect: has no elements in memory
#include <tshift/interop/eigen.hpp>

int main() {
  Eigen::MatrixXf x(4, 2);
#ifdef TSHIFT_WRONG
  return static_cast<int>(tshift::interop::view_of(x + x).size());
#else
  return static_cast<int>(tshift::interop::view_of(x).size());
#endif
}
