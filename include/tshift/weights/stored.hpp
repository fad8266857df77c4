// SPDX-License-Identifier: MIT
// In what type a block keeps its matrices.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// How a block keeps the weights of its products, chosen when it is made.
///
/// bf16 halves the memory, and the time of products that wait for it: each weight is the nearest bfloat16, 8 bits of
/// fraction. Where the processor multiplies bf16 (AVX512_BF16) the other factor is rounded as well, numbers too small for
/// a normal float count as 0, and sums are of float; elsewhere weights are widened on their way to the registers, and
/// products and sums are of float. Sums are taken in the same order as in full. Only for blocks of float.
enum class stored {
  full,  ///< in what the block computes in
  bf16   ///< as bfloat16
};

}}  // namespace tshift

#include <tshift/macros/back.hpp>
