// SPDX-License-Identifier: MIT
// C = A B + bias, with B packed once and the rows of A read where they lie, through a shift or not.
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
#include <tshift/nn/kernel/rows.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// A tile of C in registers: rows x vectors sums, beside one row of B and one broadcast element of A. Of 32 registers
/// 28 are used, of 16 all; the sums are enough to hide the latency of a multiply-add.
template <class T, class Arch>
struct gemm_tile {
  using batch = xsimd::batch<T, Arch>;
  static constexpr index_t lanes = static_cast<index_t>(batch::size);
#if defined(__AVX512F__) || defined(__aarch64__)
  static constexpr index_t rows = 8;
#else
  static constexpr index_t rows = 4;
#endif
  static constexpr index_t vectors = 3;
  static constexpr index_t columns = vectors * lanes;
};

/// Depth of a block of K: a panel of it takes 144 KiB with AVX-512.
inline constexpr index_t gemm_depth = 768;

/// What a row points to that the shift has vacated.
template <class T>
inline constexpr T zeros[gemm_depth] = {};

/// B [k, n] in panels of gemm_tile::columns columns, the last as wide as it needs, in whole vectors.
/// A panel is k rows, each as wide as the panel. Columns behind n are zeros.
template <class T, class Arch>
constexpr index_t padded_columns(index_t n) noexcept {
  constexpr index_t lanes = gemm_tile<T, Arch>::lanes;
  return (n + lanes - 1) / lanes * lanes;
}

/// Packs element (i, j) of B, which b(i, j) gives. packed: k * padded_columns(n) elements.
template <class T, class Arch, class Element>
void pack(index_t k, index_t n, Element const& b, T* packed) {
  constexpr index_t widest = gemm_tile<T, Arch>::columns;
  index_t const padded = padded_columns<T, Arch>(n);
  for (index_t first = 0; first < padded; first += widest) {
    index_t const width = padded - first < widest ? padded - first : widest;
    index_t const count = n - first < width ? n - first : width;
    for (index_t i = 0; i < k; ++i) {
      for (index_t j = 0; j < count; ++j) packed[j] = b(i, first + j);
      for (index_t j = count; j < width; ++j) packed[j] = T(0);
      packed += width;
    }
  }
}

/// B and the bias as a GEMM reads them.
template <class T>
struct packed_operand {
  T const* data;
  T const* bias;  // padded_columns(n) elements
  index_t k, n;
};

/// Row `depth` of the panel that begins at `column`.
template <class T, class Arch>
T const* panel_at(packed_operand<T> const& b, index_t column, index_t depth) noexcept {
  index_t const rest = padded_columns<T, Arch>(b.n) - column, widest = gemm_tile<T, Arch>::columns;
  return b.data + column * b.k + depth * (rest < widest ? rest : widest);
}

/// Memory that is asked for while a tile is computed, one line per k: what a panel of B takes to come from DRAM is then
/// hidden behind the panel before it.
struct lines_ahead {
  std::byte const* base;
  index_t first = 0;  // bytes behind base
  index_t step = 0;   // line_bytes, or 0: nothing is needed, and one line is asked for again and again

  template <class T>
  explicit lines_ahead(T const* p, index_t offset = 0, index_t each = 0) noexcept
      : base(reinterpret_cast<std::byte const*>(p)), first(offset), step(each) {}
};

/// c[r][v] = start[r][v] + sum over the pieces of a[r][k] b[k][v].
template <class T, class Arch, index_t Rows, index_t Vectors>
void tile_sums(lines_ahead ahead, T const* b, row_block<T> const& a, index_t first_row, T const* start,
               index_t start_stride, T* c, index_t stride) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr auto lanes = static_cast<index_t>(batch::size);
  batch sum[Rows][Vectors];
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v] = batch::load_unaligned(start + r * start_stride + v * lanes);
  }
  index_t distance = ahead.first;
  for (index_t p = 0; p < a.pieces; ++p) {
    auto const& piece = a.items[p];
    T const* row[Rows];
#pragma GCC unroll 8
    for (index_t r = 0; r < Rows; ++r) row[r] = piece.row[first_row + r];
    for (index_t k = 0; k < piece.count; ++k) {
      batch columns[Vectors];
#pragma GCC unroll 8
      for (index_t v = 0; v < Vectors; ++v) columns[v] = batch::load_unaligned(b + v * lanes);
      b += Vectors * lanes;
      tshift::kernel::prefetch(ahead.base, distance);
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

/// C[i, j] = bias[j] + sum over k of a[first + i, k] b[k, j], i in [0, rows); then finish.
/// @param c       row i begins at c + i * stride; n elements of it are written
/// @param finish  finish.begin(first, count) before a block of at most row_capacity rows of a; then
///                finish(tile, stride, row, rows, column, columns) for each tile, row counted from that first
template <class T, class Arch, class Finish>
void gemm(shifted_view<T> const& a, index_t first, index_t rows, packed_operand<T> const& b, T* c, index_t stride,
          Finish&& finish) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(b.n);
  row_block<T> from;
  T edge[tile::rows * tile::columns];  // a tile that reaches behind column n
  for (row_part const part : row_parts(rows)) {
    index_t const begin = part.begin, count = part.count;
    finish.begin(first + begin, count);
    index_t depth_done = 0;
    do {  // also for k = 0: the bias is written
      index_t const depth = b.k - depth_done < gemm_depth ? b.k - depth_done : gemm_depth;
      from.gather(a, first + begin, count, depth_done, depth, zeros<T>);
      bool const last = depth_done + depth == b.k;
      for (index_t column = 0; column < b.n; column += tile::columns) {
        index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
        index_t const columns = b.n - column < width ? b.n - column : width;
        T const* const panel = panel_at<T, Arch>(b, column, depth_done);
        T const* const next = column + width < padded    ? panel_at<T, Arch>(b, column + width, depth_done)
                              : depth_done + depth < b.k ? panel_at<T, Arch>(b, 0, depth_done + depth)
                                                         : b.data;
        for (index_t row = 0; row < count; row += tile::rows) {
          index_t const tall = count - row < tile::rows ? count - row : tile::rows;
          T* const target = c + (begin + row) * stride + column;
          bool const inside = columns == width;
          T* const sums = inside ? target : edge;
          index_t const step = inside ? stride : tile::columns;
          if (!inside && depth_done > 0) {
            for (index_t r = 0; r < tall; ++r) {
              for (index_t j = 0; j < columns; ++j) edge[r * step + j] = target[r * stride + j];
              for (index_t j = columns; j < width; ++j) edge[r * step + j] = T(0);
            }
          }
          T const* const start = depth_done == 0 ? b.bias + column : sums;
          index_t const asked = row / tile::rows * depth * tshift::kernel::line_bytes;
          bool const needed = asked < depth * width * static_cast<index_t>(sizeof(T));
          lines_ahead const ahead = needed ? lines_ahead(next, asked, tshift::kernel::line_bytes) : lines_ahead(panel);
          tile_sums<T, Arch>(tall, width / tile::lanes, ahead, panel, from, row, start, depth_done == 0 ? 0 : step,
                             sums, step);
          if (!inside) {
            for (index_t r = 0; r < tall; ++r) {
              for (index_t j = 0; j < columns; ++j) target[r * stride + j] = edge[r * step + j];
            }
          }
          if (last) finish(target, stride, row, tall, column, columns);
        }
      }
      depth_done += depth;
    } while (depth_done < b.k);
  }
}

}}}}  // namespace tshift::nn::kernel
