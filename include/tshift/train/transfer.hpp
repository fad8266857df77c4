// SPDX-License-Identifier: MIT
// What a student makes small that learns from a teacher: the cross-entropy of its classes, the mean distance of its
// feature from the teacher's, or both.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>

#include <tshift/train/loss.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// The factors of the two losses. Kim and Lee 2024 train in three stages: the teacher by classes; the student by
/// features alone; the student by classes and alpha times features. Their alpha is not published.
struct transfer_options {
  double classes = 1;                        ///< of the cross-entropy; 0: logits have no loss
  double features = 1;                       ///< alpha, of the distance of features; 0: they have no loss
  cross_entropy_options cross_entropy = {};  ///< class weights and smoothing

  /// A stage that sees classes alone, as the teacher's does.
  static transfer_options of_classes() { return {1, 0, {}}; }
  /// One that sees features alone.
  static transfer_options of_features() { return {0, 1, {}}; }
  /// Classes and alpha times features.
  static transfer_options of_both(double alpha) { return {1, alpha, {}}; }
};

/// What a loss is divided by: of the whole batch, where it comes in pieces.
struct transfer_divisors {
  double classes = 0;   ///< cross_entropy_divisor of the labels
  double features = 0;  ///< elements of the features
};

/// The parts of a loss.
struct transfer_losses {
  double classes = 0;   ///< the cross-entropy; 0 where it has no factor
  double features = 0;  ///< the mean distance of features; the same
  double total = 0;     ///< both, by their factors
};

/// total = classes * cross-entropy + features * mean over n, c of |feature[n, c] - target[n, c]|, and the gradients
///
///   dlogits = classes * that of cross_entropy
///   dfeature[n, c] = features sign(feature[n, c] - target[n, c]) / divisor
///
/// What has the factor 0 is neither read nor written. Computed in double, samples in order; a batch may come in pieces,
/// whose gradients are those of the whole, bit for bit, and whose losses add up.
/// Source: Kim and Lee 2024; torch.nn.functional.cross_entropy and l1_loss.
/// @param logits    [N, 1, K]
/// @param labels    one for each sample, in [0, K)
/// @param feature   [N, 1, D], the student's
/// @param target    [N, 1, D], the teacher's; it has no gradient
/// @param divisors  of the whole batch, > 0 where they are used
/// @param dlogits   [N, 1, K], written, apart from all others; an empty view where it is not wanted
/// @param dfeature  [N, 1, D], written; the same
/// @throws shape_error  a factor is negative or not finite; as cross_entropy and l1, before the first write
template <class T>
transfer_losses transfer_loss(tensor_view<T const> const& logits, std::span<index_t const> labels,
                              tensor_view<T const> const& feature, tensor_view<T const> const& target,
                              transfer_options const& options, transfer_divisors const& divisors,
                              tensor_view<T> const& dlogits = {}, tensor_view<T> const& dfeature = {}) {
  for (double const each : {options.classes, options.features}) {
    if (!(each >= 0) || !std::isfinite(each)) {
      detail::fail("transfer_loss: a factor is %g, must be >= 0 and finite", each);
    }
  }
  transfer_losses losses;
  bool const by_features = options.features > 0;
  // A factor makes the divisor smaller.
  double const divisor = by_features ? divisors.features / options.features : 0;
  if (by_features) kernel::check_distance<T>("l1", feature, target, divisor, dfeature);
  if (options.classes > 0) {
    losses.classes = cross_entropy(logits, labels, options.cross_entropy, divisors.classes / options.classes, dlogits);
    losses.classes /= options.classes;
  }
  if (by_features) losses.features = l1(feature, target, divisor, dfeature) / options.features;
  losses.total = options.classes * losses.classes + options.features * losses.features;
  return losses;
}

/// The same of a whole batch, whose divisors are its own.
template <class T>
transfer_losses transfer_loss(tensor_view<T const> const& logits, std::span<index_t const> labels,
                              tensor_view<T const> const& feature, tensor_view<T const> const& target,
                              transfer_options const& options, tensor_view<T> const& dlogits = {},
                              tensor_view<T> const& dfeature = {}) {
  transfer_divisors divisors;
  if (options.classes > 0) {
    divisors.classes = cross_entropy_divisor(labels, logits.shape.channels, options.cross_entropy);
  }
  if (options.features > 0) {
    (void)detail::check_rows("l1", "x", feature, feature.shape.channels);  // its lengths are counted
    divisors.features = elements_inside(feature);
  }
  return transfer_loss(logits, labels, feature, target, options, divisors, dlogits, dfeature);
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
