// SPDX-License-Identifier: MIT
// Windows over an image of few channels, made a tile of y at a time. The taps of a window that lie in one row of the
// image are one run of memory, and windows beside each other begin a fixed step apart: a tile needs one pointer and the
// step, where a table of rows would cost more than the few products of a row.
//
// Taps outside the image are left out. Every element is one chain of multiply-adds in ascending k, as in a GEMM.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// What windows read that have the same taps inside the image.
template <class T>
struct strip {
  T const* x = nullptr;  // the first tap inside of the first window; window i begins i * step later
  index_t step = 0;
  index_t lines = 0, line = 0;  // rows of the image that each window reads, and how far they lie apart
  index_t run = 0;              // elements that it reads of each
  index_t depth = 0, rest = 0;  // row of B for the first of them; rows of B between two runs
};

/// y[r] = bias + sum over the strip of x[r] b, for Rows windows and Vectors vectors of outputs.
/// @param b        the panel's row for the first element of the strip
/// @param columns  outputs that are written: the last vector may be a part of one
template <class T, class Arch, index_t Rows, index_t Vectors>
void strip_sums(strip<T> const& from, T const* x, T const* b, T const* bias, T* y, index_t stride,
                index_t columns) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr auto lanes = static_cast<index_t>(batch::size);
  batch sum[static_cast<std::size_t>(Rows)][static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 16
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v] = batch::load_unaligned(bias + v * lanes);
  }
  index_t const step = from.step;
  for (index_t i = 0; i < from.lines; ++i) {
    // A pointer for three windows: those of sixteen would not fit the registers, and then each product waits for a load.
    T const* three[static_cast<std::size_t>((Rows + 2) / 3)];
#pragma GCC unroll 8
    for (index_t r = 0; r < Rows; r += 3) three[r / 3] = x + r * step;
    for (index_t k = 0; k < from.run; ++k) {
      batch column[static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
      for (index_t v = 0; v < Vectors; ++v) column[v] = batch::load_unaligned(b + v * lanes);
      b += Vectors * lanes;
#pragma GCC unroll 16
      for (index_t r = 0; r < Rows; ++r) {
        batch const factor(three[r / 3][r % 3 * step]);
#pragma GCC unroll 8
        for (index_t v = 0; v < Vectors; ++v) sum[r][v] = xsimd::fma(factor, column[v], sum[r][v]);
      }
#pragma GCC unroll 8
      for (index_t r = 0; r < Rows; r += 3) ++three[r / 3];
    }
    b += from.rest * Vectors * lanes;
    x += from.line;
  }
  index_t const whole = columns / lanes, part = columns % lanes;
#pragma GCC unroll 16
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) {
      if (v < whole) {
        sum[r][v].store_unaligned(y + r * stride + v * lanes);
      } else if (part > 0) {
        store_part<Arch>(sum[r][v], y + r * stride + v * lanes, part);
      }
    }
  }
}

/// Windows of a tile. One vector of outputs leaves registers for twice as many, which then share its loads.
template <class T, class Arch>
constexpr index_t strip_rows(index_t vectors) noexcept {
  return gemm_tile<T, Arch>::rows * (vectors == 1 ? 2 : 1);
}

/// Windows [first, count) of a strip, for one panel of B: in tiles of Rows, the rest in smaller ones.
template <class T, class Arch, index_t Rows, index_t Vectors, class Finish>
void strip_panel(strip<T> const& from, index_t first, index_t count, T const* b, T const* bias, row_sink<T> y,
                 index_t column, index_t columns, Finish& finish) noexcept {
  while (count - first >= Rows) {
    T* const to = y.from(first).data + column;
    if constexpr (Vectors > 1) ask_for_tile(to, y.stride, Rows, columns);
    strip_sums<T, Arch, Rows, Vectors>(from, from.x + first * from.step, b, bias, to, y.stride, columns);
    finish(to, y.stride, first, Rows, column, columns);
    first += Rows;
    // Few sums wait for each other: some windows once more cost less than a smaller tile.
    if (Vectors == 1 && first < count && count - first < Rows) first = count - Rows;
  }
  if constexpr (Rows > 1) {
    if (first < count) {
      strip_panel<T, Arch, Rows / 2, Vectors>(from, first, count, b, bias, y, column, columns, finish);
    }
  }
}

/// The same for as many vectors as the panel has.
template <class T, class Arch, index_t Vectors = gemm_tile<T, Arch>::vectors, class Finish>
void strip_panel(index_t vectors, strip<T> const& from, index_t count, T const* b, T const* bias, row_sink<T> y,
                 index_t column, index_t columns, Finish& finish) noexcept {
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) {
      return strip_panel<T, Arch, Vectors - 1>(vectors, from, count, b, bias, y, column, columns, finish);
    }
  }
  strip_panel<T, Arch, strip_rows<T, Arch>(Vectors), Vectors>(from, 0, count, b, bias, y, column, columns, finish);
}

/// Windows [0, count) of a strip times all of b, to rows of y.
/// @param finish  as gemm's, but it may find the sums of a row a second time
template <class T, class Arch, class Finish>
void multiply_strip(strip<T> const& from, index_t count, packed_operand<T> const& b, row_sink<T> y,
                    Finish& finish) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(b.n);
  for (index_t column = 0; column < b.n; column += tile::columns) {
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    index_t const columns = b.n - column < width ? b.n - column : width;
    T const* const panel = panel_at<T, Arch>(b, column, from.depth);
    strip_panel<T, Arch>(width / tile::lanes, from, count, panel, b.bias + column, y, column, columns, finish);
  }
}

}}}}  // namespace tshift::nn::kernel
