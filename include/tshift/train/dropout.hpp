// SPDX-License-Identifier: MIT
// Inverted dropout whose mask is a function of position: both passes make it anew, and nothing is kept.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/train/kernel/dropout.hpp>
#include <tshift/train/random.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// y[n, t, c] = x[n, t, c] / (1 - rate) with probability 1 - rate, else 0. The backward pass is the same call on dy.
///
/// Element i = t C + c of a sample is dropped where its word of random_stream's counters (purposes::dropout + layer,
/// epoch, sample) is below rate * 2^32: word (i mod 64) / 16 of counter (i / 64) 16 + i mod 16. So neither the other
/// sequences of a batch, nor padding, nor threads matter. An element that is dropped is 0, whatever it was.
/// Frames behind a sequence's length are not read, and become 0. Allocates nothing.
/// Source: Srivastava et al. (2014); scaled as torch.nn.functional.dropout does.
/// @param exec   shares the frames out; not one bit depends on it
/// @param rate   in [0, 1)
/// @param layer  in [0, 2^14): layers with different numbers have nothing in common
/// @param x      [N, T, C]; its lengths count
/// @param y      the same memory as x, or apart
/// @throws shape_error  a number is out of range, sizes disagree, or memory overlaps; before the first write
template <class T, executor Executor>
void dropout(Executor&& exec, double rate, random_batch const& random, index_t layer,
             std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y) {
  char const* const name = "dropout";
  if (!(rate >= 0 && rate < 1)) detail::fail("%s: rate = %g, must be in [0, 1)", name, rate);
  if (layer < 0 || layer >= index_t{1} << 14) detail::fail("%s: layer = %td, must be in [0, 2^14)", name, layer);
  index_t const channels = y.shape.channels, time = y.shape.time;
  detail::extent const from = detail::check_rows(name, "x", x, channels);
  detail::extent const to = detail::check_rows(name, "y", y, channels);
  detail::check_same_shape(name, from, to);
  detail::check_writable(name, to);
  (void)detail::check_same_or_apart(name, from, to);
  auto const samples = static_cast<index_t>(random.samples.size());
  if (samples != y.shape.batch) {
    detail::fail("%s: %td samples, must be one for each of %td sequences", name, samples, y.shape.batch);
  }
  index_t const purpose = purposes::dropout + layer;
  for (index_t const each : random.samples) (void)random_stream(random.seed, purpose, random.epoch, each);

  constexpr index_t group = kernel::dropout_group;
  auto const least = static_cast<std::uint32_t>(rate * 0x1p32);
  auto const scale = static_cast<T>(1 / (1 - rate));
  detail::share(exec, y.shape.batch * time, y.size() * 2 * static_cast<index_t>(sizeof(T)),
                [&random, &x, &y, purpose, least, scale, channels, time](index_t first, index_t last) {
                  T factors[static_cast<std::size_t>(group)] = {};
                  index_t sequence = -1, ready = -1;  // of which the factors are
                  for (index_t row = first; row < last; ++row) {
                    index_t const n = row / time, t = row % time;
                    T* const out = y.at(n, t, 0);
                    if (t >= x.length(n)) {
                      for (index_t c = 0; c < channels; ++c) out[c] = T(0);
                      continue;
                    }
                    T const* const in = x.at(n, t, 0);
                    for (index_t c = 0; c < channels;) {
                      index_t const at = t * channels + c, number = at / group, skipped = at % group;
                      if (n != sequence || number != ready) {
                        kernel::philox_words const counter = kernel::dropout_counter(
                            purpose, random.epoch, random.samples[static_cast<std::size_t>(n)], number);
                        kernel::dropout_factors(random.seed, counter, least, scale, factors);
                        sequence = n;
                        ready = number;
                      }
                      index_t const left = channels - c, rest = group - skipped, count = left < rest ? left : rest;
                      kernel::apply_factors(count, in + c, factors + skipped, out + c);
                      c += count;
                    }
                  }
                });
}

/// The same where it is called.
template <class T>
void dropout(double rate, random_batch const& random, index_t layer,
             std::type_identity_t<tensor_view<T const>> const& x, tensor_view<T> const& y) {
  detail::run_here exec;
  dropout(exec, rate, random, layer, x, y);
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
