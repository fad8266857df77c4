// SPDX-License-Identifier: MIT
// A tile of C in registers: the one loop in which products are made.
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

}}}}  // namespace tshift::nn::kernel
