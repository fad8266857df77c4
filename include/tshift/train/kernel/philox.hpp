// SPDX-License-Identifier: MIT
// Philox4x32-10: 128 random bits from a key of 64 bits and a counter of 128. Integers alone, so that every machine
// gives the same. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
#pragma once

#include <cstddef>
#include <cstdint>

#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// A counter before, random bits after.
struct philox_words {
  std::uint32_t word[4];
};

/// `Lanes` counters at a time, which differ in their first word: that of lane i is c[0] + i. Word w of lane i goes to
/// out[w * Lanes + i]. Plain loops of a constant length, which compilers turn into vectors.
template <index_t Lanes>
constexpr void philox(std::uint64_t key, philox_words const& c, std::uint32_t* out) noexcept {
  constexpr auto lanes = static_cast<std::size_t>(Lanes);
  std::uint32_t a[lanes] = {}, b[lanes] = {}, d[lanes] = {}, e[lanes] = {};
  for (std::size_t i = 0; i < lanes; ++i) {
    a[i] = c.word[0] + static_cast<std::uint32_t>(i);
    b[i] = c.word[1];
    d[i] = c.word[2];
    e[i] = c.word[3];
  }
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 1  // or -O3 unrolls it before it could become vectors, which is three times as slow
    for (std::size_t i = 0; i < lanes; ++i) {
      std::uint64_t const p = std::uint64_t{0xD2511F53u} * a[i], q = std::uint64_t{0xCD9E8D57u} * d[i];
      a[i] = static_cast<std::uint32_t>(q >> 32) ^ b[i] ^ k0;
      b[i] = static_cast<std::uint32_t>(q);
      d[i] = static_cast<std::uint32_t>(p >> 32) ^ e[i] ^ k1;
      e[i] = static_cast<std::uint32_t>(p);
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (std::size_t i = 0; i < lanes; ++i) {
    out[i] = a[i];
    out[lanes + i] = b[i];
    out[2 * lanes + i] = d[i];
    out[3 * lanes + i] = e[i];
  }
}

/// One counter.
constexpr philox_words philox(std::uint64_t key, philox_words const& counter) noexcept {
  philox_words result{};
  philox<1>(key, counter, result.word);
  return result;
}

}}}}  // namespace tshift::train::kernel
