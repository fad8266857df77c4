// SPDX-License-Identifier: MIT
// How features change over time: the first and second derivatives that tools stack behind them.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/audio/kernel/rows.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// The derivatives in use. With x[t] the frames of one sequence, T of them:
enum class delta_kind {
  htk,      ///< (sum over n = -2 ... 2 of n x[t + n]) / 10; x[0] and x[T - 1] stand beyond the ends. HTK,
            ///< torchaudio.functional.compute_deltas, python_speech_features.delta(x, 2)
  librosa,  ///< (sum over n = -4 ... 4 of n x[t + n]) / 60, a Savitzky-Golay filter; the first and the last four frames
            ///< repeat the value of the nearest frame that has four neighbours. librosa.feature.delta(x)
  librosa_second  ///< sum over n = -4 ... 4 of 2 (n^2 - 20 / 3) / 308 x[t + n]: the second derivative of a parabola, which is
                  ///< not the delta of a delta. Ends likewise. librosa.feature.delta(x, order=2)
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio {

namespace detail {

/// Frames on either side that a delta looks at.
constexpr index_t delta_reach(delta_kind kind) noexcept { return kind == delta_kind::htk ? 2 : 4; }

/// Weight of x[t + n].
constexpr double delta_weight(delta_kind kind, index_t n) noexcept {
  auto const at = static_cast<double>(n);
  if (kind == delta_kind::htk) return at / 10;
  return kind == delta_kind::librosa ? at / 60 : 2 * (at * at - 20.0 / 3) / 308;
}

/// Refuses sizes, lengths and kinds that do not fit; y has `times` as many channels as x.
template <class T>
void check_deltas(char const* name, tensor_view<T const> const& x, tensor_view<T> const& y, delta_kind kind,
                  index_t times) {
  extent const from = check_features(name, "x", x), to = check_features(name, "y", y);
  if (kind < delta_kind::htk || kind > delta_kind::librosa_second) {
    fail("%s: kind = %d, must be a named delta_kind", name, static_cast<int>(kind));
  }
  if (y.shape.batch != x.shape.batch || y.shape.time != x.shape.time || y.shape.channels / times != x.shape.channels ||
      y.shape.channels % times != 0) {
    fail("%s: y is [%td, %td, %td], x is [%td, %td, %td]; y must have %td times the channels, the rest equal", name,
         y.shape.batch, y.shape.time, y.shape.channels, x.shape.batch, x.shape.time, x.shape.channels, times);
  }
  for (index_t n = 0; kind != delta_kind::htk && n < x.shape.batch; ++n) {
    if (x.length(n) > 0 && x.length(n) < 9) {
      fail("%s: sequence %td has %td frames, must have >= 9 for librosa's deltas, or none", name, n, x.length(n));
    }
  }
  tshift::detail::check_writable(name, to);
  check_apart(name, from, to);
}

/// Deltas of sequence n. Unchecked.
template <class T>
void delta_sequence(tensor_view<T const> const& x, tensor_view<T> const& y, delta_kind kind, index_t n) noexcept {
  index_t const length = x.length(n), reach = delta_reach(kind), last = length - 1;
  for (index_t t = 0; t < y.shape.time; ++t) {
    index_t middle = t;
    if (kind != delta_kind::htk) middle = t < reach ? reach : t > last - reach ? last - reach : t;
    for (index_t c = 0; c < y.shape.channels; ++c) {
      double sum = 0;
      for (index_t k = -reach; k <= reach && t < length; ++k) {
        index_t const at = middle + k < 0 ? 0 : middle + k > last ? last : middle + k;
        sum += delta_weight(kind, k) * static_cast<double>(x(n, at, c));
      }
      y(n, t, c) = static_cast<T>(sum);
    }
  }
}

}  // namespace detail

/// y[n, t, c]: how x[n, :, c] changes at frame t, by the formula of `kind`. Every sequence by itself up to its length,
/// zeros behind it.
/// @param x     [N, T, C], any strides; a sequence has no frames, or for librosa's kinds at least 9, as librosa demands
/// @param y     [N, T, C], other memory than x
/// @param kind  delta of delta is deltas(deltas(x)), except for librosa, which has librosa_second instead
/// @throws shape_error  before the first write
/// Accuracy: summed in double, rounded once. Cost: 5 or 9 multiply-adds an element. Allocates nothing.
template <executor Executor, class T>
void deltas(Executor&& exec, std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y,
            delta_kind kind) {
  detail::check_deltas("deltas", x, y, kind, 1);
  detail::for_sequences(exec, y.shape.batch,
                        [&x, &y, kind](index_t n) noexcept { detail::delta_sequence(x, y, kind, n); });
}

/// The same, where it is called.
template <class T>
void deltas(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y, delta_kind kind) {
  detail::run_here here;
  deltas(here, x, y, kind);
}

/// y = x, its first and its second derivative, one behind the other: what models of 3 C channels are fed with.
/// @param x     [N, T, C]
/// @param y     [N, T, 3 C]: x, deltas, and for htk the deltas of those (as rounded), for librosa librosa_second
/// @param kind  htk or librosa
/// @throws shape_error  before the first write
template <class T>
void stack_deltas(std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y, delta_kind kind) {
  if (kind == delta_kind::librosa_second) {
    detail::fail("stack_deltas: kind = librosa_second, must be htk or librosa; librosa has it in third place");
  }
  detail::check_deltas("stack_deltas", x, y, kind, 3);
  index_t const C = x.shape.channels;
  tensor_view<T> const same = y.slice_channels(0, C), first = y.slice_channels(C, C),
                       second = y.slice_channels(2 * C, C);
  for (index_t n = 0; n < x.shape.batch; ++n) {
    for (index_t t = 0; t < x.shape.time; ++t) {
      for (index_t c = 0; c < C; ++c) same(n, t, c) = t < x.length(n) ? x(n, t, c) : T(0);
    }
    detail::delta_sequence<T>(x, first, kind, n);
    if (kind == delta_kind::htk) {
      tensor_view<T const> from = first;
      from.lengths = x.lengths;
      detail::delta_sequence<T>(from, second, kind, n);
    } else {
      detail::delta_sequence<T>(x, second, delta_kind::librosa_second, n);
    }
  }
}

}}}}  // namespace tshift::audio

#include <tshift/macros/back.hpp>
