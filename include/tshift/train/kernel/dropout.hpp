// SPDX-License-Identifier: MIT
// What dropout multiplies elements by.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/train/kernel/matrix.hpp>
#include <tshift/train/kernel/philox.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Counters whose words are made together, and the elements that they decide about.
inline constexpr index_t dropout_lanes = 16, dropout_group = 4 * dropout_lanes;

/// The first counter of elements [number * dropout_group, (number + 1) * dropout_group) of a sample.
inline philox_words dropout_counter(index_t purpose, index_t epoch, index_t sample, index_t number) noexcept {
  auto const block = static_cast<std::uint64_t>(number * dropout_lanes);
  return {{static_cast<std::uint32_t>(block),
           static_cast<std::uint32_t>(purpose) << 16 | (static_cast<std::uint32_t>(block >> 32) & 0xFFFFu),
           static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(sample)}};
}

/// Factors of dropout_group elements: 0 where a word is below `least`, else `scale`.
template <class T>
void dropout_factors(std::uint64_t key, philox_words const& counter, std::uint32_t least, T scale,
                     T* factors) noexcept {
  std::uint32_t words[static_cast<std::size_t>(dropout_group)];
  T made[static_cast<std::size_t>(dropout_group)];
  philox<dropout_lanes>(key, counter, words);
  for (index_t i = 0; i < dropout_group; ++i) made[i] = words[i] < least ? T(0) : scale;
  for (index_t i = 0; i < dropout_group; ++i) factors[i] = made[i];
}

/// y = x * factor; 0 where the factor is, also of what is not finite.
template <class T>
void apply_factors(index_t count, T const* x, T const* factors, T* y) noexcept {
  map<xsimd::default_arch>(
      count, y,
      [](auto const& value, auto const& factor) {
        auto const nothing = decltype(value * factor)(T(0));
        return xsimd::select(factor == nothing, nothing, value * factor);
      },
      x, factors);
}

}}}}  // namespace tshift::train::kernel
