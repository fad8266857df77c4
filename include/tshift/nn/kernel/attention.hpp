// SPDX-License-Identifier: MIT
// Attention of one head over one sequence, a tile of queries at a time: scores, softmax and the weighted sum of values
// all happen while the tile's rows lie in the L1 cache.
//
// Relative positions: q[l] . p[l - r] for all r is one row of a small GEMM of the queries with the table of distances,
// read from a place that moves by one from row to row; so is k[r] . p[l - r], for all l. Nothing of size [L, L, depth]
// exists. Gated positions are one number a distance, times one a query.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// What is added to a score for the distance r - l, the same for all layers: at[d] for d in (-reach, reach), and beyond
/// what the ends have.
template <class T>
struct distance_bias {
  T const* at = nullptr;  // that of distance 0
  index_t reach = 0;      // >= 1
};

/// One head over one sequence: `frames` queries, of which the first `length` are keys as well.
template <class T>
struct attention_head {
  plain_rows<T> query, key, value;
  index_t frames, length, depth;
  packed_operand<T> ascending;   // p in the order of distances: column j is p[j]; k = depth, n = 2 * reach - 1
  packed_operand<T> descending;  // column j is p[2 * reach - 2 - j]
  index_t reach;                 // distances from 1 - reach to reach - 1 are in the table
  bool query_positions, key_positions;
  T scale;
  distance_bias<T> bias{};
  T const* gates = nullptr;  // what each query multiplies the bias by, over scale; null: there is no bias
};

/// What a head needs beside its input, in elements; all parts are whole panels wide.
template <class T, class Arch>
struct attention_room {
  using tile = gemm_tile<T, Arch>;
  index_t keys, values, sums, scores, band, result, gates;

  /// @param length  of the longest sequence
  attention_room(index_t length, index_t depth, bool key_positions, bool gated) noexcept {
    index_t const wide = whole(length), deep = whole(depth);
    keys = depth * wide;
    values = length * deep;
    sums = key_positions ? length * wide : wide;
    scores = tile::rows * wide;
    band = tile::rows * band_width(length);
    result = tile::rows * deep;
    gates = gated ? length + depth : 0;
  }
  index_t total() const noexcept { return gates_at() + gates; }
  /// Where the gates stand: one for each query, and a row of `depth` elements.
  index_t gates_at() const noexcept { return keys + values + sums + scores + band + result; }

  static index_t whole(index_t n) noexcept { return (n + tile::columns - 1) / tile::columns * tile::columns; }
  /// The columns that a tile of rows reads, from whichever panel they begin in.
  static index_t band_width(index_t length) noexcept { return whole(length + tile::rows) + tile::columns; }
};

/// c[r][j] = start[r][j] + sum over k of a[r][k] b[k][j] for columns [from, until) of b, from being a multiple of
/// gemm_tile::columns; c counts its columns from there. Writes whole panels.
template <class T, class Arch>
void panel_sums(packed_operand<T> const& b, row_block<T> const& a, index_t rows, index_t from, index_t until,
                T const* start, index_t start_stride, T* c, index_t stride) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(b.n);
  for (index_t column = from; column < until; column += tile::columns) {
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    tile_sums<T, Arch>(rows, width / tile::lanes, lines_ahead(b.data), b.data + column * b.k, a, 0,
                       start + (column - from), start_stride, c + (column - from), stride);
  }
}

/// x[first + i] . p for the positions that a sequence of `length` frames has, one row of `band` per i.
/// @return where in row 0 the product with position 0 of the sequence stands; in row i it is i places before
template <class T, class Arch>
index_t position_products(attention_head<T> const& head, packed_operand<T> const& table, row_block<T> const& x,
                          index_t first, index_t rows, T* band) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const origin = head.reach - 1 - first;  // the column of row 0 and position 0
  index_t const from = (origin - (rows - 1)) / tile::columns * tile::columns;
  panel_sums<T, Arch>(table, x, rows, from, origin + head.length, table.bias + from, 0, band,
                      attention_room<T, Arch>::band_width(head.length));
  return origin - from;
}

/// sums[l][r] = k[r] . p[l - r]: computed for a few keys and all queries, and written across.
template <class T, class Arch>
void key_positions(attention_head<T> const& head, row_block<T>& from, T* band, T* sums, index_t stride) noexcept {
  constexpr index_t rows = gemm_tile<T, Arch>::rows;
  index_t const band_stride = attention_room<T, Arch>::band_width(head.length);
  for (index_t first = 0; first < head.length; first += rows) {
    index_t const count = head.length - first < rows ? head.length - first : rows;
    head.key.gather(from, first, count, 0, head.depth, nullptr);
    T const* const origin = band + position_products<T, Arch>(head, head.ascending, from, first, count, band);
    T* to = sums + first;
    if (count == rows) {
      for (index_t l = 0; l < head.length; ++l, to += stride) {
#pragma GCC unroll 8
        for (index_t r = 0; r < rows; ++r) to[r] = origin[r * (band_stride - 1) + l];
      }
    } else {
      for (index_t l = 0; l < head.length; ++l, to += stride) {
        for (index_t r = 0; r < count; ++r) to[r] = origin[r * (band_stride - 1) + l];
      }
    }
  }
}

/// What a row of scores is scaled by: weight[r] = exp(scale * (score[r] - largest)) / sum.
template <class T>
struct row_weights {
  T largest, sum;
};

/// x[i] = exp(scale * (x[i] - largest x)).
template <class Arch, class T>
row_weights<T> exponentials(T* x, index_t count, T scale) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  batch most(x[0]);
  index_t i = 0;
  auto const larger = [](batch const& a, batch const& b) { return xsimd::select(a < b, b, a); };
  for (; i + lanes <= count; i += lanes) most = larger(most, batch::load_unaligned(x + i));
  if (i < count) most = larger(most, load_part<Arch>(x + i, count - i, x[0]));
  T const peak = joined(most, [](T a, T b) { return a < b ? b : a; });
  batch const largest(peak);
  batch const factor(scale);
  map<Arch>(
      count, x, [&largest, &factor](batch const& v) { return kernel::exp((v - largest) * factor); }, x);
  return {peak, sum_of<Arch>(count, x, [](batch const& v) { return v; })};
}

/// scores[r] += gate * bias[r - l], r in [0, length).
template <class T, class Arch>
void add_bias(distance_bias<T> const& bias, index_t l, T gate, index_t length, T* scores) noexcept {
  index_t const near = l - (bias.reach - 1), far = l + bias.reach;  // frames in between are in reach
  index_t const begin = near < 0 ? 0 : near < length ? near : length, end = far < length ? far : length;
  xsimd::batch<T, Arch> const factor(gate);
  auto const add = [&factor](auto const& score, auto const& b) { return xsimd::fma(factor, b, score); };
  auto const add_one = [&factor](auto const& value) {
    return [&factor, &value](auto const& score) { return xsimd::fma(factor, value, score); };
  };
  xsimd::batch<T, Arch> const before(bias.at[1 - bias.reach]), behind(bias.at[bias.reach - 1]);
  map<Arch>(begin, scores, add_one(before), scores);
  if (begin < end) map<Arch>(end - begin, scores + begin, add, scores + begin, bias.at + (begin - l));
  map<Arch>(length - end, scores + end, add_one(behind), scores + end);
}

/// Packs the keys, and computes what positions add to their scores.
/// @param keys  as attention_room has them
/// @param band  the same
/// @param sums  a row of `stride` elements for each query, or one where keys have no positions
/// @return the keys as the right side of a product
template <class T, class Arch>
packed_operand<T> pack_keys(attention_head<T> const& head, row_block<T>& from, T* keys, T* band, T* sums,
                            index_t stride) noexcept {
  pack<T, Arch>(
      head.depth, head.length, [&head](index_t k, index_t r) { return head.key.data[r * head.key.stride + k]; }, keys);
  if (head.key_positions) {
    key_positions<T, Arch>(head, from, band, sums, stride);
  } else {
    for (index_t r = 0; r < stride; ++r) sums[r] = T(0);
  }
  return {keys, nullptr, head.depth, head.length};
}

/// scores[i][r] of queries [first, first + count), a tile's at most, with all keys: all that is scaled and weighed.
/// @param sums    of pack_keys
/// @param stride  of sums and scores
template <class T, class Arch>
void tile_scores(attention_head<T> const& head, packed_operand<T> const& by_key, row_block<T>& from, index_t first,
                 index_t count, T const* sums, T* band, T* scores, index_t stride) noexcept {
  head.query.gather(from, first, count, 0, head.depth, nullptr);
  T const* const start = head.key_positions ? sums + first * stride : sums;
  panel_sums<T, Arch>(by_key, from, count, 0, head.length, start, head.key_positions ? stride : 0, scores, stride);
  if (head.query_positions) {
    T const* const origin = band + position_products<T, Arch>(head, head.descending, from, first, count, band);
    index_t const band_stride = attention_room<T, Arch>::band_width(head.length);
    for (index_t r = 0; r < count; ++r) {
      T* const row = scores + r * stride;
      map<Arch>(
          head.length, row, [](auto const& a, auto const& b) { return a + b; }, row, origin + r * (band_stride - 1));
    }
  }
  for (index_t r = 0; r < count && head.gates != nullptr; ++r) {
    add_bias<T, Arch>(head.bias, first + r, head.gates[first + r], head.length, scores + r * stride);
  }
}

/// What else is done with a query's weights: nothing. Training keeps the two numbers, and may drop some weights.
struct keep_no_weights {
  template <class T>
  void operator()(index_t /*query*/, row_weights<T> const& /*row*/, T* /*weights*/) const noexcept {}
};

/// y[l][j] = sum over r of softmax over r (scale * score[l][r]) * value[r][j].
/// @param room  attention_room::total() elements
/// @param y     row l begins at y + l * stride; `depth` elements are written
/// @param keep  keep(l, row_weights, exponentials) for each query; may change the exponentials
template <class T, class Arch, class Keep = keep_no_weights>
void attend(attention_head<T> const& head, row_block<T>& from, T* room, T* y, index_t stride,
            Keep const& keep = {}) noexcept {
  using tile = gemm_tile<T, Arch>;
  attention_room<T, Arch> const sizes(head.length, head.depth, head.key_positions, false);
  index_t const wide = attention_room<T, Arch>::whole(head.length), deep = attention_room<T, Arch>::whole(head.depth);
  T* const keys = room;
  T* const values = keys + sizes.keys;
  T* const sums = values + sizes.values;
  T* const scores = sums + sizes.sums;
  T* const band = scores + sizes.scores;
  T* const result = band + sizes.band;
  packed_operand<T> const by_key = pack_keys<T, Arch>(head, from, keys, band, sums, wide);
  pack<T, Arch>(
      head.length, head.depth, [&head](index_t r, index_t j) { return head.value.data[r * head.value.stride + j]; },
      values);
  packed_operand<T> const by_value{values, nullptr, head.length, head.depth};
  for (index_t first = 0; first < head.frames; first += tile::rows) {
    index_t const count = head.frames - first < tile::rows ? head.frames - first : tile::rows;
    tile_scores<T, Arch>(head, by_key, from, first, count, sums, band, scores, wide);
    T weight[static_cast<std::size_t>(tile::rows)];
    for (index_t r = 0; r < count; ++r) {
      row_weights<T> const row = exponentials<Arch>(scores + r * wide, head.length, head.scale);
      weight[r] = T(1) / row.sum;
      keep(first + r, row, scores + r * wide);
    }
    plain_rows<T>{scores, wide}.gather(from, 0, count, 0, head.length, nullptr);
    for (index_t r = 0; r < count * deep; ++r) result[r] = T(0);
    panel_sums<T, Arch>(by_value, from, count, 0, head.depth, result, deep, result, deep);
    for (index_t r = 0; r < count; ++r) {
      xsimd::batch<T, Arch> const factor(weight[r]);
      map<Arch>(
          head.depth, y + (first + r) * stride, [&factor](auto const& v) { return v * factor; }, result + r * deep);
    }
  }
}

}}}}  // namespace tshift::nn::kernel
