// SPDX-License-Identifier: MIT
// Random numbers that have no state to save: each is a function of the seed, of what it is for, of the epoch, of the
// sample, and of its number. A training that is resumed, or a batch that comes in pieces, finds those it would have
// had.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include <tshift/error.hpp>
#include <tshift/train/kernel/philox.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// What random numbers are for: streams of different purposes have nothing in common. Numbers from `dropout` on are
/// dropout + layer; those from `own` on are for the program.
namespace purposes {
inline constexpr index_t initial_values = 1;  ///< initialise
inline constexpr index_t shuffle = 2;         ///< the order of an epoch
inline constexpr index_t crop = 3;            ///< where a long sample is cut
inline constexpr index_t span_counts = 4;     ///< spec_augment
inline constexpr index_t time_spans = 5;      ///< spec_augment
inline constexpr index_t channel_spans = 6;   ///< spec_augment
inline constexpr index_t dropout = 0x1000;    ///< of layer 0; of layer i: dropout + i
inline constexpr index_t own = 0x8000;        ///< first of the program's own
}  // namespace purposes

/// Where the random numbers of a batch come from.
struct random_batch {
  std::uint64_t seed = 0;              ///< of the whole training
  index_t epoch = 0;                   ///< in [0, 2^32)
  index_t batch = 0;                   ///< its number in the epoch, in [0, 2^32)
  std::span<index_t const> samples{};  ///< of each sequence its number in the data set, in [0, 2^32). Not owned
};

/// The numbers of one purpose for one sample in one epoch, in ascending order.
///
/// Number i of 64 bits is words 2 (i mod 2) and the next, low word first, of Philox4x32-10 with the seed as key and the
/// counter {low 32 bits of i / 2, its 16 higher bits + purpose * 2^16, epoch, sample}. Everything else is made of those
/// by integers, comparisons and sums that are rounded once: the same numbers on all machines.
class random_stream {
 public:
  /// @param purpose  in [0, 2^16): see purposes
  /// @param epoch    in [0, 2^32)
  /// @param sample   in [0, 2^32)
  /// @throws shape_error  one of them is not
  random_stream(std::uint64_t seed, index_t purpose, index_t epoch = 0, index_t sample = 0) : seed_(seed) {
    counter_.word[1] = checked("purpose", purpose, 16) << 16;
    counter_.word[2] = checked("epoch", epoch, 32);
    counter_.word[3] = checked("sample", sample, 32);
  }

  /// Number `index` of 64 bits, in [0, 2^49). Unchecked.
  std::uint64_t bits(std::uint64_t index) const noexcept { return half(block(index / 2), index % 2); }

  /// The next number.
  std::uint64_t next() noexcept {
    if (at_ % 2 == 0) ready_ = block(at_ / 2);
    return half(ready_, at_++ % 2);
  }

  /// In [0, 1): a multiple of 2^-53.
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// In [0, n), each with the same probability: bits that would favour the first ones are drawn again. n >= 1,
  /// unchecked.
  index_t below(index_t n) noexcept {
    auto const wide = static_cast<std::uint64_t>(n);
    std::uint64_t const favoured = (0 - wide) % wide;  // 2^64 mod n
    std::uint64_t drawn = next();
    while (drawn < favoured) drawn = next();
    return static_cast<index_t>(drawn % wide);
  }

  /// From the normal distribution with mean 0 and variance 1, exactly: Karney, "Sampling exactly from the normal
  /// distribution" (2016), algorithm N. Compares uniform numbers and calls no exp, log or cos, which differ from
  /// library to library. Takes 17 numbers on average.
  double normal() noexcept {
    for (;;) {
      index_t whole = 0;
      while (half_exponential()) ++whole;
      bool accepted = true;
      for (index_t i = 0; i < whole * (whole - 1) && accepted; ++i) accepted = half_exponential();
      if (!accepted) continue;
      double const part = uniform();
      for (index_t i = 0; i <= whole && accepted; ++i) accepted = part_exponential(whole, part);
      if (!accepted) continue;
      double const size = static_cast<double>(whole) + part;
      return next() >> 63 != 0 ? -size : size;
    }
  }

  /// Writes 0, ..., size - 1 in an order that is any of all with the same probability (Fisher and Yates).
  void permutation(std::span<index_t> order) noexcept {
    auto const count = static_cast<index_t>(order.size());
    for (index_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
    for (index_t i = count; i > 1; --i) {
      index_t& last = order[static_cast<std::size_t>(i - 1)];
      index_t& other = order[static_cast<std::size_t>(below(i))];
      index_t const kept = last;
      last = other;
      other = kept;
    }
  }

 private:
  static std::uint32_t checked(char const* what, index_t value, int digits) {
    if (value < 0 || static_cast<std::uint64_t>(value) >> digits != 0) {
      detail::fail("random_stream: %s = %td, must be in [0, 2^%d)", what, value, digits);
    }
    return static_cast<std::uint32_t>(value);
  }

  kernel::philox_words block(std::uint64_t number) const noexcept {
    kernel::philox_words c = counter_;
    c.word[0] = static_cast<std::uint32_t>(number);
    c.word[1] |= static_cast<std::uint32_t>(number >> 32) & 0xFFFFu;
    return kernel::philox(seed_, c);
  }
  static std::uint64_t half(kernel::philox_words const& from, std::uint64_t which) noexcept {
    return from.word[2 * which] | std::uint64_t{from.word[2 * which + 1]} << 32;
  }

  /// With probability exp(-1/2): whether an even number of draws falls below 1/2 and goes on falling.
  bool half_exponential() noexcept {
    double last = 0.5;
    for (bool even = true;; even = !even) {
      double const drawn = uniform();
      if (!(drawn < last)) return even;
      last = drawn;
    }
  }

  /// With probability exp(-part (2 whole + part) / (2 whole + 2)).
  bool part_exponential(index_t whole, double part) noexcept {
    double const top = static_cast<double>(2 * whole) + part, bottom = static_cast<double>(2 * whole + 2);
    double last = part;
    for (bool even = true;; even = !even) {
      double const drawn = uniform();
      if (!(drawn < last)) return even;
      if (!(uniform() * bottom < top)) return even;
      last = drawn;
    }
  }

  std::uint64_t seed_, at_ = 0;
  kernel::philox_words counter_{}, ready_{};
};

/// The order of an epoch: a permutation of 0, ..., size - 1 that depends on seed and epoch alone.
inline void shuffle(std::uint64_t seed, index_t epoch, std::span<index_t> order) {
  random_stream(seed, purposes::shuffle, epoch).permutation(order);
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
