// SPDX-License-Identifier: MIT
// Steps of an LSTM for one or several sequences. The recurrent weights are what takes the time: each panel of them
// holds the four gates of one vector of units, is read once per step for all sequences, and ends in new cells and
// outputs while the gates are still in registers or the L1 cache.
//
// Training takes the same steps and keeps what inference overwrites: all that differs is where cells lie, and what
// stays of the gates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/lstm_order.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

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

/// W_hh as lstm_order packs it: as T, or as bf16.
template <class T>
struct lstm_recurrent {
  T const* data;
  std::uint32_t const* pairs = nullptr;
  std::uint32_t* room = nullptr;  // with pairs, where they are multiplied as they are: for h of each sequence

  lstm_recurrent(T const* whole, std::uint32_t const* halves = nullptr, T* rounded = nullptr) noexcept
      : data(whole), pairs(halves), room(reinterpret_cast<std::uint32_t*>(rounded)) {}
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

/// sums += W_hh h for a panel, and some of the sequences of a step.
template <class T, class Arch>
class recurrent_product {
 public:
  /// @param from  the table through which h is read
  recurrent_product(lstm_recurrent<T> const& w, index_t units, bool first, index_t count, lstm_row<T> const* rows,
                    row_block<T>& from) noexcept
      : w_(w), units_(first ? 0 : units), depth_(units), stride_((units + lanes - 1) / lanes * lanes), rows_(rows),
        from_(from) {
    from.pieces = 0;
    from.add(0, units_);
    if constexpr (pairs_as_they_are) {
      for (index_t r = 0; r < count && w.pairs != nullptr && units_ > 0; ++r) {
        round_pairs<Arch>(rows[r].before, units_, w.room + r * stride_);
      }
    }
  }

  /// @param sums  [some][width]
  void add(index_t panel, index_t begin, index_t some, T* sums) noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if (w_.pairs != nullptr) return add_bf16(w_.pairs + panel * pairs_of(depth_) * width, begin, some, sums);
    }
    T const* const weights = w_.data + panel * depth_ * width;
    read(begin, some);
    tile_sums<T, Arch, together, gates>(some, gates, lines_ahead(weights), weights, from_, 0, sums, width, sums, width);
  }

 private:
  static constexpr index_t lanes = lanes_of<T, Arch>, width = gates * lanes, together = lstm_rows<T, Arch>;
  static constexpr bool pairs_as_they_are = multiplies_bf16 && std::is_same_v<T, float>;

  void read(index_t begin, index_t some) noexcept {
    for (index_t r = 0; r < some; ++r) from_.items[0].row[r] = rows_[begin + r].before;
  }

  void add_bf16(std::uint32_t const* panel, index_t begin, index_t some, T* sums) noexcept {
    if constexpr (pairs_as_they_are) {
      pair_sums<Arch, together, gates>(some, gates, lines_ahead(panel), panel, w_.room + begin * stride_, stride_,
                                       pairs_of(units_), sums, width, sums, width);
    } else {
      read(begin, some);
      widened_sums<Arch, together, gates, false>(some, gates, lines_ahead(panel), panel, 0, from_, 0, sums, width, sums,
                                                 width, nullptr);
    }
  }

  lstm_recurrent<T> const& w_;
  index_t units_, depth_, stride_;  // units_: that are not zero; stride_: of rounded rows
  lstm_row<T> const* rows_;
  row_block<T>& from_;
};

/// One step of `count` sequences.
/// @param w        W_hh
/// @param units    the hidden size
/// @param first    whether this is step 0, before which h is zero
/// @param upwards  order of the panels. Steps that alternate find the panels they begin with still in the cache
template <class T, class Arch, lstm_gates Left>
void lstm_step(lstm_recurrent<T> const& w, index_t units, index_t count, lstm_row<T> const* rows, bool first,
               bool upwards, row_block<T>& from) noexcept {
  constexpr index_t lanes = lanes_of<T, Arch>, width = gates * lanes, together = lstm_rows<T, Arch>;
  index_t const panels = (units + lanes - 1) / lanes;
  recurrent_product<T, Arch> product(w, units, first, count, rows, from);
  T sums[static_cast<std::size_t>(together * width)];
  for (index_t i = 0; i < panels; ++i) {
    index_t const panel = upwards ? i : panels - 1 - i;
    for (index_t begin = 0; begin < count; begin += together) {
      index_t const some = count - begin < together ? count - begin : together;
      for (index_t r = 0; r < some; ++r) {
        T const* const start = rows[begin + r].gates + panel * width;
        for (index_t j = 0; j < width; ++j) sums[r * width + j] = start[j];
      }
      product.add(panel, begin, some, sums);
      lstm_activate<T, Arch, Left>(sums, some, rows + begin, panel * lanes, units);
    }
  }
}

/// Steps [first, until) of sequences that walk together. Those that have ended drop out.
/// @param w        W_hh
/// @param lengths  a view with the lengths of x
/// @param y        the channels of this direction; h of the step before is read there
/// @param places   places(n, step, t, row) says where the gates and cells of sequence n lie at a step, which is frame t
/// @param begins   whether h is zero before step 0; else places says where it lies
template <class T, class Arch, lstm_gates Left, class Places>
void lstm_steps(std::type_identity_t<lstm_recurrent<T>> const& w, lstm_walk const& walk, index_t first, index_t until,
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
    lstm_step<T, Arch, Left>(w, y.shape.channels, active, rows, begins && step == 0, step % 2 == 0, from);
  }
}

}}}}  // namespace tshift::nn::kernel
