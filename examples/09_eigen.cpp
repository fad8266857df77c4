// SPDX-License-Identifier: MIT
// Eigen's matrices and tensors are shifted where they are. tshift/interop/mdspan.hpp and dlpack.hpp do the same for
// mdspans and for what PyTorch, NumPy or JAX hand over; the letters name the dimensions in the order of their indices.
#include <cstdio>

#include <unsupported/Eigen/CXX11/Tensor>

#include <tshift/interop/eigen.hpp>
#include <tshift/tshift.hpp>

int main() {
  using tshift::interop::view_of;

  // 6 frames of 4 channels, in Eigen's usual order: column-major. Channel 0 of the result is one frame late.
  Eigen::MatrixXf x(6, 4), y(6, 4);
  x.setRandom();
  tshift::shift_plan const delay(4, {{0, 1, +1}});
  tshift::shift(view_of(x), view_of(y), delay);
  bool const late = y(0, 0) == 0 && y.col(0).tail(5) == x.col(0).head(5) && y.rightCols(3) == x.rightCols(3);
  std::printf("a column-major matrix: channel 0 is %s\n", late ? "one frame late" : "wrong");

  // A part of a matrix, in place: two of its channels, here of the transpose, whose indices are (c, t).
  y = x;
  tshift::shift_inplace(view_of(y.middleCols(1, 2).transpose(), "CT"), tshift::shift_plan(2, {{0, 1, -1}}));
  bool const early = y.col(1).head(5) == x.col(1).tail(5) && y(5, 1) == 0 && y.col(0) == x.col(0);
  std::printf("a block in place: channel 1 is %s\n", early ? "one frame early" : "wrong");

  // Video: a clip in PyTorch's order, and one as Eigen's column-major tensors have it. The shift transposes on the way.
  Eigen::Tensor<float, 5, Eigen::RowMajor> clip(2, 5, 16, 3, 4);
  Eigen::Tensor<float, 5> shifted(4, 3, 16, 5, 2);
  clip.setRandom();
  tshift::shift(view_of(clip, "NTCHW"), view_of(shifted, "WHCTN"), tshift::presets::tsm(16));
  bool right = true;
  for (int h = 0; h < 3; ++h) {
    for (int w = 0; w < 4; ++w) {
      right &= shifted(w, h, 0, 1, 1) == clip(1, 2, 0, h, w);    // from the future
      right &= shifted(w, h, 2, 1, 1) == clip(1, 0, 2, h, w);    // from the past
      right &= shifted(w, h, 15, 1, 1) == clip(1, 1, 15, h, w);  // unmoved
    }
  }
  std::printf("NTCHW in, WHCTN out: %s\n", right ? "right" : "wrong");
  return late && early && right ? 0 : 1;
}
