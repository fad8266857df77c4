// SPDX-License-Identifier: MIT
// What training makes small: cross-entropy of classes, and the mean distance of features, with their gradients.
//
// Each takes the divisor of its mean, that of the whole batch: a batch may then come in pieces, whose gradients are
// those of the whole, bit for bit, and whose losses add up.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>

#include <tshift/train/kernel/loss.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Of cross_entropy. The defaults are PyTorch's.
struct cross_entropy_options {
  std::span<double const> weights{};  ///< one for each class, >= 0; none: 1. Not owned
  double smoothing = 0;               ///< in [0, 1]: how much of the target is spread over all classes
};

/// Sum of the weights of the labels: what cross_entropy divides by. For a batch that comes in pieces, of all its
/// labels.
/// @throws shape_error  a label, weight or smoothing is out of range
inline double cross_entropy_divisor(std::span<index_t const> labels, index_t classes,
                                    cross_entropy_options const& options = {}) {
  kernel::check_classes("cross_entropy", labels, classes, options.weights, options.smoothing);
  double sum = 0;
  for (index_t const label : labels) sum += kernel::class_weight(options.weights, label);
  return sum;
}

/// Cross-entropy of classes, with p = softmax(z), class weights w and smoothing e:
///
///   t[k] = w[k] ((1 - e) [k = label] + e / K)    loss = sum over n, k of -t[k] log p[k] / divisor
///   dz[k] = (p[k] sum over j of t[j] - t[k]) / divisor
///
/// The divisor is the sum of w[label] over the batch, not N, as in PyTorch, also for the part that is smoothed.
/// Everything is computed in double, samples are added in order; 1e-14 of double in PyTorch. Logits of any size do not
/// overflow. A sample's gradient depends on its logits, its label and the divisor alone.
/// Source: torch.nn.functional.cross_entropy(z, labels, weight=w, label_smoothing=e).
/// @param logits   [N, 1, K]
/// @param labels   one for each sample, in [0, K)
/// @param divisor  of the whole batch: cross_entropy_divisor; > 0
/// @param dlogits  dz, [N, 1, K], written; an empty view where it is not wanted
/// @return the loss; of a piece of a batch, its share
/// @throws shape_error  a value is out of range, sizes disagree, or memory overlaps; before the first write
template <class T>
double cross_entropy(tensor_view<T> const& logits, std::span<index_t const> labels,
                     cross_entropy_options const& options, double divisor,
                     tensor_view<std::remove_const_t<T>> const& dlogits = {}) {
  char const* const name = "cross_entropy";
  index_t const N = logits.shape.batch, K = logits.shape.channels;
  detail::extent const from = detail::check_rows(name, "logits", logits, K);
  if (logits.shape.time != 1) detail::fail("%s: logits has time %td, must be 1", name, logits.shape.time);
  if (static_cast<index_t>(labels.size()) != N) {
    detail::fail("%s: %td labels, must be one for each of %td samples", name, static_cast<index_t>(labels.size()), N);
  }
  kernel::check_classes(name, labels, K, options.weights, options.smoothing);
  kernel::check_divisor(name, divisor);
  if (dlogits.data != nullptr) {
    detail::extent const to = detail::check_rows(name, "dlogits", dlogits, K);
    detail::check_same_shape(name, from, to);
    detail::check_writable(name, to);
    detail::check_apart(name, from, to);
  }
  double loss = 0;
  for (index_t n = 0; n < N; ++n) {
    loss += kernel::one_cross_entropy(tensor_view<T const>(logits).at(n, 0, 0), K, labels[static_cast<std::size_t>(n)],
                                      options.weights, options.smoothing, divisor,
                                      dlogits.data != nullptr ? dlogits.at(n, 0, 0) : nullptr);
  }
  return loss / divisor;
}

/// The same of a whole batch, whose divisor is that of its labels.
template <class T>
double cross_entropy(tensor_view<T> const& logits, std::span<index_t const> labels,
                     cross_entropy_options const& options = {},
                     tensor_view<std::remove_const_t<T>> const& dlogits = {}) {
  return cross_entropy(logits, labels, options, cross_entropy_divisor(labels, logits.shape.channels, options), dlogits);
}

/// Elements of x inside its sequences: what l1 and mean_squared_error of a whole batch are divided by.
template <class T>
double elements_inside(tensor_view<T> const& x) noexcept {
  double frames = 0;
  for (index_t n = 0; n < x.shape.batch; ++n) frames += static_cast<double>(x.length(n));
  return frames * static_cast<double>(x.shape.channels);
}

/// sum |x - target| / divisor, and dx = sign(x - target) / divisor, with sign(0) = 0.
///
/// Frames behind a sequence's length are not read, dx there is 0. Computed in double, each sequence by itself.
/// Source: torch.nn.functional.l1_loss.
/// @param x        [N, T, C]; its lengths count
/// @param target   [N, T, C]
/// @param divisor  elements_inside(x) of the whole batch; > 0
/// @param dx       written; an empty view where it is not wanted
/// @throws shape_error  sizes disagree, the divisor is not > 0, or memory overlaps; before the first write
template <class T>
double l1(tensor_view<T> const& x, std::type_identity_t<tensor_view<std::remove_const_t<T> const>> const& target,
          double divisor, tensor_view<std::remove_const_t<T>> const& dx = {}) {
  using value = std::remove_const_t<T>;
  return kernel::mean_distance<value>("l1", x, target, divisor, dx, [](double d, double& slope) {
    slope = d > 0 ? 1 : d < 0 ? -1 : d;  // 0 stays 0, NaN stays NaN
    return std::fabs(d);
  });
}

/// sum (x - target)^2 / divisor, and dx = 2 (x - target) / divisor. All else is as in l1.
/// Source: torch.nn.functional.mse_loss.
template <class T>
double mean_squared_error(tensor_view<T> const& x,
                          std::type_identity_t<tensor_view<std::remove_const_t<T> const>> const& target, double divisor,
                          tensor_view<std::remove_const_t<T>> const& dx = {}) {
  using value = std::remove_const_t<T>;
  return kernel::mean_distance<value>("mean_squared_error", x, target, divisor, dx, [](double d, double& slope) {
    slope = 2 * d;
    return d * d;
  });
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
