// SPDX-License-Identifier: MIT
// One frame, from its samples to its bands. The one way for whole signals and for streams, so that bits agree.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/audio/kernel/fft.hpp>
#include <tshift/audio/kernel/front_end.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace kernel {

/// Samples [first, known) of a signal; those in [known, length) are zeros.
template <class T>
struct signal {
  T const* data;
  index_t stride, first, known, length;

  double at(index_t i) const noexcept { return i < known ? static_cast<double>(data[(i - first) * stride]) : 0; }
};

/// What one thread needs while it computes a frame.
struct lane {
  explicit lane(front_end const& f)
      : fft(f.options.n_fft), samples(f.window.size()), energies(static_cast<std::size_t>(f.options.n_fft / 2 + 1)),
        levels(f.filters.filters.size()) {}

  spectrum fft;
  std::vector<double> samples;   // under the window
  std::vector<double> energies;  // of the bins
  std::vector<double> levels;    // of the bands: the result
};

/// Index of the sample that stands at i outside [0, n): what the padding puts there. -1: a zero.
inline index_t source_of(log_mel_options const& o, index_t i, index_t n) noexcept {
  if (o.centre == centre_padding::reflect) {
    if (n == 1) return 0;
    index_t const period = 2 * (n - 1), at = (i % period + period) % period;
    return at < n ? at : period - at;
  }
  if (o.edges == frame_edges::mirror) {
    index_t const period = 2 * n, at = (i % period + period) % period;
    return at < n ? at : period - 1 - at;
  }
  return -1;
}

/// Sample i of the signal, pre-emphasised if that is done to the signal.
template <class T>
double emphasised(log_mel_options const& o, signal<T> const& x, index_t i) noexcept {
  double const sample = x.at(i) * o.scale;
  if (o.emphasis == emphasis_over::frame || i == 0) return sample;
  return sample - o.pre_emphasis * (x.at(i - 1) * o.scale);
}

/// The samples under the window of frame t.
template <class T>
void gather(front_end const& f, signal<T> const& x, index_t t, double* to) noexcept {
  log_mel_options const& o = f.options;
  index_t const begin = t * o.hop + f.offset, count = o.win_length;
  if (begin < 1 || begin + count > x.known) {
    for (index_t i = 0; i < count; ++i) {
      index_t const place = begin + i;
      index_t const from = place >= 0 && place < x.length ? place : source_of(o, place, x.length);
      to[i] = from < 0 ? 0 : emphasised(o, x, from);
    }
    return;
  }
  T const* const from = x.data + (begin - x.first) * x.stride;
  for (index_t i = 0; i < count; ++i) to[i] = static_cast<double>(from[i * x.stride]) * o.scale;
  if (o.emphasis == emphasis_over::frame || o.pre_emphasis == 0) return;
  double before = static_cast<double>(from[-x.stride]) * o.scale;
  for (index_t i = 0; i < count; ++i) {
    double const sample = to[i];
    to[i] = sample - o.pre_emphasis * before;
    before = sample;
  }
}

/// What is done to each frame by itself.
inline void condition(log_mel_options const& o, double* x) noexcept {
  index_t const count = o.win_length;
  if (o.remove_mean) {
    double sum = 0;
    for (index_t i = 0; i < count; ++i) sum += x[i];
    double const mean = sum / static_cast<double>(count);
    for (index_t i = 0; i < count; ++i) x[i] -= mean;
  }
  if (o.emphasis == emphasis_over::signal || o.pre_emphasis == 0) return;
  for (index_t i = count - 1; i > 0; --i) x[i] -= o.pre_emphasis * x[i - 1];
  x[0] -= o.pre_emphasis * x[0];
}

/// The level of an energy, before reference and limit.
inline double level_of(log_mel_options const& o, double energy) noexcept {
  if (o.floor_by == floor_kind::add) {
    energy += o.floor;
  } else if (o.floor_by == floor_kind::clamp ? energy < o.floor : energy == 0) {
    energy = o.floor;  // a NaN stays one
  }
  switch (o.log) {
    case log_kind::ln: return std::log(energy);
    case log_kind::log10: return std::log10(energy);
    case log_kind::db: return 10 * std::log10(energy);
    default: return energy;
  }
}

/// Sum of weights times energies, in four parts: a single chain of additions would take most of the time.
inline double weighted(double const* w, double const* x, index_t count) noexcept {
  double sums[4] = {0, 0, 0, 0};
  index_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (index_t j = 0; j < 4; ++j) sums[j] += w[i + j] * x[i + j];
  }
  for (; i < count; ++i) sums[0] += w[i] * x[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// The levels of frame t's bands, into own.levels. Not inlined: a whole signal and a stream run the same instructions.
template <class T>
[[gnu::noinline]] void levels_of_frame(front_end const& f, signal<T> const& x, index_t t, lane& own) noexcept {
  log_mel_options const& o = f.options;
  double* const samples = own.samples.data();
  index_t const begin = t * o.hop + f.offset;
  if (begin > x.known && begin + o.win_length <= x.length) {  // in the zeros that fill a signal up: no bin has energy
    double const nothing = level_of(o, 0);
    for (double& level : own.levels) level = nothing;
    return;
  }
  gather(f, x, t, samples);
  condition(o, samples);
  for (index_t i = 0; i < o.win_length; ++i) own.fft.put(i, samples[i] * element(f.window, i));
  own.fft.transform();
  double* const energies = own.energies.data();
  for (index_t k = f.filters.first_bin; k < f.filters.last_bin; ++k) energies[k] = own.fft.energy(k);
  if (o.power != 2) {
    for (index_t k = f.filters.first_bin; k < f.filters.last_bin; ++k) {
      energies[k] = o.power == 1 ? std::sqrt(energies[k]) : std::pow(energies[k], o.power / 2);
    }
  }
  double const share = o.spectrum == spectrum_norm::n_fft ? 1 / static_cast<double>(o.n_fft) : 1;
  for (std::size_t b = 0; b < own.levels.size(); ++b) {
    filter_bank::filter const& filter = f.filters.filters[b];
    double const sum = weighted(f.filters.weights.data() + filter.at, energies + filter.first, filter.count);
    own.levels[b] = level_of(o, sum * share);
  }
}

/// The larger of two, or NaN if one is: numpy's maximum.
inline double larger(double a, double b) noexcept { return a > b || a != a ? a : b; }

/// What is written for a level.
template <class T>
T written(log_mel_options const& o, double level) noexcept {
  return static_cast<T>((level - o.subtract) / o.divide);
}

}}}}}  // namespace tshift::audio::kernel

#include <tshift/macros/back.hpp>
