// SPDX-License-Identifier: MIT
// What blocks are told apart by: where the shift stands in a residual block, and how attention knows where a frame is.
// Names alone, so that the definitions in nn/reference.hpp need nothing of the blocks.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/config.hpp>

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
