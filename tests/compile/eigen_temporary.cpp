// SPDX-License-Identifier: MIT
// A view of a temporary matrix would be one of memory that is gone.
// expect: a temporary takes its elements away with it
#include <tshift/interop/eigen.hpp>

int main() {
  Eigen::MatrixXf x(4, 2);
#ifdef TSHIFT_WRONG
  return static_cast<int>(tshift::interop::view_of(Eigen::MatrixXf(x)).size());
#else
  return static_cast<int>(tshift::interop::view_of(x.topRows(2)).size());  // owns nothing
#endif
}
