// SPDX-License-Identifier: MIT
// Mean and variance normalisation: of an utterance by itself, or by statistics of a training set or a speaker that are
// gathered once and saved.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/audio/kernel/rows.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// What a deviation of zero is kept from dividing by. The tools differ.
enum class eps_in {
  variance,  ///< (x - mean) / sqrt(variance + eps): wav2vec 2.0
  deviation  ///< (x - mean) / (sqrt(variance) + eps): s3prl's cmvn, Chen et al. 2018
};

/// How values are normalised. Variances are of the population: divided by the number of frames.
struct normalise_options {
  bool divide = true;                ///< by the deviation; false: means alone are subtracted
  double eps = 1e-5;                 ///< >= 0; wav2vec 2.0: 1e-7, s3prl: 1e-10, Chen: 1e-5
  eps_in place = eps_in::deviation;  ///< where that is added
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio {

namespace detail {

/// Refuses eps that is no number to add, and a place without a name.
inline void check_normalise(char const* name, normalise_options const& o) {
  if (!(o.eps >= 0) || !std::isfinite(o.eps)) fail("%s: eps = %g, must be >= 0 and finite", name, o.eps);
  if (o.place != eps_in::variance && o.place != eps_in::deviation) {
    fail("%s: place = %d, must be a named eps_in", name, static_cast<int>(o.place));
  }
}

/// x and y are alike, and the same memory or apart.
template <class T>
void check_alike(char const* name, tensor_view<T const> const& x, tensor_view<T> const& y) {
  extent const from = check_features(name, "x", x), to = check_features(name, "y", y);
  tshift::detail::check_same_shape(name, from, to);
  tshift::detail::check_writable(name, to);
  (void)tshift::detail::check_same_or_apart(name, from, to);
}

/// What a centred value is divided by.
inline double divisor(normalise_options const& o, double variance) noexcept {
  if (!o.divide) return 1;
  return o.place == eps_in::variance ? std::sqrt(variance + o.eps) : std::sqrt(variance) + o.eps;
}

/// Number, mean and sum of squared distances to it, of one channel of one sequence, in two passes. Unchecked.
struct moments {
  double count = 0, mean = 0, squares = 0;

  template <class T>
  static moments of(tensor_view<T const> const& x, index_t n, index_t c) noexcept {
    moments m;
    index_t const length = x.length(n);
    m.count = static_cast<double>(length);
    for (index_t t = 0; t < length; ++t) m.mean += static_cast<double>(x(n, t, c));
    if (length > 0) m.mean /= m.count;
    for (index_t t = 0; t < length; ++t) {
      double const distance = static_cast<double>(x(n, t, c)) - m.mean;
      m.squares += distance * distance;
    }
    return m;
  }

  double variance() const noexcept { return count > 0 ? squares / count : 0; }

  /// Those of both together (Chan, Golub, LeVeque 1983).
  void add(moments const& other) noexcept {
    if (other.count == 0) return;
    double const all = count + other.count, distance = other.mean - mean;
    mean += distance * (other.count / all);
    squares += other.squares + distance * distance * (count * other.count / all);
    count = all;
  }
};

/// y = (x - mean) / divisor for one channel of one sequence; zeros behind its length. Unchecked.
template <class T>
void apply(tensor_view<T const> const& x, tensor_view<T> const& y, normalise_options const& o, moments const& m,
           index_t n, index_t c) noexcept {
  double const by = divisor(o, m.variance());
  for (index_t t = 0; t < y.shape.time; ++t) {
    y(n, t, c) = t < x.length(n) ? static_cast<T>((static_cast<double>(x(n, t, c)) - m.mean) / by) : T(0);
  }
}

}  // namespace detail

/// Mean and variance of every band over all frames that were added: of a training set, or of one speaker's utterances
/// (one object a speaker). Kept in double.
///
///   band_statistics statistics(80);
///   for (each utterance) statistics.add(features);
///   save(statistics.values());               // 3 doubles a band; band_statistics(80, values) has them back
///   normalise(features, y, statistics);
class band_statistics {
 public:
  /// Of nothing yet. @param bands  >= 0
  explicit band_statistics(index_t bands) : band_statistics(bands, {}) {}

  /// As saved. @param values  what values() gave, 3 bands numbers; or none
  /// @throws shape_error  another number of values, or values that no frames have
  band_statistics(index_t bands, std::span<double const> values) {
    if (bands < 0 || bands > (index_t{1} << 28)) {
      detail::fail("band_statistics: bands = %td, must be in [0, 2^28]", bands);
    }
    auto const count = static_cast<std::size_t>(bands) * 3;
    if (!values.empty() && values.size() != count) {
      detail::fail("band_statistics: %zu values, must be %zu, three for each of %td bands", values.size(), count,
                   bands);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      bool const good = i % 3 == 1 ? std::isfinite(values[i]) : values[i] >= 0 && std::isfinite(values[i]);
      if (!good) detail::fail("band_statistics: value %zu = %g, must be finite, counts and squares >= 0", i, values[i]);
    }
    values_.assign(count, 0);
    for (std::size_t i = 0; i < values.size(); ++i) values_[i] = values[i];
  }

  /// Number of bands.
  index_t bands() const noexcept { return static_cast<index_t>(values_.size() / 3); }
  /// Frames that were added.
  double frames() const noexcept { return values_.empty() ? 0 : values_[0]; }
  /// Mean of a band; 0 without frames. @param band  in [0, bands())
  double mean(index_t band) const { return of(checked(band)).mean; }
  /// Its population variance; 0 without frames.
  double variance(index_t band) const { return of(checked(band)).variance(); }

  /// Adds the frames of every sequence, up to its length. Sums are as exact in any order as doubles are, but not the same bits.
  /// @param x  [N, T, bands]
  template <class T>
  void add(tensor_view<T> const& x) {
    tensor_view<T const> const from = x;
    (void)detail::check_features("band_statistics::add", "x", from);
    check_bands("band_statistics::add", x.shape.channels);
    for (index_t c = 0; c < bands(); ++c) {
      detail::moments m = of(c);
      for (index_t n = 0; n < x.shape.batch; ++n) m.add(detail::moments::of(from, n, c));
      store(c, m);
    }
  }

  /// Adds what another object has gathered.
  void merge(band_statistics const& other) {
    check_bands("band_statistics::merge", other.bands());
    for (index_t c = 0; c < bands(); ++c) {
      detail::moments m = of(c);
      m.add(other.of(c));
      store(c, m);
    }
  }

  /// To be saved: for each band the frames, the mean, and the sum of squared distances to it.
  std::span<double const> values() const noexcept { return values_; }

 private:
  index_t checked(index_t band) const {
    if (band < 0 || band >= bands()) {
      detail::fail("band_statistics: band = %td, must be in [0, %td)", band, bands());
    }
    return band;
  }
  void check_bands(char const* name, index_t have) const {
    if (have != bands()) detail::fail("%s: %td bands, must be %td", name, have, bands());
  }
  detail::moments of(index_t c) const noexcept {
    double const* const v = values_.data() + 3 * c;
    return {v[0], v[1], v[2]};
  }
  void store(index_t c, detail::moments const& m) noexcept {
    double* const v = values_.data() + 3 * c;
    v[0] = m.count;
    v[1] = m.mean;
    v[2] = m.squares;
  }

  std::vector<double> values_;
};

/// y[n, t, c] = (x[n, t, c] - mean) / deviation, mean and deviation of sequence n's own channel c over its length: CMVN per
/// utterance, and with [N, samples, 1] the normalisation of wav2vec 2.0's waves. Zeros behind a sequence's length.
/// @param x  [N, T, C], any strides
/// @param y  [N, T, C], x itself or apart from it
/// @throws shape_error  before the first write
/// Accuracy: two passes in double, rounded once. A constant becomes 0, or NaN where eps is 0. Allocates nothing.
template <class T>
void normalise_utterances(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
                          normalise_options const& options = {}) {
  detail::check_normalise("normalise_utterances", options);
  detail::check_alike("normalise_utterances", x, y);
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t c = 0; c < y.shape.channels; ++c) {
      detail::apply(x, y, options, detail::moments::of(x, n, c), n, c);
    }
  }
}

/// The same with the mean and deviation that were gathered before: of a training set, or of the speaker.
/// @throws shape_error  also if the statistics are of another number of bands, or of no frames
template <class T>
void normalise(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
               band_statistics const& statistics, normalise_options const& options = {}) {
  detail::check_normalise("normalise", options);
  detail::check_alike("normalise", x, y);
  if (statistics.bands() != x.shape.channels) {
    detail::fail("normalise: x has %td channels, the statistics have %td bands", x.shape.channels, statistics.bands());
  }
  if (statistics.bands() > 0 && !(statistics.frames() > 0)) {
    detail::fail("normalise: the statistics are of no frames, must be of >= 1");
  }
  for (index_t c = 0; c < y.shape.channels; ++c) {
    double const variance = statistics.variance(c);
    for (index_t n = 0; n < y.shape.batch; ++n) {
      detail::apply(x, y, options, detail::moments{1, statistics.mean(c), variance}, n, c);
    }
  }
}

}}}}  // namespace tshift::audio

#include <tshift/macros/back.hpp>
