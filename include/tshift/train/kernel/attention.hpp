// SPDX-License-Identifier: MIT
// The gradient of attention of one head over one sequence, a block of queries at a time. With the weights P and the
// gradient g of the result, and p[l - r] the positions that a score sees,
//
//   dv[r] = sum over l of P[l][r] g[l]       delta[l] = sum over r of P[l][r] dP[l][r],  dP[l][r] = g[l] . v[r]
//   dS[l][r] = P[l][r] (dP[l][r] - delta[l]) scale
//   dq[l] = sum over r of dS[l][r] (k[r] + p[l - r])       dk[r] = sum over l of dS[l][r] (q[l] + p[l - r])
//   dp[m] = sum over l - r = m of dS[l][r] (q[l] + k[r])
//
// Where weights are dropped, by factors F: P F in dv, F g . v in dP, and P itself elsewhere.
//
// Of a bias in the scores, gate[l] b[r - l], each gets the sum of dS times the other. P is computed again from the
// scores, as inference has them, and two numbers that were kept of each query. A block of P and of dS lies in the L2
// cache while five products read it, those with p through its diagonals. What keys have with positions is what queries
// have with them, the other way round: there the block is transposed.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/attention.hpp>
#include <tshift/nn/kernel/gate.hpp>
#include <tshift/nn/workspace.hpp>
#include <tshift/train/kernel/leaning.hpp>
#include <tshift/train/kernel/weight_dropout.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Where the gradients of a head are written. What a head does not have is not looked at.
template <class T>
struct attention_gradients {
  row_sink<T> query, key, value;
  T* positions;  // of the table: [2 L - 1, depth], the middle row that of distance 0
  T* biases;     // [2 L - 1]
  T* gates;      // [L]
};

/// Memory for the gradients of heads of at most `length` frames.
template <class T, class Arch>
struct attention_back_memory {
  T *keys, *values;     // [depth, L], packed
  T* key_rows;          // [L, depth], packed
  T *sums, *band;       // as attention_room has them
  T* zeros;             // a row
  T *weights, *slopes;  // of a block of queries: P; dP, then dS; rows between margins
  T* turned;            // dS of a block, transposed; where keys have positions
  T* above;             // g of a block
  T* rows;              // g, then q of a block, packed
  T* gates;             // of the head, and a row beside them
  T* gate_slopes;       // of the loss, by those gates
  T* biases;            // [2 L - 1], as the scores see them

  attention_back_memory(nn::arena<T>& a, index_t length, index_t depth, bool key_positions, bool gated) {
    attention_room<T, Arch> const inference(length, depth, key_positions, gated);
    index_t const wide = attention_room<T, Arch>::whole(length), deep = attention_room<T, Arch>::whole(depth);
    index_t const block = length < leaning_rows ? length : leaning_rows, stride = lean_stride<T, Arch>(wide);
    keys = a.take({inference.keys});
    values = a.take({inference.keys});
    key_rows = a.take({length, deep});
    sums = a.take({key_positions ? length : 1, stride});
    band = a.take({inference.band});
    zeros = a.take({wide});
    weights = a.take({block, stride});
    slopes = a.take({block, stride});
    turned = a.take({key_positions ? length : 0, lean_stride<T, Arch>(block)});
    above = a.take({block, depth});
    rows = a.take({block, deep});
    gates = a.take({inference.gates});
    gate_slopes = a.take({gated ? length : 0});
    biases = a.take({gated ? 2 * length - 1 : 0});
  }
};

/// The gradient of one head. Memory for a longer sequence will do.
template <class T, class Arch>
class attention_back {
 public:
  /// Two orders of the rows of the table, [2 reach - 1, depth].
  attention_back(attention_head<T> const& head, packed_operand<T> const& ascending, packed_operand<T> const& descending,
                 attention_back_memory<T, Arch> const& memory, row_block<T>& table) noexcept
      : head_(head), ascending_(ascending), descending_(descending), memory_(memory), table_(table),
        stride_(lean_stride<T, Arch>(attention_room<T, Arch>::whole(head.length))),
        by_key_(pack_keys<T, Arch>(head, table, memory.keys, memory.band, memory.sums, stride_)),
        by_value_{memory.values, nullptr, head.depth, head.length},
        keys_(pack_rows(head.key, 0, head.length, memory.key_rows)) {
    plain_rows<T> const& v = head.value;
    pack<T, Arch>(
        head.depth, head.length, [&v](index_t k, index_t r) { return v.data[r * v.stride + k]; }, memory.values);
    index_t const most = head.bias.reach - 1;
    for (index_t i = 0; i < 2 * head.length - 1 && head.gates != nullptr; ++i) {
      index_t const distance = i - (head.length - 1);
      memory.biases[i] = head.bias.at[distance < -most ? -most : distance < most ? distance : most];
    }
    for (index_t r = 0; r < attention_room<T, Arch>::whole(head.length); ++r) memory.zeros[r] = T(0);
  }

  /// @param dy  g: channels [channel, channel + depth) of rows from `first` on
  void operator()(kept_weights<T const> const& kept, weight_factors<T> const& factors, row_source<T> dy, index_t first,
                  index_t channel, attention_gradients<T> const& to) const noexcept {
    clear(to);
    T* const weights = memory_.weights + margin;
    T* const slopes = memory_.slopes + margin;
    index_t const reach = head_.reach - 1, here = head_.length - 1;  // rows of distance 0: the table's, and the sums'
    for (row_part const block : row_parts(head_.length)) {
      index_t const count = block.count;
      gather_above(dy, first + block.begin, count, channel);
      weights_and_slopes(kept, factors, block.begin, count, weights, slopes);
      if (head_.gates != nullptr) add_bias_slopes(block.begin, count, slopes, to);
      leaning<T> const p{weights, stride_, count, head_.length}, ds{slopes, stride_, count, head_.length};
      plain_rows<T> const above{memory_.above, head_.depth};
      add_outer<T, Arch>(p, pack_rows(above, 0, count, memory_.rows), rows_of(to.value));
      packed_operand<T> const queries = pack_rows(head_.query, block.begin, count, memory_.rows);
      add_outer<T, Arch>(ds, queries, rows_of(to.key));
      add_product<T, Arch>(ds, keys_, table_, rows_of(to.query.from(block.begin)));
      if (head_.query_positions) {  // the later a key, the smaller the distance: rows in descending order
        clear_margins(slopes, stride_, count, head_.length);
        add_product<T, Arch>(ds.at(reach - block.begin), descending_, table_, rows_of(to.query.from(block.begin)));
        add_outer<T, Arch>(ds.at(here - block.begin), queries,
                           add_to_matrix<T>{to.positions + 2 * here * head_.depth, -head_.depth});
      }
      if (head_.key_positions) {
        leaning<T> const turned = turn(ds);
        add_product<T, Arch>(turned.at(reach + block.begin), ascending_, table_, rows_of(to.key));
        add_outer<T, Arch>(turned.at(here + block.begin), keys_, add_to_matrix<T>{to.positions, head_.depth});
      }
    }
  }

 private:
  using batch = xsimd::batch<T, Arch>;
  using tile = gemm_tile<T, Arch>;
  static constexpr index_t margin = lean_margin<T, Arch>;

  static add_to_matrix<T> rows_of(row_sink<T> to) noexcept { return {to.data, to.stride}; }

  /// `count` rows as the right side of a product.
  packed_operand<T> pack_rows(plain_rows<T> const& x, index_t first, index_t count, T* to) const noexcept {
    T const* const from = x.data + first * x.stride;
    pack<T, Arch>(
        count, head_.depth, [&x, from](index_t r, index_t c) { return from[r * x.stride + c]; }, to);
    return {to, nullptr, count, head_.depth};
  }

  void clear(attention_gradients<T> const& to) const noexcept {
    for (index_t r = 0; r < head_.length; ++r) {
      for (row_sink<T> const rows : {to.query, to.key, to.value}) {
        for (index_t c = 0; c < head_.depth; ++c) rows.data[r * rows.stride + c] = T(0);
      }
    }
    index_t const rows = head_.query_positions ? 2 * head_.length - 1 : 0;
    for (index_t i = 0; i < rows * head_.depth; ++i) to.positions[i] = T(0);
    for (index_t i = 0; i < 2 * head_.length - 1 && head_.gates != nullptr; ++i) to.biases[i] = T(0);
  }

  static void clear_margins(T* data, index_t stride, index_t rows, index_t columns) noexcept {
    for (index_t r = 0; r < rows; ++r) {
      for (index_t i = 0; i < margin; ++i) data[r * stride - margin + i] = data[r * stride + columns + i] = T(0);
    }
  }

  void gather_above(row_source<T> const& dy, index_t first, index_t count, index_t channel) const noexcept {
    dy.gather(table_, first, count, channel, head_.depth, nullptr);
    for (index_t r = 0; r < count; ++r) collect(table_, r, memory_.above + r * head_.depth);
  }

  /// P F and dS of queries [first, first + count).
  void weights_and_slopes(kept_weights<T const> const& kept, weight_factors<T> const& factors, index_t first,
                          index_t count, T* weights, T* slopes) const noexcept {
    plain_rows<T> const above{memory_.above, head_.depth};
    for (index_t done = 0; done < count; done += tile::rows) {
      index_t const rows = count - done < tile::rows ? count - done : tile::rows;
      T* const p = weights + done * stride_;
      T* const ds = slopes + done * stride_;
      tile_scores<T, Arch>(head_, by_key_, table_, first + done, rows, memory_.sums, memory_.band, p, stride_);
      above.gather(table_, done, rows, 0, head_.depth, nullptr);
      panel_sums<T, Arch>(by_value_, table_, rows, 0, head_.length, memory_.zeros, 0, ds, stride_);
      for (index_t r = 0; r < rows; ++r) {
        index_t const query = first + done + r;
        factors.apply(query, ds + r * stride_);
        one_row(kept.largest[query], T(1) / kept.sum[query], p + r * stride_, ds + r * stride_);
        factors.apply(query, p + r * stride_);
      }
    }
  }

  /// @param p   scores, then P
  /// @param ds  dP, then dS
  void one_row(T largest, T over_sum, T* p, T* ds) const noexcept {
    batch const most(largest), part(over_sum), scale(head_.scale);
    map<Arch>(
        head_.length, p, [&most, &part, &scale](batch const& s) { return nn::kernel::exp((s - most) * scale) * part; },
        p);
    T* const products = memory_.band;
    map<Arch>(
        head_.length, products, [](batch const& a, batch const& b) { return a * b; }, p, ds);
    batch const delta(sum_of<Arch>(head_.length, products, [](batch const& v) { return v; }));
    map<Arch>(
        head_.length, ds,
        [&delta, &scale](batch const& weight, batch const& slope) { return weight * (slope - delta) * scale; }, p, ds);
  }

  /// What queries [first, first + count) say of their gates, and of the biases.
  void add_bias_slopes(index_t first, index_t count, T const* slopes, attention_gradients<T> const& to) const noexcept {
    for (index_t r = 0; r < count; ++r) {
      T const* const ds = slopes + r * stride_;
      index_t const from = head_.length - 1 - (first + r);  // the distance from this query to key 0
      to.gates[first + r] = dot<Arch>(head_.length, ds, memory_.biases + from);
      batch const gate(head_.gates[first + r]);
      T* const sums = to.biases + from;
      map<Arch>(
          head_.length, sums, [&gate](batch const& sum, batch const& slope) { return xsimd::fma(gate, slope, sum); },
          sums, ds);
    }
  }

  /// a', with margins.
  leaning<T> turn(leaning<T> const& a) const noexcept {
    index_t const stride = lean_stride<T, Arch>(a.rows);
    T* const to = memory_.turned + margin;
    index_t i = 0;
    for (; i + tile::rows <= a.rows; i += tile::rows) {
      T const* const from = a.data + i * a.stride;
      for (index_t j = 0; j < a.columns; ++j) {
#pragma GCC unroll 8
        for (index_t r = 0; r < tile::rows; ++r) to[j * stride + i + r] = from[r * a.stride + j];
      }
    }
    for (; i < a.rows; ++i) {
      for (index_t j = 0; j < a.columns; ++j) to[j * stride + i] = a.data[i * a.stride + j];
    }
    clear_margins(to, stride, a.columns, a.rows);
    return {to, stride, a.columns, a.rows};
  }

  attention_head<T> head_;
  packed_operand<T> ascending_, descending_;
  attention_back_memory<T, Arch> memory_;
  row_block<T>& table_;
  index_t stride_;
  packed_operand<T> by_key_, by_value_, keys_;
};

}}}}  // namespace tshift::train::kernel
