// SPDX-License-Identifier: MIT
// What blocks are told apart by: where the shift stands in a residual block, how attention knows where a frame is, the
// sizes of a convolution. Names and numbers alone, so that the definitions in nn/reference.hpp need nothing of blocks.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Which of the two paths of y = x + f(x) sees the shifted input.
enum class placement {
  none,    ///< y = x + f(x)
  branch,  ///< y = x + f(S x)    TSM's "residual"
  skip,    ///< y = S x + f(x)    ShiftSER's "residual"
  both     ///< y = S x + f(S x)  both papers' "in-place"
};

/// How attention knows where a frame is.
enum class frame_positions {
  absolute,           ///< not at all: positions were added to the input. score = q . k
  relative_key,       ///< score = q . k + q . p
  relative_key_query  ///< score = q . k + q . p + k . p
};

/// The sizes of a convolution along time, named as torch.nn.Conv1d has them.
struct conv1d_options {
  index_t inputs = 0;   ///< channels of x, in_channels
  index_t outputs = 0;  ///< channels of y, out_channels
  index_t taps = 1;     ///< frames that a frame of y is made of, kernel_size
  index_t stride = 1;   ///< frames of x from one frame of y to the next
  index_t padding = 0;  ///< frames of zeros before the first frame and after the last
  index_t groups = 1;   ///< parts of the channels that are apart; divides inputs and outputs

  /// Frames of y for so many frames of x: (time + 2 padding - taps) / stride + 1, rounded down; 0 where x is too short.
  TSHIFT_INLINE constexpr index_t frames(index_t time) const noexcept {
    index_t const room = time + 2 * padding - taps;
    return room < 0 ? 0 : room / stride + 1;
  }
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// Whether f reads S x.
constexpr bool shifts_branch(placement where) noexcept {
  return where == placement::branch || where == placement::both;
}
/// Whether S x is what f(...) is added to.
constexpr bool shifts_skip(placement where) noexcept { return where == placement::skip || where == placement::both; }

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
