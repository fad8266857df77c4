// SPDX-License-Identifier: MIT
// What a front end computes once: where frames stand, the window, and the filters.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

#include <tshift/audio/kernel/check_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace kernel {

inline double mel_of(mel_kind kind, double hz) noexcept {
  if (kind == mel_kind::htk) return 2595 * std::log10(1 + hz / 700);
  return hz < 1000 ? 3 * hz / 200 : 15 + 27 * std::log(hz / 1000) / std::log(6.4);
}

inline double hz_of(mel_kind kind, double mel) noexcept {
  if (kind == mel_kind::htk) return 700 * (std::pow(10, mel / 2595) - 1);
  return mel < 15 ? 200 * mel / 3 : 1000 * std::exp(std::log(6.4) * (mel - 15) / 27);
}

inline double window_at(window_kind kind, index_t i, index_t length) noexcept {
  if (length == 1 || kind == window_kind::rectangular) return 1;
  bool const periodic = kind == window_kind::hann || kind == window_kind::hamming || kind == window_kind::blackman;
  constexpr double pi = 3.14159265358979323846;
  double const angle = 2 * pi * static_cast<double>(i) / static_cast<double>(periodic ? length : length - 1);
  switch (kind) {
    case window_kind::hamming:
    case window_kind::hamming_symmetric: return 0.54 - 0.46 * std::cos(angle);
    case window_kind::blackman:
    case window_kind::blackman_symmetric: return 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle);
    case window_kind::povey: return std::pow(0.5 - 0.5 * std::cos(angle), 0.85);
    default: return 0.5 - 0.5 * std::cos(angle);
  }
}

/// The filters' weights, of each only the bins where it is not 0.
struct filter_bank {
  struct filter {
    index_t first, count;  // bins
    std::size_t at;        // of its first weight
  };
  std::vector<filter> filters;
  std::vector<double> weights;
  index_t first_bin = 0, last_bin = 0;  // [first, last) are read by any
};

/// Weight of bin k in the triangle over three edges, which are what the triangle is straight in.
inline double triangle(double at, double const* e) noexcept {
  double const rise = (at - e[0]) / (e[1] - e[0]), fall = (e[2] - at) / (e[2] - e[1]);
  double const least = rise < fall ? rise : fall;
  return least > 0 ? least : 0;
}

/// Triangles between bins, where edges may coincide: the bins from one edge up to, without, the next.
inline double triangle_of_bins(double at, double const* e) noexcept {
  if (at >= e[0] && at < e[1]) return (at - e[0]) / (e[1] - e[0]);
  if (at >= e[1] && at < e[2]) return (e[2] - at) / (e[2] - e[1]);
  return 0;
}

/// Where the triangles begin and end: bands + 2 edges, in Hz, mel or bins.
inline std::vector<double> filter_edges(char const* name, log_mel_options const& o, std::vector<double>& hz) {
  double const low = mel_of(o.mel, o.low), high = mel_of(o.mel, detail::upper_edge(o));
  std::vector<double> edges;
  for (index_t i = 0; i < o.bands + 2; ++i) {
    double const mel =
        i == o.bands + 1 ? high : low + (high - low) * static_cast<double>(i) / static_cast<double>(o.bands + 1);
    hz.push_back(i == 0 ? o.low : i == o.bands + 1 ? detail::upper_edge(o) : hz_of(o.mel, mel));
    double const bin = std::floor(static_cast<double>(o.n_fft + 1) * hz.back() / o.sample_rate);
    edges.push_back(o.triangles == triangle_space::hz ? hz.back() : o.triangles == triangle_space::mel ? mel : bin);
    if (i > 0 && o.triangles != triangle_space::bins && !(edges[edges.size() - 1] > edges[edges.size() - 2])) {
      detail::fail("%s: %td bands between %g and %g Hz, must be so few that their edges differ", name, o.bands, o.low,
                   hz.back());
    }
  }
  return edges;
}

inline filter_bank make_filters(char const* name, log_mel_options const& o) {
  std::vector<double> hz;
  std::vector<double> const edges = filter_edges(name, o, hz);
  filter_bank bank;
  index_t const bins = o.n_fft / 2 + 1;
  std::vector<double> places;  // of the bins, in what the triangles are straight in
  for (index_t k = 0; k < bins; ++k) {
    double const f = static_cast<double>(k) * o.sample_rate / static_cast<double>(o.n_fft);
    places.push_back(o.triangles == triangle_space::hz    ? f
                     : o.triangles == triangle_space::mel ? mel_of(o.mel, f)
                                                          : static_cast<double>(k));
  }
  bank.first_bin = bins;
  index_t begin = 0;  // bins below the lower edge of this filter are below those of all that follow
  for (std::size_t b = 0; b < static_cast<std::size_t>(o.bands); ++b) {
    double const area = o.norm == filter_norm::slaney ? 2 / (hz[b + 2] - hz[b]) : 1;
    filter_bank::filter f{0, 0, bank.weights.size()};
    while (begin < bins && places[static_cast<std::size_t>(begin)] < edges[b]) ++begin;
    for (index_t k = begin; k < bins && places[static_cast<std::size_t>(k)] <= edges[b + 2]; ++k) {
      double const at = places[static_cast<std::size_t>(k)], *const e = edges.data() + b;
      double const weight = area * (o.triangles == triangle_space::bins ? triangle_of_bins(at, e) : triangle(at, e));
      if (weight == 0) continue;
      if (f.count++ == 0) f.first = k;
      bank.weights.push_back(weight);
    }
    if (f.count > 0) {
      if (f.first < bank.first_bin) bank.first_bin = f.first;
      if (f.first + f.count > bank.last_bin) bank.last_bin = f.first + f.count;
    }
    bank.filters.push_back(f);
  }
  return bank;
}

/// A front end, ready to be used by any number of threads.
struct front_end {
  /// @throws shape_error  the options are refused; `name` says by whom
  front_end(char const* name, log_mel_options const& o) : options(checked(name, o)), filters(make_filters(name, o)) {
    for (index_t i = 0; i < o.win_length; ++i) window.push_back(window_at(o.window, i, o.win_length));
    if (o.place == window_place::centred) offset = (o.n_fft - o.win_length) / 2;
    if (o.centre != centre_padding::none) offset -= o.n_fft / 2;
    if (o.edges == frame_edges::mirror) offset = o.hop / 2 - o.win_length / 2;
  }

  /// Samples that are taken for a signal of so many.
  index_t length(index_t samples) const noexcept { return options.samples > 0 ? options.samples : samples; }

  /// Frames that are computed for a signal of so many samples.
  index_t computed(index_t samples) const noexcept {
    index_t const all = available(length(samples)) - options.drop_last;
    index_t const most = options.frames > 0 && options.frames < all ? options.frames : all;
    return most > 0 ? most : 0;
  }

  /// Frames of the result.
  index_t frames(index_t samples) const noexcept { return options.frames > 0 ? options.frames : computed(samples); }

  log_mel_options options;
  filter_bank filters;
  std::vector<double> window;
  index_t offset = 0;  // from t hop to the first sample under the window

 private:
  static log_mel_options const& checked(char const* name, log_mel_options const& o) {
    detail::check_options(name, o);
    return o;
  }

  /// Frames of n samples, before any is dropped.
  index_t available(index_t n) const noexcept {
    log_mel_options const& o = options;
    if (n <= 0) return 0;
    if (o.centre != centre_padding::none) return 1 + (n - o.n_fft % 2) / o.hop;
    if (o.edges == frame_edges::mirror) return n / o.hop + (n % o.hop + o.hop / 2) / o.hop;
    index_t const room = n - (o.place == window_place::centred ? o.n_fft : o.win_length);
    if (o.edges == frame_edges::pad) return room <= 0 ? 1 : 1 + room / o.hop + (room % o.hop != 0 ? 1 : 0);
    return room < 0 ? 0 : 1 + room / o.hop;
  }
};

}}}}}  // namespace tshift::audio::kernel

#include <tshift/macros/back.hpp>
