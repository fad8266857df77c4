// SPDX-License-Identifier: MIT
// C = A B + bias, with B packed once and the rows of A read where they lie: as they are, through a shift, or as windows
// that overlap.
//
// The loops, outermost first: blocks of rows, whose pointers are looked up once; blocks of K, so that a panel of B
// stays in the L2 cache while all rows of the block pass; panels of B; tiles of C, which live in registers.
//
// Every element of C is one chain of multiply-adds in ascending k, whatever tile it falls into, so that the bits of a
// row do not depend on the rows beside it.
#pragma once

#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <tshift/kernel/vector.hpp>
#include <tshift/nn/kernel/packed.hpp>
#include <tshift/nn/kernel/rows.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Memory that is asked for while a tile is computed, one line per k: what a panel of B takes to come from DRAM is then
/// hidden in the time of the panel before it.
struct lines_ahead {
  std::byte const* base;
  index_t first = 0;  // bytes past base
  index_t step = 0;   // line_bytes, or 0: nothing is needed, and one line is asked for again and again

  template <class T>
  explicit lines_ahead(T const* p, index_t offset = 0, index_t each = 0) noexcept
      : base(reinterpret_cast<std::byte const*>(p)), first(offset), step(each) {}
};

/// Asks for the lines of a tile of c before its sums are computed: a line that is missing when they are stored is waited
/// for, and holds up the tile behind. Rows may begin anywhere in a line, and end in one more.
template <class T>
void ask_for_tile(T const* c, index_t stride, index_t rows, index_t columns) noexcept {
  constexpr index_t line = tshift::kernel::line_bytes / static_cast<index_t>(sizeof(T));
  for (index_t r = 0; r < rows; ++r) {
    for (index_t j = 0; j < columns; j += line) __builtin_prefetch(c + r * stride + j, 1);
    __builtin_prefetch(c + r * stride + columns - 1, 1);
  }
}

/// c[r][v] = start[r][v] + sum over the pieces of a[r][k] b[k][v].
template <class T, class Arch, index_t Rows, index_t Vectors>
void tile_sums(lines_ahead ahead, T const* b, row_block<T> const& a, index_t first_row, T const* start,
               index_t start_stride, T* c, index_t stride) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr auto lanes = static_cast<index_t>(batch::size);
  batch sum[static_cast<std::size_t>(Rows)][static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v] = batch::load_unaligned(start + r * start_stride + v * lanes);
  }
  index_t distance = ahead.first;
  for (index_t p = 0; p < a.pieces; ++p) {
    auto const& piece = a.items[p];
    T const* row[static_cast<std::size_t>(Rows)];
#pragma GCC unroll 8
    for (index_t r = 0; r < Rows; ++r) row[r] = piece.row[first_row + r];
    for (index_t k = 0; k < piece.count; ++k) {
      batch columns[static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
      for (index_t v = 0; v < Vectors; ++v) columns[v] = batch::load_unaligned(b + v * lanes);
      b += Vectors * lanes;
      // A tile of one vector waits for its loads alone: there even a prefetch that finds its line counts.
      if (Vectors > 1 || ahead.step != 0) tshift::kernel::prefetch(ahead.base, distance);
      distance += ahead.step;
#pragma GCC unroll 8
      for (index_t r = 0; r < Rows; ++r) {
        batch const factor(row[r][k]);
#pragma GCC unroll 8
        for (index_t v = 0; v < Vectors; ++v) sum[r][v] = xsimd::fma(factor, columns[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v].store_unaligned(c + r * stride + v * lanes);
  }
}

/// The same for sizes known at run time: rows in [1, Rows], vectors in [1, Vectors].
template <class T, class Arch, index_t Rows = gemm_tile<T, Arch>::rows, index_t Vectors = gemm_tile<T, Arch>::vectors>
void tile_sums(index_t rows, index_t vectors, lines_ahead ahead, T const* b, row_block<T> const& a, index_t first_row,
               T const* start, index_t start_stride, T* c, index_t stride) noexcept {
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) {
      return tile_sums<T, Arch, Rows, Vectors - 1>(rows, vectors, ahead, b, a, first_row, start, start_stride, c,
                                                   stride);
    }
  }
  if constexpr (Rows > 1) {
    if (rows < Rows) {
      return tile_sums<T, Arch, Rows - 1, Vectors>(rows, vectors, ahead, b, a, first_row, start, start_stride, c,
                                                   stride);
    }
  }
  tile_sums<T, Arch, Rows, Vectors>(ahead, b, a, first_row, start, start_stride, c, stride);
}

/// What happens to a tile once its sums are complete, while it lies in the L1 cache: nothing. Others: gelu, a skip.
struct keep_sums {
  void begin(index_t /*first*/, index_t /*rows*/) noexcept {}
  template <class T>
  void operator()(T* /*c*/, index_t /*stride*/, index_t /*row*/, index_t /*rows*/, index_t /*column*/,
                  index_t /*columns*/) const noexcept {}
};

/// One block of rows times one block of K: depth [done, done + depth) of b.
template <class T, class Arch, class Finish>
void multiply_block(row_block<T> const& from, index_t rows, packed_operand<T> const& b, index_t done, index_t depth,
                    row_sink<T> c, bool last, Finish& finish) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(b.n);
  T edge[static_cast<std::size_t>(tile::rows * tile::columns)];  // a tile that reaches past column n
  for (index_t column = 0; column < b.n; column += tile::columns) {
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    index_t const columns = b.n - column < width ? b.n - column : width;
    T const* const panel = panel_at<T, Arch>(b, column, done);
    T const* const next = column + width < padded ? panel_at<T, Arch>(b, column + width, done)
                          : done + depth < b.k    ? panel_at<T, Arch>(b, 0, done + depth)
                                                  : b.data;
    for (index_t row = 0; row < rows; row += tile::rows) {
      index_t const tall = rows - row < tile::rows ? rows - row : tile::rows;
      T* const target = c.data + row * c.stride + column;
      bool const inside = columns == width;
      T* const sums = inside ? target : edge;
      index_t const step = inside ? c.stride : tile::columns;
      if (!inside && done > 0) {
        for (index_t r = 0; r < tall; ++r) {
          for (index_t j = 0; j < columns; ++j) edge[r * step + j] = target[r * c.stride + j];
          for (index_t j = columns; j < width; ++j) edge[r * step + j] = T(0);
        }
      }
      T const* const start = done == 0 ? b.bias + column : sums;
      index_t const asked = row / tile::rows * depth * tshift::kernel::line_bytes;
      bool const needed = asked < depth * width * static_cast<index_t>(sizeof(T));
      ask_for_tile(sums, step, tall, columns);
      lines_ahead const ahead = needed ? lines_ahead(next, asked, tshift::kernel::line_bytes) : lines_ahead(panel);
      tile_sums<T, Arch>(tall, width / tile::lanes, ahead, panel, from, row, start, done == 0 ? 0 : step, sums, step);
      if (!inside) {
        for (index_t r = 0; r < tall; ++r) {
          for (index_t j = 0; j < columns; ++j) target[r * c.stride + j] = edge[r * step + j];
        }
      }
      if (last) finish(target, c.stride, row, tall, column, columns);
    }
  }
}

/// C[i, j] = bias[j] + sum over k of a[first + i, k] b[k, j], i in [0, rows); then finish.
///
/// The sum may be taken in slices of K, one call each, in ascending order: a call with from > 0 adds to what c holds,
/// and finish runs in the call that reaches the last k.
/// @param a       channel k - from of a row is what row k of b is multiplied with
/// @param c       n elements of each row are written
/// @param finish  finish.begin(first, count) before a block of at most row_capacity rows of a; then
///                finish(tile, stride, row, rows, column, columns) for each tile, row counted from that first
template <class T, class Arch, class Finish>
void gemm(row_source<T> a, index_t first, index_t rows, packed_operand<T> const& b, row_sink<T> c, index_t from,
          index_t until, Finish&& finish) noexcept {
  row_block<T> table;
  for (row_part const part : row_parts(rows)) {
    if (until == b.k) finish.begin(first + part.begin, part.count);
    index_t done = from;
    do {  // also for k = 0: the bias is written
      index_t const most = until - done < gemm_depth ? until - done : gemm_depth;
      index_t const depth = a.gather(table, first + part.begin, part.count, done - from, most, zeros<T>);
      multiply_block<T, Arch>(table, part.count, b, done, depth, c.from(part.begin), done + depth == b.k, finish);
      done += depth;
    } while (done < until);
  }
}

/// The same for all of K at once.
template <class T, class Arch, class Finish = keep_sums>
void gemm(row_source<T> a, index_t first, index_t rows, packed_operand<T> const& b, row_sink<T> c,
          Finish&& finish = {}) noexcept {
  gemm<T, Arch>(a, first, rows, b, c, 0, b.k, finish);
}

}}}}  // namespace tshift::nn::kernel
