// SPDX-License-Identifier: MIT
// Losses of one sample, and of all elements of two tensors.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include <tshift/nn/input.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// The weight of a class.
inline double class_weight(std::span<double const> weights, index_t k) noexcept {
  return weights.empty() ? 1 : weights[static_cast<std::size_t>(k)];
}

inline void check_classes(char const* name, std::span<index_t const> labels, index_t classes,
                          std::span<double const> weights, double smoothing) {
  if (classes < 1) detail::fail("%s: %td classes, must be >= 1", name, classes);
  auto const given = static_cast<index_t>(weights.size()), count = static_cast<index_t>(labels.size());
  if (given != 0 && given != classes) {
    detail::fail("%s: %td weights, must be one for each of %td classes", name, given, classes);
  }
  for (index_t k = 0; k < given; ++k) {
    double const each = class_weight(weights, k);
    if (!(each >= 0) || !std::isfinite(each)) {
      detail::fail("%s: weights[%td] = %g, must be >= 0 and finite", name, k, each);
    }
  }
  if (!(smoothing >= 0 && smoothing <= 1)) {
    detail::fail("%s: smoothing = %g, must be in [0, 1]", name, smoothing);
  }
  for (index_t n = 0; n < count; ++n) {
    index_t const label = labels[static_cast<std::size_t>(n)];
    if (label < 0 || label >= classes) {
      detail::fail("%s: labels[%td] = %td, must be in [0, %td)", name, n, label, classes);
    }
  }
}

inline void check_divisor(char const* name, double divisor) {
  if (!(divisor > 0) || !std::isfinite(divisor)) {
    detail::fail("%s: divisor = %g, must be > 0 and finite", name, divisor);
  }
}

/// One sample: its loss, not divided, and its gradient where `to` is not null.
template <class T>
double one_cross_entropy(T const* z, index_t classes, index_t label, std::span<double const> weights, double smoothing,
                         double divisor, T* to) noexcept {
  double const spread = smoothing / static_cast<double>(classes);
  auto const target = [weights, smoothing, label, spread](index_t k) {
    double const whole = k == label ? 1 - smoothing : 0;
    return class_weight(weights, k) * (whole + spread);
  };
  auto most = static_cast<double>(z[0]);
  for (index_t k = 1; k < classes; ++k) {
    auto const each = static_cast<double>(z[k]);
    if (!(each <= most)) most = each;  // NaN as well: it must not be passed over
  }
  double sum = 0, targets = 0;
  for (index_t k = 0; k < classes; ++k) {
    sum += std::exp(static_cast<double>(z[k]) - most);
    targets += target(k);
  }
  // cppcheck-suppress invalidFunctionArg  // the largest of them has added 1
  double const log_sum = std::log(sum);
  double loss = 0;
  for (index_t k = 0; k < classes; ++k) {
    double const t = target(k);
    if (t != 0) loss += t * (log_sum - (static_cast<double>(z[k]) - most));  // a class of -infinity may have no target
  }
  for (index_t k = 0; k < classes && to != nullptr; ++k) {
    double const p = std::exp(static_cast<double>(z[k]) - most) / sum;
    to[k] = static_cast<T>((p * targets - target(k)) / divisor);
  }
  return loss;
}

/// What a distance of x from a target refuses.
template <class T>
void check_distance(char const* name, tensor_view<T const> const& x, tensor_view<T const> const& target, double divisor,
                    tensor_view<T> const& dx) {
  index_t const channels = x.shape.channels;
  detail::extent const from = detail::check_rows(name, "x", x, channels);
  detail::extent const with = detail::check_rows(name, "target", target, channels);
  detail::check_same_shape(name, from, with);
  check_divisor(name, divisor);
  if (dx.data == nullptr) return;
  detail::extent const to = detail::check_rows(name, "dx", dx, channels);
  detail::check_same_shape(name, from, to);
  detail::check_writable(name, to);
  detail::check_apart(name, from, to);
  detail::check_apart(name, with, to);
}

/// Sums body over the frames of all sequences, divided; each sequence by itself, then in order.
/// @param body  body(difference, slope&) gives what a difference adds, and its slope; nothing for 0
template <class T, class Body>
double mean_distance(char const* name, tensor_view<T const> const& x, tensor_view<T const> const& target,
                     double divisor, tensor_view<T> const& dx, Body const& body) {
  check_distance(name, x, target, divisor, dx);
  index_t const channels = x.shape.channels;
  bool const wanted = dx.data != nullptr;
  double loss = 0;
  double const by = 1 / divisor;
  for (index_t n = 0; n < x.shape.batch; ++n) {
    constexpr index_t chains = 16;
    double sums[static_cast<std::size_t>(chains)] = {};
    for (index_t t = 0; t < x.length(n); ++t) {
      T const *const a = x.at(n, t, 0), *const b = target.at(n, t, 0);
      T* const d = wanted ? dx.at(n, t, 0) : nullptr;
      for (index_t c = 0; c < channels; c += chains) {
        index_t const some = channels - c < chains ? channels - c : chains;
        double differences[static_cast<std::size_t>(chains)] = {}, slopes[static_cast<std::size_t>(chains)] = {};
        for (index_t j = 0; j < some; ++j) {
          differences[j] = static_cast<double>(a[c + j]) - static_cast<double>(b[c + j]);
        }
        for (index_t j = 0; j < chains; ++j) sums[j] += body(differences[j], slopes[j]);
        for (index_t j = 0; j < some && wanted; ++j) d[c + j] = static_cast<T>(slopes[j] * by);
      }
    }
    for (index_t t = x.length(n); t < x.shape.time && wanted; ++t) {
      for (index_t c = 0; c < channels; ++c) dx(n, t, c) = T(0);
    }
    double sum = 0;
    for (double const each : sums) sum += each;
    loss += sum;
  }
  return loss / divisor;
}

}}}}  // namespace tshift::train::kernel
