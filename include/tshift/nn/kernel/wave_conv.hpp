// SPDX-License-Identifier: MIT
// The moments of a wave's windows, and what follows from them: mean and variance of every filter's output, before any
// of it is computed.
#pragma once

#include <cmath>
#include <cstddef>

#include <tshift/nn/kernel/packed.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Samples of one sequence.
template <class T>
struct wave {
  T const* data;
  index_t step;   // elements from one sample to the next
  index_t count;  // samples

  double at(index_t i) const noexcept { return static_cast<double>(data[i * step]); }
};

/// The longest filter.
inline constexpr index_t most_wave_taps = 32;

/// Mean and covariance of the windows of a wave, whose own mean is taken off first: nothing cancels, however far from
/// zero the wave lies.
struct window_moments {
  double level = 0;  // mean of all samples
  double mean[static_cast<std::size_t>(most_wave_taps)];
  double covariance[static_cast<std::size_t>(most_wave_taps)]
                   [static_cast<std::size_t>(most_wave_taps)];  // j >= i alone

  template <class T>
  window_moments(wave<T> const& x, index_t taps, index_t stride, index_t windows) noexcept {
    for (index_t i = 0; i < x.count; ++i) level += x.at(i);
    level /= static_cast<double>(x.count);
    for (index_t i = 0; i < taps; ++i) {
      mean[i] = 0;
      for (index_t j = i; j < taps; ++j) covariance[i][j] = 0;
    }
    for (index_t t = 0; t < windows; ++t) {
      double window[static_cast<std::size_t>(most_wave_taps)];
      for (index_t i = 0; i < taps; ++i) window[i] = x.at(t * stride + i) - level;
      for (index_t i = 0; i < taps; ++i) {
        mean[i] += window[i];
        for (index_t j = i; j < taps; ++j) covariance[i][j] += window[i] * window[j];
      }
    }
    auto const count = static_cast<double>(windows);
    for (index_t i = 0; i < taps; ++i) mean[i] /= count;
    for (index_t i = 0; i < taps; ++i) {
      for (index_t j = i; j < taps; ++j) covariance[i][j] = covariance[i][j] / count - mean[i] * mean[j];
    }
  }

  /// The mean of what a filter makes of the wave without its level.
  template <class T>
  double mean_of(T const* filter, index_t taps) const noexcept {
    double sum = 0;
    for (index_t i = 0; i < taps; ++i) sum += mean[i] * static_cast<double>(filter[i]);
    return sum;
  }

  /// Its variance, >= 0.
  template <class T>
  double variance_of(T const* filter, index_t taps) const noexcept {
    double sum = 0;
    for (index_t i = 0; i < taps; ++i) {
      double row = covariance[i][i] * static_cast<double>(filter[i]);
      for (index_t j = i + 1; j < taps; ++j) row += 2 * covariance[i][j] * static_cast<double>(filter[j]);
      sum += row * static_cast<double>(filter[i]);
    }
    return sum > 0 ? sum : sum < 0 ? 0.0 : sum;  // NaN stays
  }
};

}}}}  // namespace tshift::nn::kernel
