// SPDX-License-Identifier: MIT
// Rows that are several states side by side: their weighted sum, and its gradients.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gate.hpp>
#include <tshift/train/kernel/chunks.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// The states of a row: how many, their channels, and what each is multiplied by.
template <class T>
struct weighted_states {
  index_t count, channels;
  T const* factors;
};

/// y = sum over k of factors[k] x_k for rows [first, first + count) of x: the products of models::hidden_states, in its
/// order.
/// @param room  a row of y
template <class T, class Arch>
void sum_states(weighted_states<T> const& states, row_source<T> x, index_t first, index_t count, row_sink<T> y,
                T* room) noexcept {
  row_block<T> table;
  index_t const channels = states.channels;
  for (index_t row = 0; row < count; row += frames_together) {
    index_t const some = count - row < frames_together ? count - row : frames_together;
    for (index_t k = 0; k < states.count; ++k) {
      xsimd::batch<T, Arch> const factor(states.factors[k]);
      x.gather(table, first + row, some, k * channels, channels, nullptr);
      for (index_t r = 0; r < some; ++r) {
        T const* const from = in_one_run(table, r, room);
        T* const to = y.from(row + r).data;
        if (k == 0) {
          map<Arch>(
              channels, to, [&factor](auto const& a) { return factor * a; }, from);
        } else {
          map<Arch>(
              channels, to, [&factor](auto const& a, auto const& b) { return xsimd::fma(factor, b, a); }, to, from);
        }
      }
    }
  }
}

/// What the gradients of a weighted sum are made of.
template <class T>
struct states_back {
  row_source<T> x, dy;
  weighted_states<T> states;

  /// Rows of y in `room`: for rows that do not lie in one run.
  static constexpr index_t rows_of_room = frames_together + 1;

  /// Rows [first, first + count), at most row_capacity: dx_k = factors[k] dy, and sums[k] = sum over them of dy . x_k.
  /// @param dx  may have no data
  template <class Arch>
  void rows(index_t first, index_t count, row_sink<T> dx, T* sums, T* room) const noexcept {
    row_block<T> from, with;
    index_t const channels = states.channels;
    dy.gather(with, first, count, 0, channels, nullptr);
    for (index_t k = 0; k < states.count; ++k) sums[k] = T(0);
    T const* above[static_cast<std::size_t>(frames_together)];
    for (index_t row = 0; row < count; row += frames_together) {
      index_t const some = count - row < frames_together ? count - row : frames_together;
      for (index_t r = 0; r < some; ++r) above[r] = in_one_run(with, row + r, room + (r + 1) * channels);
      for (index_t k = 0; k < states.count; ++k) {
        xsimd::batch<T, Arch> const factor(states.factors[k]);
        x.gather(from, first + row, some, k * channels, channels, nullptr);
        for (index_t r = 0; r < some; ++r) {
          sums[k] += dot<Arch>(channels, above[r], in_one_run(from, r, room));
          if (dx.data == nullptr) continue;
          map<Arch>(
              channels, dx.from(row + r).data + k * channels, [&factor](auto const& g) { return factor * g; },
              above[r]);
        }
      }
    }
  }
};

}}}}  // namespace tshift::train::kernel
