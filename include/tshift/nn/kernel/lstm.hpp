// SPDX-License-Identifier: MIT
// Steps of an LSTM for one or several sequences. The recurrent weights are what takes the time: each panel of them
// holds the four gates of one vector of units, is read once per step for all sequences, and ends in new cells and
// outputs while the gates are still in registers or the L1 cache.
//
// Training takes the same steps and keeps what inference overwrites: all that differs is where cells lie, and what
// stays of the gates.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

inline constexpr index_t gates = 4;  // i, f, g, o

/// The order of gates in memory: [unit / lanes][gate][unit % lanes], in whole vectors.
template <class T, class Arch>
struct lstm_order {
  static constexpr index_t lanes = lanes_of<T, Arch>, width = gates * lanes;
  index_t units;  // the hidden size

  constexpr index_t padded() const noexcept { return (units + lanes - 1) / lanes * lanes; }
  constexpr index_t columns() const noexcept { return gates * padded(); }

  /// Where column j lies in PyTorch's order; -1 for a unit that only fills up a vector.
  constexpr index_t source(index_t j) const noexcept {
    index_t const unit = j / width * lanes + j % lanes;
    return unit < units ? j / lanes % gates * units + unit : -1;
  }

  /// Packs a matrix [4 units, depth] in panels [depth][column] of so many columns, the last as wide as it needs: for
  /// lstm_step W_hh with `width` columns, four gates of one vector of units.
  /// @param weight  weight[i], i < 4 units * depth
  template <class Weight>
  void pack(Weight const& weight, index_t depth, index_t wide, T* to) const {
    constexpr index_t together = 16;  // of depth: what is read lies in one line, what is written in the L1 cache
    for (index_t panel = 0; panel < columns(); panel += wide) {
      index_t const across = columns() - panel < wide ? columns() - panel : wide;
      for (index_t first = 0; first < depth; first += together) {
        index_t const some = depth - first < together ? depth - first : together;
        for (index_t j = 0; j < across; ++j) {
          index_t const from = source(panel + j);
          for (index_t k = 0; k < some; ++k) {
            to[k * across + j] = from < 0 ? T(0) : weight[from * depth + first + k];
          }
        }
        to += some * across;
      }
    }
  }
};

/// Sequences of a batch that walk together: sixteen or more, because each group reads W_hh at every step.
struct lstm_groups {
  index_t count = 0, each = 1, batch;

  explicit constexpr lstm_groups(index_t sequences) noexcept : batch(sequences) {
    index_t const wanted = (batch + 15) / 16, most = most_parts / 2;
    index_t const at_most = wanted < most ? wanted : most;
    if (at_most > 0) each = (batch + at_most - 1) / at_most;
    if (each > row_capacity) each = row_capacity;
    count = (batch + each - 1) / each;
  }
};

/// One group in one direction.
struct lstm_walk {
  index_t begin, count;  // sequences
  bool backwards;

  constexpr lstm_walk(lstm_groups const& groups, index_t group, bool reverse) noexcept
      : begin(group * groups.each), count(groups.batch - begin < groups.each ? groups.batch - begin : groups.each),
        backwards(reverse) {}

  /// The frame that a sequence of this length has at a step; the backward direction begins at its last.
  constexpr index_t frame(index_t step, index_t length) const noexcept { return backwards ? length - 1 - step : step; }
  /// The frame of the step before.
  constexpr index_t before(index_t frame) const noexcept { return backwards ? frame + 1 : frame - 1; }

  /// The steps of the longest sequence.
  template <class T>
  index_t steps(tensor_view<T> const& lengths) const noexcept {
    index_t longest = 0;
    for (index_t n = begin; n < begin + count; ++n) {
      if (lengths.length(n) > longest) longest = lengths.length(n);
    }
    return longest;
  }

  /// Zeros in frames of y that no sequence has.
  template <class T>
  void clear_tails(tensor_view<T const> const& lengths, tensor_view<T> const& y) const noexcept {
    for (index_t n = begin; n < begin + count; ++n) {
      for (index_t t = lengths.length(n); t < lengths.shape.time; ++t) {
        for (index_t c = 0; c < y.shape.channels; ++c) y(n, t, c) = T(0);
      }
    }
  }
};

/// What one sequence brings to a step.
template <class T>
struct lstm_row {
  T* gates;              // W_ih x + b_ih + b_hh; see lstm_gates
  T const* before;       // h of the step before
  T const* cell_before;  // c of the step before; whole vectors
  T* cell;               // c, written; may be cell_before
  T* output;             // h, written: `units` elements
};

/// What a step leaves where it found the sums of the gates: these, or i, f, g and o.
enum class lstm_gates { dropped, kept };

/// Sequences that pass a panel together. Four gates each take 4 * rows of the registers.
template <class T, class Arch>
inline constexpr index_t lstm_rows = gemm_tile<T, Arch>::rows == 8 ? 6 : 2;

template <class Arch, class T>
TSHIFT_INLINE xsimd::batch<T, Arch> sigmoid(xsimd::batch<T, Arch> const& x) noexcept {
  using batch = xsimd::batch<T, Arch>;
  return batch(T(1)) / (batch(T(1)) + kernel::exp(-x));
}

/// The gates of `count` sequences for one vector of units become their cells and outputs.
template <class T, class Arch, lstm_gates Left>
void lstm_activate(T const* sums, index_t count, lstm_row<T> const* rows, index_t unit, index_t units) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  for (index_t r = 0; r < count; ++r) {
    T const* const s = sums + r * gates * lanes;
    batch const in = sigmoid(batch::load_unaligned(s)), forget = sigmoid(batch::load_unaligned(s + lanes));
    batch const fresh = kernel::tanh(batch::load_unaligned(s + 2 * lanes));
    batch const out = sigmoid(batch::load_unaligned(s + 3 * lanes));
    if constexpr (Left == lstm_gates::kept) {
      T* const kept = rows[r].gates + unit * gates;
      in.store_unaligned(kept);
      forget.store_unaligned(kept + lanes);
      fresh.store_unaligned(kept + 2 * lanes);
      out.store_unaligned(kept + 3 * lanes);
    }
    batch const c = xsimd::fma(forget, batch::load_unaligned(rows[r].cell_before + unit), in * fresh);
    c.store_unaligned(rows[r].cell + unit);
    batch const h = out * kernel::tanh(c);
    if (unit + lanes <= units) {
      h.store_unaligned(rows[r].output + unit);
    } else {
      store_part<Arch>(h, rows[r].output + unit, units - unit);
    }
  }
}

/// One step of `count` sequences.
/// @param weight   W_hh, packed by lstm_order
/// @param units    the hidden size
/// @param first    whether this is step 0, before which h is zero
/// @param upwards  order of the panels. Steps that alternate find the panels they begin with still in the cache
template <class T, class Arch, lstm_gates Left>
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
      lstm_activate<T, Arch, Left>(sums, some, rows + begin, panel * lanes, units);
    }
  }
}

/// Steps [first, until) of sequences that walk together. Those that have ended drop out.
/// @param weight   W_hh, packed by lstm_order
/// @param lengths  a view with the lengths of x
/// @param y        the channels of this direction; h of the step before is read there
/// @param places   places(n, step, t, row) says where the gates and cells of sequence n lie at a step, which is frame t
/// @param begins   whether h is zero before step 0; else places says where it lies
template <class T, class Arch, lstm_gates Left, class Places>
void lstm_steps(T const* weight, lstm_walk const& walk, index_t first, index_t until,
                tensor_view<T const> const& lengths, tensor_view<T> const& y, Places const& places,
                bool begins = true) noexcept {
  row_block<T> from;
  lstm_row<T> rows[static_cast<std::size_t>(row_capacity)];
  for (index_t step = first; step < until; ++step) {
    index_t active = 0;
    for (index_t n = walk.begin; n < walk.begin + walk.count; ++n) {
      index_t const length = lengths.length(n);
      if (step >= length) continue;
      index_t const t = walk.frame(step, length);
      lstm_row<T>& row = rows[active++];
      row.output = y.at(n, t, 0);
      row.before = step > 0 ? y.at(n, walk.before(t), 0) : nullptr;
      places(n, step, t, row);
    }
    lstm_step<T, Arch, Left>(weight, y.shape.channels, active, rows, begins && step == 0, step % 2 == 0, from);
  }
}

}}}}  // namespace tshift::nn::kernel
