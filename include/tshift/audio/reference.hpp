// SPDX-License-Identifier: MIT
// The definition of the features as plain loops: the text to read first, and the oracle that log_mel is tested against.
// The signal is padded as a whole, the Fourier transform is its sum, a filter has a weight for every bin. Slow: n_fft^2
// a frame.
//
//   reference::filters(options)        [bands, n_fft / 2 + 1]
//   reference::log_mel(options, x)     [frames, bands] of one signal
//   reference::deltas(x, bands, kind)  [frames, bands] of one sequence
//   reference::image(options, x, ...)  [W, H] of one sequence
//
// The caller answers for options that log_mel accepts.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <tshift/audio/deltas.hpp>
#include <tshift/audio/log_mel_options.hpp>
#include <tshift/audio/reference/image.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace reference {

/// pi
inline constexpr double pi = 3.14159265358979323846;

/// Hz to mel.
inline double mel(mel_kind kind, double hz) {
  if (kind == mel_kind::htk) return 1127 * std::log1p(hz / 700);
  return hz < 1000 ? hz * 3 / 200 : 15 + std::log(hz / 1000) / (std::log(6.4) / 27);
}

/// Mel to Hz.
inline double hz(mel_kind kind, double m) {
  if (kind == mel_kind::htk) return 700 * std::expm1(m / 1127);
  return m < 15 ? m * 200 / 3 : 1000 * std::pow(6.4, (m - 15) / 27);
}

/// The window, `win_length` values.
inline std::vector<double> window(log_mel_options const& o) {
  std::vector<double> w;
  auto const length = static_cast<double>(o.win_length);
  for (index_t i = 0; i < o.win_length; ++i) {
    double const x = static_cast<double>(i), periodic = 2 * pi * x / length, symmetric = 2 * pi * x / (length - 1);
    double value = 1;
    if (o.window == window_kind::hann) value = (1 - std::cos(periodic)) / 2;
    if (o.window == window_kind::hann_symmetric) value = (1 - std::cos(symmetric)) / 2;
    if (o.window == window_kind::hamming) value = 0.54 - 0.46 * std::cos(periodic);
    if (o.window == window_kind::hamming_symmetric) value = 0.54 - 0.46 * std::cos(symmetric);
    if (o.window == window_kind::blackman) value = 0.42 - 0.5 * std::cos(periodic) + 0.08 * std::cos(2 * periodic);
    if (o.window == window_kind::blackman_symmetric) {
      value = 0.42 - 0.5 * std::cos(symmetric) + 0.08 * std::cos(2 * symmetric);
    }
    if (o.window == window_kind::povey) value = std::pow((1 - std::cos(symmetric)) / 2, 0.85);
    w.push_back(o.win_length == 1 ? 1 : value);
  }
  return w;
}

/// The weight of every bin in every band: [bands, n_fft / 2 + 1].
inline std::vector<double> filters(log_mel_options const& o) {
  double const nyquist = o.sample_rate / 2, high = o.high > 0 ? o.high : nyquist + o.high;
  double const from = mel(o.mel, o.low), to = mel(o.mel, high), steps = static_cast<double>(o.bands + 1);
  std::vector<double> result;
  for (index_t b = 0; b < o.bands; ++b) {
    double in_mel[3], in_hz[3], edge[3];
    for (int i = 0; i < 3; ++i) {
      in_mel[i] = from + (to - from) * static_cast<double>(b + i) / steps;
      in_hz[i] = b + i == o.bands + 1 ? high : hz(o.mel, in_mel[i]);
      double const bin = std::floor(static_cast<double>(o.n_fft + 1) * in_hz[i] / o.sample_rate);
      edge[i] = o.triangles == triangle_space::mel ? in_mel[i] : o.triangles == triangle_space::hz ? in_hz[i] : bin;
    }
    for (index_t k = 0; k <= o.n_fft / 2; ++k) {
      double const f = static_cast<double>(k) * o.sample_rate / static_cast<double>(o.n_fft);
      double const at = o.triangles == triangle_space::mel  ? mel(o.mel, f)
                        : o.triangles == triangle_space::hz ? f
                                                            : static_cast<double>(k);
      double weight = 0;  // an edge of bins may be two or three edges: the sides between them have no bins
      if (edge[0] <= at && at < edge[1]) weight = (at - edge[0]) / (edge[1] - edge[0]);
      if (edge[1] <= at && at < edge[2]) weight = (edge[2] - at) / (edge[2] - edge[1]);
      result.push_back(o.norm == filter_norm::slaney ? weight * 2 / (in_hz[2] - in_hz[0]) : weight);
    }
  }
  return result;
}

/// The frames of a signal: [frames, win_length], padded, cut, and conditioned, but before the window.
inline std::vector<double> frames(log_mel_options const& o, std::span<double const> wave) {
  std::vector<double> x(wave.begin(), wave.end());
  if (o.samples > 0) x.resize(static_cast<std::size_t>(o.samples), 0);
  if (x.empty()) return {};
  for (double& sample : x) sample *= o.scale;
  if (o.emphasis == emphasis_over::signal) {
    for (std::size_t i = x.size() - 1; i > 0; --i) x[i] -= o.pre_emphasis * x[i - 1];
  }
  auto const signal = [&x](index_t i) { return x[static_cast<std::size_t>(i)]; };
  auto const T = static_cast<index_t>(x.size());
  index_t const L = o.win_length, left = o.place == window_place::centred ? (o.n_fft - L) / 2 : 0;
  index_t const size = o.place == window_place::centred ? o.n_fft : L;  // of a frame
  index_t const half = o.n_fft / 2;
  std::vector<double> padded;
  index_t count = 0;
  if (o.centre != centre_padding::none) {
    for (index_t i = -half; i < T + half; ++i) {
      index_t at = i;  // reflected until it is inside
      while (o.centre == centre_padding::reflect && T > 1 && (at < 0 || at >= T)) at = at < 0 ? -at : 2 * (T - 1) - at;
      if (o.centre == centre_padding::reflect && T == 1) at = 0;
      padded.push_back(at < 0 || at >= T ? 0 : signal(at));
    }
    count = 1 + (T + 2 * half - size) / o.hop;
  } else if (o.edges == frame_edges::mirror) {
    count = (T + o.hop / 2) / o.hop;
    index_t const first = o.hop / 2 - L / 2;
    for (index_t i = first; i < first + (count - 1) * o.hop + L; ++i) {
      index_t at = i;
      while (at < 0 || at >= T) at = at < 0 ? -at - 1 : 2 * T - 1 - at;
      padded.push_back(signal(at));
    }
  } else {
    padded = x;
    if (o.edges == frame_edges::snip) {
      count = T < size ? 0 : 1 + (T - size) / o.hop;
    } else {
      count = T <= L ? 1 : 1 + (T - L + o.hop - 1) / o.hop;
      padded.resize(static_cast<std::size_t>((count - 1) * o.hop + L), 0);
    }
  }
  count = std::max<index_t>(0, count - o.drop_last);
  if (o.frames > 0) count = std::min(count, o.frames);
  std::vector<double> result;
  for (index_t t = 0; t < count; ++t) {
    auto const begin = padded.begin() + t * o.hop + left;
    std::vector<double> frame(begin, begin + L);
    double mean = 0;
    for (double const value : frame) mean += value / static_cast<double>(L);
    for (double& value : frame) value -= o.remove_mean ? mean : 0;
    if (o.emphasis == emphasis_over::frame) {
      for (std::size_t i = frame.size() - 1; i > 0; --i) frame[i] -= o.pre_emphasis * frame[i - 1];
      frame[0] -= o.pre_emphasis * frame[0];
    }
    result.insert(result.end(), frame.begin(), frame.end());
  }
  return result;
}

/// The features of a signal, [frames, bands].
inline std::vector<double> log_mel(log_mel_options const& o, std::span<double const> wave) {
  std::vector<double> const all = frames(o, wave), w = window(o), weights = filters(o);
  auto const N = static_cast<std::size_t>(o.n_fft), L = static_cast<std::size_t>(o.win_length), bins = N / 2 + 1;
  std::vector<double> cosines, sines, result;
  for (std::size_t i = 0; i < N; ++i) {
    cosines.push_back(std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(N)));
    sines.push_back(std::sin(2 * pi * static_cast<double>(i) / static_cast<double>(N)));
  }
  for (std::size_t t = 0; t < all.size() / L; ++t) {
    std::vector<double> power;
    for (std::size_t k = 0; k < bins; ++k) {
      double re = 0, im = 0;
      for (std::size_t i = 0; i < L; ++i) {
        re += w[i] * all[t * L + i] * cosines[i * k % N];
        im -= w[i] * all[t * L + i] * sines[i * k % N];
      }
      double const value = std::pow(re * re + im * im, o.power / 2);
      power.push_back(o.spectrum == spectrum_norm::n_fft ? value / static_cast<double>(N) : value);
    }
    for (std::size_t b = 0; b < static_cast<std::size_t>(o.bands); ++b) {
      double sum = 0;
      for (std::size_t k = 0; k < bins; ++k) sum += weights[b * bins + k] * power[k];
      if (o.floor_by == floor_kind::add) sum += o.floor;
      if (o.floor_by == floor_kind::clamp && sum < o.floor) sum = o.floor;
      if (o.floor_by == floor_kind::zeros && sum == 0) sum = o.floor;
      double const ln = std::log(sum), log10 = std::log10(sum);
      result.push_back(o.log == log_kind::none    ? sum
                       : o.log == log_kind::ln    ? ln
                       : o.log == log_kind::log10 ? log10
                                                  : 10 * log10);
    }
  }
  if (!result.empty()) {
    double most = result[0];
    for (double const v : result) most = v > most || v != v ? v : most;
    double const reference = o.reference == reference_kind::max ? most : 0, least = most - reference - o.top_db;
    for (double& v : result) v = std::max(v - reference, least);
  }
  if (o.frames > 0) result.resize(static_cast<std::size_t>(o.frames * o.bands), 0);
  for (double& v : result) v = (v - o.subtract) / o.divide;
  return result;
}

/// Deltas of one sequence [frames, bands], as deltas.hpp has the formulas: by the sums themselves.
inline std::vector<double> deltas(std::span<double const> x, index_t bands, delta_kind kind) {
  index_t const T = bands > 0 ? static_cast<index_t>(x.size()) / bands : 0, M = kind == delta_kind::htk ? 2 : 4;
  std::vector<double> y;
  for (index_t t = 0; t < T; ++t) {
    for (index_t b = 0; b < bands; ++b) {
      double sum = 0, squares = 0;
      for (index_t n = -M; n <= M; ++n) {
        index_t const middle = kind == delta_kind::htk ? t : std::clamp(t, M, T - 1 - M);
        index_t const from = std::clamp<index_t>(middle + n, 0, T - 1);
        double const second = (static_cast<double>(n * n) - 20.0 / 3) * 2 / 308, first = static_cast<double>(n);
        sum += (kind == delta_kind::librosa_second ? second : first) * x[static_cast<std::size_t>(from * bands + b)];
        squares += static_cast<double>(n * n);
      }
      y.push_back(kind == delta_kind::librosa_second ? sum : sum / squares);
    }
  }
  return y;
}

}}}}}  // namespace tshift::audio::reference

#include <tshift/macros/back.hpp>
