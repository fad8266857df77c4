// SPDX-License-Identifier: MIT
// The norm of all gradients together, and what to multiply them by where it is too large.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <tshift/executor.hpp>
#include <tshift/train/kernel/flat.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// What gradient_clipping found.
struct clipping {
  double norm = 0;    ///< of the gradients of all parameters that train; not finite where one of them is not
  double factor = 1;  ///< what to multiply them by; of no use where the norm is not finite

  /// Whether a step may be made with them.
  bool finite() const noexcept { return std::isfinite(norm); }
};

/// norm = sqrt(sum of g^2), factor = min(1, most / (norm + 1e-6)), over the gradients of all parameters that train.
///
/// Multiplies nothing: a step of an optimiser takes the factor, which spares a pass over the gradients.
/// Squares are summed in double in an order that depends on the table alone: not one bit on the executor.
/// Cost: one array at the speed of memory. Allocates nothing. Source: torch.nn.utils.clip_grad_norm_, whose 1e-6 is
/// kept.
/// @param exec       shares the sum out
/// @param gradients  as many as the table has
/// @param most       the largest norm that stays, > 0; infinity: no gradient is clipped
/// @throws shape_error  gradients are too few, or most is not > 0
template <class T, executor Executor>
clipping gradient_clipping(Executor&& exec, parameter_table const& table, std::span<T> gradients, double most) {
  (void)kernel::check_flat("gradient_clipping", "gradients", gradients, table.size());
  if (!(most > 0)) detail::fail("gradient_clipping: most = %g, must be > 0", most);
  clipping result;
  result.norm = std::sqrt(kernel::trained_squares(exec, table, gradients.data()));
  double const factor = most / (result.norm + 1e-6);
  result.factor = factor > 1 ? 1 : factor;
  return result;
}

/// The same where it is called.
template <class T>
clipping gradient_clipping(parameter_table const& table, std::span<T> gradients,
                           double most = std::numeric_limits<double>::infinity()) {
  detail::run_here exec;
  return gradient_clipping(exec, table, gradients, most);
}

/// The first parameter that trains and whose gradient holds an infinity or NaN; null where all are finite.
/// @throws shape_error  gradients are fewer than the table has
template <class T>
parameter const* first_not_finite(parameter_table const& table, std::span<T> gradients) {
  (void)kernel::check_flat("first_not_finite", "gradients", gradients, table.size());
  for (parameter const& each : table) {
    for (index_t i = 0; i < each.size && each.trains; ++i) {
      if (!std::isfinite(gradients.data()[each.offset + i])) return &each;
    }
  }
  return nullptr;
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
