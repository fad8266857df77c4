// SPDX-License-Identifier: MIT
// Steps of an LSTM backwards, the mirror of nn/kernel/lstm.hpp: a step is a product of the sequences that walk together
// with W_hh'. A panel of that holds some vectors of units, is read once for all sequences, and ends in the gradients of
// their gates while the sums are still in the L1 cache.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/lstm.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Distance of rows of `count` elements: an odd number of cache lines, lest rows push each other out of a cache.
template <class T>
constexpr index_t stride_for(index_t count) noexcept {
  constexpr index_t line = tshift::kernel::line_bytes / static_cast<index_t>(sizeof(T));
  return ((count + line - 1) / line | 1) * line;
}

/// The weights of one direction for all products but that with dx. Repacked in place.
template <class T>
class lstm_matrices {
 public:
  using arch = xsimd::default_arch;

  lstm_matrices() = default;
  lstm_matrices(index_t inputs, index_t hidden)
      : inputs_(inputs), order_{hidden}, input_(count(inputs * order_.columns())), bias_(count(order_.columns())),
        recurrent_(count(hidden * order_.columns())),
        recurrent_back_(count(gates * hidden * padded_columns<T, arch>(hidden))) {}

  /// @param ih       [4 H, D]
  /// @param hh       [4 H, H]
  /// @param bias_ih  [4 H]
  /// @param bias_hh  [4 H]
  void pack(T const* ih, T const* hh, T const* bias_ih, T const* bias_hh) noexcept {
    order_.pack(ih, inputs_, gemm_tile<T, arch>::columns, input_.data());
    for (index_t j = 0; j < order_.columns(); ++j) {
      index_t const from = order_.source(j);
      bias_[count(j)] = from < 0 ? T(0) : bias_ih[from] + bias_hh[from];
    }
    order_.pack(hh, order_.units, order_.width, recurrent_.data());
    kernel::pack<T, arch>(
        gates * order_.units, order_.units, [this, hh](index_t k, index_t j) { return hh[k * order_.units + j]; },
        recurrent_back_.data());
  }

  /// W_ih and both biases, columns in the order of the gates.
  packed_operand<T> input() const noexcept { return {input_.data(), bias_.data(), inputs_, order_.columns()}; }
  /// W_hh as lstm_step takes it.
  T const* recurrent() const noexcept { return recurrent_.data(); }
  /// W_hh' as lstm_step_back takes it.
  packed_operand<T> recurrent_back() const noexcept {
    return {recurrent_back_.data(), nullptr, gates * order_.units, order_.units};
  }

 private:
  static std::size_t count(index_t n) noexcept { return static_cast<std::size_t>(n); }

  index_t inputs_ = 0;
  lstm_order<T, arch> order_{0};
  line_vector<T> input_, bias_, recurrent_, recurrent_back_;
};

/// What one sequence brings to a step backwards, and what that leaves. "Before" and "after" are in the order of the
/// forward pass.
template <class T>
struct lstm_back_row {
  T const* gates;        // i, f, g, o as the forward pass kept them
  T const* cell;         // c; whole vectors
  T const* cell_before;  // c of the step before; null for none
  T const* da_after;     // da of the step after; null for none
  T* carry;              // gradient of c that the step after hands over, and this one hands on; whole vectors
  T* output;             // dy, and h where that was; whole vectors
  T* da;                 // gradient of the gates' sums, written: PyTorch's order, 4 * units elements
};

/// Of one vector of units, dh being the gradient of h.
template <class T, class Arch>
void lstm_activate_back(T const* dh, lstm_back_row<T> const& row, index_t unit, index_t units) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  T const* const kept = row.gates + unit * gates;
  batch const in = batch::load_unaligned(kept), forget = batch::load_unaligned(kept + lanes);
  batch const fresh = batch::load_unaligned(kept + 2 * lanes), out = batch::load_unaligned(kept + 3 * lanes);
  batch const before = row.cell_before != nullptr ? batch::load_unaligned(row.cell_before + unit) : batch(T(0));
  batch const bent = nn::kernel::tanh(batch::load_unaligned(row.cell + unit));
  batch const d = batch::load_unaligned(dh), one(T(1));
  batch const dc = xsimd::fma(d * out, one - bent * bent, batch::load_unaligned(row.carry + unit));
  (dc * forget).store_unaligned(row.carry + unit);
  (out * bent).store_unaligned(row.output + unit);
  batch const da[] = {dc * fresh * (in * (one - in)), dc * before * (forget * (one - forget)),
                      dc * in * (one - fresh * fresh), d * bent * (out * (one - out))};
  for (index_t gate = 0; gate < gates; ++gate) {
    T* const to = row.da + gate * units + unit;
    if (unit + lanes <= units) {
      da[gate].store_unaligned(to);
    } else {
      store_part<Arch>(da[gate], to, units - unit);
    }
  }
}

/// How far ahead in a panel of W_hh' lines are asked for, one for each row of it. The hardware asks for the others, but
/// begins anew in each page.
inline constexpr index_t bytes_ahead = 1024;

/// One step of `count` sequences: dh = dy + W_hh' da_after, then the gates.
/// @param w        W_hh' of 4 * units rows, PyTorch's order of gates
/// @param going    the first so many rows have a step after
/// @param upwards  order of the panels, as in lstm_step
template <class T, class Arch>
void lstm_step_back(packed_operand<T> const& w, index_t going, index_t count, lstm_back_row<T> const* rows,
                    bool upwards, row_block<T>& from) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(w.n), panels = (padded + tile::columns - 1) / tile::columns;
  from.pieces = 0;
  auto& after = from.add(0, w.k);
  T sums[static_cast<std::size_t>(tile::rows * tile::columns)];
  for (index_t i = 0; i < panels; ++i) {
    index_t const column = (upwards ? i : panels - 1 - i) * tile::columns;
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    T const* const panel = panel_at<T, Arch>(w, column, 0);
    for (index_t begin = 0; begin < count; begin += tile::rows) {
      index_t const some = count - begin < tile::rows ? count - begin : tile::rows;
      index_t const products = going <= begin ? 0 : going - begin < some ? going - begin : some;
      for (index_t r = 0; r < some; ++r) {
        after.row[r] = rows[begin + r].da_after;
        T const* const dy = rows[begin + r].output + column;
        for (index_t j = 0; j < width; ++j) sums[r * tile::columns + j] = dy[j];
      }
      if (products > 0) {
        lines_ahead const ahead(panel, bytes_ahead, width * static_cast<index_t>(sizeof(T)));
        tile_sums<T, Arch>(products, width / tile::lanes, ahead, panel, from, 0, sums, tile::columns, sums,
                           tile::columns);
      }
      for (index_t r = 0; r < some; ++r) {
        for (index_t j = 0; j < width; j += tile::lanes) {
          lstm_activate_back<T, Arch>(sums + r * tile::columns + j, rows[begin + r], column + j, w.n);
        }
      }
    }
  }
}

/// All steps of a group backwards, from each sequence's last on.
/// @param w        W_hh', as lstm_step_back takes it
/// @param lengths  a view with the lengths of x
/// @param dy       rows of the frames of all sequences, units from channel `channel` on
/// @param places   places(n, before, frame, after, row) says where everything of a frame lies. It and its neighbours
///                 are numbered through all sequences, -1 for none
template <class T, class Arch, class Places>
void lstm_steps_back(packed_operand<T> const& w, lstm_walk const& walk, tensor_view<T const> const& lengths,
                     row_source<T> dy, index_t channel, Places const& places) noexcept {
  row_block<T> from;
  lstm_back_row<T> rows[static_cast<std::size_t>(row_capacity)];
  index_t const padded = padded_columns<T, Arch>(w.n);
  for (index_t step = walk.steps(lengths) - 1; step >= 0; --step) {
    index_t count = 0, going = 0;
    auto const add = [&](index_t n) {
      lstm_back_row<T>& row = rows[count++];
      index_t const length = lengths.length(n), t = walk.frame(step, length), frame = n * lengths.shape.time + t;
      index_t const next = walk.backwards ? -1 : 1;
      places(n, step > 0 ? frame - next : -1, frame, step < length - 1 ? frame + next : -1, row);
      dy.gather(from, frame, 1, channel, w.n, nullptr);
      collect(from, 0, row.output);
      for (index_t j = w.n; j < padded; ++j) row.output[j] = T(0);
      for (index_t j = 0; j < padded && step == length - 1; ++j) row.carry[j] = T(0);
    };
    // Those that end with this step stand last: there is nothing to multiply.
    for (index_t n = walk.begin; n < walk.begin + walk.count; ++n) {
      if (step < lengths.length(n) - 1) add(n);
    }
    going = count;
    for (index_t n = walk.begin; n < walk.begin + walk.count; ++n) {
      if (step == lengths.length(n) - 1) add(n);
    }
    lstm_step_back<T, Arch>(w, going, count, rows, step % 2 == 0, from);
  }
}

/// Row n * time + t is h of the step before frame t of sequence n; zeros where that is the first.
template <class T>
struct rows_before {
  T const* h;  // [N, T, stride]
  index_t stride;
  tensor_view<T const> const& lengths;
  bool backwards;

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* nothing) const noexcept {
    table.pieces = 0;
    auto& piece = table.add(0, count);
    index_t const time = lengths.shape.time;
    for (index_t r = 0; r < rows; ++r) {
      index_t const n = (first + r) / time, t = (first + r) % time;
      bool const none = backwards ? t == lengths.length(n) - 1 : t == 0;
      piece.row[r] = none ? nothing : h + (backwards ? first + r + 1 : first + r - 1) * stride + begin;
    }
    return count;
  }
};

}}}}  // namespace tshift::train::kernel
