// SPDX-License-Identifier: MIT
// Refuses options that are out of range, or that exclude each other.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>

#include <tshift/audio/log_mel_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace detail {

using tshift::detail::fail;

/// The upper edge in Hz that `high` means.
inline double upper_edge(log_mel_options const& o) noexcept { return o.high > 0 ? o.high : o.sample_rate / 2 + o.high; }

inline void check_range(char const* name, char const* member, index_t value, index_t least, index_t most) {
  if (value < least || value > most) fail("%s: %s = %td, must be in [%td, %td]", name, member, value, least, most);
}

inline void check_finite(char const* name, char const* member, double value) {
  if (!std::isfinite(value)) fail("%s: %s = %g, must be finite", name, member, value);
}

inline void check_positive(char const* name, char const* member, double value) {
  if (!(value > 0) || !std::isfinite(value)) fail("%s: %s = %g, must be > 0 and finite", name, member, value);
}

/// Refuses an enumerator that has no name.
template <class Enum>
void check_named(char const* name, char const* member, Enum value, Enum last) {
  if (value < Enum{} || value > last) {
    fail("%s: %s = %d, must be a named value", name, member, static_cast<int>(value));
  }
}

inline void check_framing(char const* name, log_mel_options const& o) {
  constexpr index_t most_fft = index_t{1} << 20, most_hop = index_t{1} << 30;
  check_range(name, "win_length", o.win_length, 1, most_fft);
  check_range(name, "n_fft", o.n_fft, 2, most_fft);
  if (o.n_fft < o.win_length) {
    fail("%s: n_fft = %td, must be >= win_length %td", name, o.n_fft, o.win_length);
  }
  check_range(name, "hop", o.hop, 1, most_hop);
  check_range(name, "drop_last", o.drop_last, 0, most_fft);
  check_range(name, "samples", o.samples, 0, most_hop);
  check_range(name, "frames", o.frames, 0, most_hop);
  check_named(name, "window", o.window, window_kind::povey);
  check_named(name, "place", o.place, window_place::front);
  check_named(name, "centre", o.centre, centre_padding::reflect);
  check_named(name, "edges", o.edges, frame_edges::pad);
  if (o.centre != centre_padding::none && o.place == window_place::front) {
    fail("%s: centre = %s, must be none where the window stands in front of n_fft", name,
         o.centre == centre_padding::zero ? "zero" : "reflect");
  }
  if (o.edges == frame_edges::snip) return;
  char const* const edges = o.edges == frame_edges::mirror ? "mirror" : "pad";
  if (o.centre != centre_padding::none) {
    fail("%s: edges = %s, must be snip where frames are centred: those are padded already", name, edges);
  }
  if (o.place != window_place::front) {
    fail("%s: edges = %s, must be snip where the window stands in the middle of n_fft", name, edges);
  }
}

inline void check_bands(char const* name, log_mel_options const& o) {
  check_range(name, "bands", o.bands, 1, 65536);
  check_finite(name, "low", o.low);
  check_finite(name, "high", o.high);
  double const high = upper_edge(o), nyquist = o.sample_rate / 2;
  if (high > nyquist) fail("%s: high = %g Hz, must be <= %g Hz, half the sample_rate", name, high, nyquist);
  if (o.low < 0 || o.low >= high) fail("%s: low = %g Hz, must be in [0, %g), below high", name, o.low, high);
  check_named(name, "mel", o.mel, mel_kind::slaney);
  check_named(name, "triangles", o.triangles, triangle_space::bins);
  check_named(name, "norm", o.norm, filter_norm::slaney);
  if (o.triangles == triangle_space::bins && o.norm != filter_norm::none) {
    fail("%s: norm = slaney, must be none where triangles = bins: their areas are not those of their edges", name);
  }
}

inline void check_levels(char const* name, log_mel_options const& o) {
  check_named(name, "log", o.log, log_kind::db);
  check_named(name, "floor_by", o.floor_by, floor_kind::zeros);
  check_named(name, "reference", o.reference, reference_kind::max);
  check_finite(name, "floor", o.floor);
  bool const logarithm = o.log != log_kind::none;
  if (o.floor < 0 || (logarithm && o.floor == 0)) {
    fail("%s: floor = %g, must be %s", name, o.floor, logarithm ? "> 0 where there is a logarithm" : ">= 0");
  }
  if (!(o.top_db >= 0)) fail("%s: top_db = %g, must be >= 0; infinity limits nothing", name, o.top_db);
  if (!logarithm && o.reference != reference_kind::one) {
    fail("%s: reference = max, must be one where log = none", name);
  }
  if (!logarithm && o.top_db != log_mel_options::no_limit) {
    fail("%s: top_db = %g, must be infinite where log = none", name, o.top_db);
  }
  check_finite(name, "subtract", o.subtract);
  check_positive(name, "divide", o.divide);
}

/// Every rule of log_mel_options.
/// @throws shape_error  naming the member, its value and the rule
inline void check_options(char const* name, log_mel_options const& o) {
  if (!(o.sample_rate > 0) || !(o.sample_rate <= 1e9)) {
    fail("%s: sample_rate = %g Hz, must be in (0, 1e9]", name, o.sample_rate);
  }
  check_framing(name, o);
  check_finite(name, "scale", o.scale);
  if (!(o.pre_emphasis >= 0 && o.pre_emphasis <= 1)) {
    fail("%s: pre_emphasis = %g, must be in [0, 1]", name, o.pre_emphasis);
  }
  check_named(name, "emphasis", o.emphasis, emphasis_over::signal);
  check_positive(name, "power", o.power);
  check_named(name, "spectrum", o.spectrum, spectrum_norm::n_fft);
  check_bands(name, o);
  check_levels(name, o);
}

}}}}}  // namespace tshift::audio::detail

#include <tshift/macros/back.hpp>
