// SPDX-License-Identifier: MIT
// One step of an LSTM for one or several sequences. The recurrent weights are what takes the time: each panel of them
// holds the four gates of one vector of units, is read once per step for all sequences, and ends in new cells and
// outputs while the gates are still in registers or the L1 cache.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

inline constexpr index_t gates = 4;  // i, f, g, o

/// What one sequence brings to a step.
template <class T>
struct lstm_row {
  T const* gates;   // W_ih x + b_ih + b_hh in the order [unit / lanes][gate][unit % lanes]
  T const* before;  // h of the step before
  T* cell;          // c, updated; whole vectors
  T* output;        // h, written: `units` elements
};

/// Sequences that pass a panel together. Four gates each take 4 * rows of the registers.
template <class T, class Arch>
inline constexpr index_t lstm_rows = gemm_tile<T, Arch>::rows == 8 ? 6 : 2;

template <class Arch, class T>
TSHIFT_INLINE xsimd::batch<T, Arch> sigmoid(xsimd::batch<T, Arch> const& x) noexcept {
  using batch = xsimd::batch<T, Arch>;
  return batch(T(1)) / (batch(T(1)) + kernel::exp(-x));
}

/// The gates of `count` sequences for one vector of units become their cells and outputs.
template <class T, class Arch>
void lstm_activate(T const* sums, index_t count, lstm_row<T> const* rows, index_t unit, index_t units) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  for (index_t r = 0; r < count; ++r) {
    T const* const s = sums + r * gates * lanes;
    batch const in = sigmoid(batch::load_unaligned(s)), forget = sigmoid(batch::load_unaligned(s + lanes));
    batch const fresh = kernel::tanh(batch::load_unaligned(s + 2 * lanes));
    batch const out = sigmoid(batch::load_unaligned(s + 3 * lanes));
    T* const cell = rows[r].cell + unit;
    batch const c = xsimd::fma(forget, batch::load_unaligned(cell), in * fresh);
    c.store_unaligned(cell);
    batch const h = out * kernel::tanh(c);
    if (unit + lanes <= units) {
      h.store_unaligned(rows[r].output + unit);
    } else {
      store_part<Arch>(h, rows[r].output + unit, units - unit);
    }
  }
}

/// One step of `count` sequences.
/// @param weight   W_hh packed in panels [k][gate][lane], one for each vector of units
/// @param units    the hidden size
/// @param first    whether this is step 0, before which h is zero
/// @param upwards  order of the panels. Steps that alternate find the panels they begin with still in the cache
template <class T, class Arch>
void lstm_step(T const* weight, index_t units, index_t count, lstm_row<T> const* rows, bool first, bool upwards,
               row_block<T>& from) noexcept {
  constexpr index_t lanes = lanes_of<T, Arch>, width = gates * lanes, together = lstm_rows<T, Arch>;
  index_t const panels = (units + lanes - 1) / lanes;
  from.pieces = 0;
  auto& before = from.add(0, units);
  if (first) from.pieces = 0;
  T sums[static_cast<std::size_t>(together * width)];
  for (index_t i = 0; i < panels; ++i) {
    index_t const panel = upwards ? i : panels - 1 - i;
    for (index_t begin = 0; begin < count; begin += together) {
      index_t const some = count - begin < together ? count - begin : together;
      for (index_t r = 0; r < some; ++r) {
        before.row[r] = rows[begin + r].before;
        T const* const start = rows[begin + r].gates + panel * width;
        for (index_t j = 0; j < width; ++j) sums[r * width + j] = start[j];
      }
      tile_sums<T, Arch, together, gates>(some, gates, lines_ahead(weight), weight + panel * units * width, from, 0,
                                          sums, width, sums, width);
      lstm_activate<T, Arch>(sums, some, rows + begin, panel * lanes, units);
    }
  }
}

}}}}  // namespace tshift::nn::kernel
