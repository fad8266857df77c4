// SPDX-License-Identifier: MIT
// Products with a matrix a [rows, columns] that is computed on the way, such as the weights of attention:
//
//   add_product   to[i] += sum over j of a[i][j] b[j]        add_outer   to[j] += sum over i of a[i][j] x[i]
//
// and the same where a leans: a[i][j] belongs to row origin + j - i of a table of distances, its diagonals below each
// other,
//
//   add_product   to[i] += sum over j of a[i][j] b[origin + j - i]
//   add_outer     to[t] += sum over i of a[i][t - origin + i] x[i]
//
// A tile then reads its rows of a from places that move by one from row to row, and the zeros beside them. Each sum is
// one chain in ascending order, to which nothing but such zeros is added, wherever tiles begin.
#pragma once

#include <cstddef>

#include <tshift/kernel/vector.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// The most rows (of add_outer: of those that one column meets) of such a matrix.
inline constexpr index_t leaning_rows = row_capacity;

/// Zeros that stand on both sides of each row.
template <class T, class Arch>
inline constexpr index_t lean_margin = gemm_tile<T, Arch>::rows;

/// Elements from row to row: margins and columns, in an odd number of cache lines. Otherwise a column of tiles would be
/// read from a few sets of the cache.
template <class T, class Arch>
constexpr index_t lean_stride(index_t columns) noexcept {
  constexpr auto line = tshift::kernel::line_bytes / static_cast<index_t>(sizeof(T));
  return ((columns + 2 * lean_margin<T, Arch> + line - 1) / line | 1) * line;
}

/// The matrix. `lean` is 1, or 0 where a[i][j] belongs to row j, whatever i.
template <class T>
struct leaning {
  T const* data;  // a[0][0]
  index_t stride, rows, columns;
  index_t lean = 0, origin = 0;

  /// The same, its diagonals rows of a table.
  leaning at(index_t first) const noexcept { return {data, stride, rows, columns, 1, first}; }
};

/// to[i] += a[i] b.
/// @param b  its bias is not read
template <class T, class Arch>
void add_product(leaning<T> const& a, packed_operand<T> const& b, row_block<T>& table,
                 add_to_matrix<T> const& to) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(b.n);
  T const none[static_cast<std::size_t>(tile::columns)] = {};
  T sums[static_cast<std::size_t>(tile::rows * tile::columns)];
  for (index_t row = 0; row < a.rows; row += tile::rows) {
    index_t const tall = a.rows - row < tile::rows ? a.rows - row : tile::rows;
    index_t const more = a.lean * (tall - 1), first = a.lean * (a.origin - row) - more;
    table.pieces = 0;
    auto& piece = table.add(0, a.columns + more);
    for (index_t r = 0; r < tall; ++r) piece.row[r] = a.data + (row + r) * a.stride - more + a.lean * r;
    for (index_t column = 0; column < padded; column += tile::columns) {
      index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
      index_t const wanted = b.n - column, columns = wanted < width ? wanted : width;
      T const* const panel = panel_at<T, Arch>(b, column, first);
      to.ask(row, column, tall, columns);
      tile_sums<T, Arch>(tall, width / tile::lanes, lines_ahead(panel), panel, table, 0, none, 0, sums, tile::columns);
      for (index_t r = 0; r < tall; ++r) to(row + r, column, columns, sums + r * tile::columns);
    }
  }
}

/// to += a' x.
/// @param x  as the right side of a product: k rows, one for each of a; its bias is not read
template <class T, class Arch>
void add_outer(leaning<T> const& a, packed_operand<T> const& x, add_to_matrix<T> const& to) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(x.n), end = a.columns + a.lean * a.origin;
  T sums[static_cast<std::size_t>(tile::rows * tile::columns)];
  for (index_t t = a.lean * (a.origin - (a.rows - 1)); t < end; t += tile::rows) {
    index_t const tall = end - t < tile::rows ? end - t : tile::rows;
    // Rows that have one of these columns inside.
    index_t const from = a.lean * (a.origin - t - (tall - 1)), until = a.lean == 0 ? a.rows : end - t;
    index_t const first = from < 0 ? 0 : from, last = until < a.rows ? until : a.rows;
    index_t const step = a.stride + a.lean;
    T const* const factors = a.data + (t - a.lean * a.origin + first * step);
    for (index_t column = 0; column < padded; column += tile::columns) {
      index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
      index_t const wanted = x.n - column, columns = wanted < width ? wanted : width;
      T const* const panel = panel_at<T, Arch>(x, column, first);
      to.ask(t, column, tall, columns);
      outer_sums<T, Arch>(tall, width / tile::lanes, lines_ahead(panel), last - first, factors, step, panel, sums);
      for (index_t r = 0; r < tall; ++r) to(t + r, column, columns, sums + r * tile::columns);
    }
  }
}

}}}}  // namespace tshift::train::kernel
