// SPDX-License-Identifier: MIT
// C = A B + bias, with B packed once and the rows of A read where they lie: as they are, through a shift, or as windows
// that overlap.
//
// The loops, outermost first: blocks of rows, whose pointers are looked up once; blocks of K, so that a panel of B
// stays in the L2 cache while all rows of the block pass; panels of B; tiles of C, which live in registers.
#pragma once

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/bf16.hpp>
#include <tshift/nn/kernel/tile.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// What happens to a tile once its sums are complete, while it lies in the L1 cache: nothing. Others: gelu, a skip.
struct keep_sums {
  void begin(index_t /*first*/, index_t /*rows*/) noexcept {}
  template <class T>
  void operator()(T* /*c*/, index_t /*stride*/, index_t /*row*/, index_t /*rows*/, index_t /*column*/,
                  index_t /*columns*/) const noexcept {}
};

/// Panels of B as they lie. bf16.hpp has others.
template <class T, class Arch>
class whole_panels {
 public:
  static constexpr index_t deepest = gemm_depth;  ///< of a block of K, at most

  explicit whole_panels(packed_operand<T> const& b) noexcept : b_(b) {}

  /// Some rows of A, and the depth of B that they are multiplied with.
  void begin(row_block<T> const& from, index_t /*rows*/, index_t done, index_t /*depth*/) noexcept {
    from_ = &from;
    done_ = done;
  }
  /// The panel that is multiplied next.
  void panel(index_t column, index_t /*width*/) noexcept { panel_ = panel_at<T, Arch>(b_, column, done_); }
  /// Where the panel at `column` of depth `done` on begins, for prefetches.
  T const* address(index_t column, index_t done) const noexcept { return panel_at<T, Arch>(b_, column, done); }
  /// Bytes of a panel, and the steps in which a tile reads them.
  static constexpr index_t bytes(index_t depth, index_t width) noexcept { return depth * width * index_t{sizeof(T)}; }
  static constexpr index_t steps(index_t depth) noexcept { return depth; }

  /// A tile of C: its rows from `row` of A on.
  void sums(index_t rows, index_t vectors, lines_ahead ahead, index_t row, T const* start, index_t start_stride, T* c,
            index_t stride) const noexcept {
    tile_sums<T, Arch>(rows, vectors, ahead, panel_, *from_, row, start, start_stride, c, stride);
  }

 private:
  packed_operand<T> const& b_;
  row_block<T> const* from_ = nullptr;
  T const* panel_ = nullptr;
  index_t done_ = 0;
};

/// One block of rows times one block of K: depth [done, done + depth) of b.
template <class T, class Arch, class Panels, class Finish>
void multiply_block(Panels& panels, row_block<T> const& from, index_t rows, packed_operand<T> const& b, index_t done,
                    index_t depth, row_sink<T> c, bool last, Finish& finish) noexcept {
  using tile = gemm_tile<T, Arch>;
  index_t const padded = padded_columns<T, Arch>(b.n);
  T edge[static_cast<std::size_t>(tile::rows * tile::columns)];  // a tile that reaches past column n
  panels.begin(from, rows, done, depth);
  for (index_t column = 0; column < b.n; column += tile::columns) {
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    index_t const columns = b.n - column < width ? b.n - column : width;
    bool const more = column + width < padded, deeper = done + depth < b.k;
    auto const* const next = panels.address(more ? column + width : 0, more ? done : deeper ? done + depth : 0);
    panels.panel(column, width);
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
      index_t const asked = row / tile::rows * panels.steps(depth) * tshift::kernel::line_bytes;
      bool const needed = asked < panels.bytes(depth, width);
      ask_for_tile(sums, step, tall, columns);
      lines_ahead const ahead = needed ? lines_ahead(next, asked, tshift::kernel::line_bytes) : lines_ahead(next);
      panels.sums(tall, width / tile::lanes, ahead, row, start, done == 0 ? 0 : step, sums, step);
      if (!inside) {
        for (index_t r = 0; r < tall; ++r) {
          for (index_t j = 0; j < columns; ++j) target[r * c.stride + j] = edge[r * step + j];
        }
      }
      if (last) finish(target, c.stride, row, tall, column, columns);
    }
  }
}

/// gemm for one kind of panels.
template <class T, class Arch, class Panels, class Finish>
void multiply_rows(row_source<T> a, index_t first, index_t rows, packed_operand<T> const& b, row_sink<T> c,
                   index_t from, index_t until, Finish& finish) noexcept {
  row_block<T> table;
  Panels panels(b);
  for (row_part const part : row_parts(rows)) {
    if (until == b.k) finish.begin(first + part.begin, part.count);
    index_t done = from;
    do {  // also for k = 0: the bias is written
      index_t const most = until - done < Panels::deepest ? until - done : Panels::deepest;
      index_t const depth = a.gather(table, first + part.begin, part.count, done - from, most, zeros<T>);
      multiply_block<T, Arch>(panels, table, part.count, b, done, depth, c.from(part.begin), done + depth == b.k,
                              finish);
      done += depth;
    } while (done < until);
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
  if constexpr (std::is_same_v<T, float>) {
    if (b.pairs != nullptr) {
      return multiply_rows<T, Arch, bf16_panels<Arch>>(a, first, rows, b, c, from, until, finish);
    }
  }
  multiply_rows<T, Arch, whole_panels<T, Arch>>(a, first, rows, b, c, from, until, finish);
}

/// The same for all of K at once.
template <class T, class Arch, class Finish = keep_sums>
void gemm(row_source<T> a, index_t first, index_t rows, packed_operand<T> const& b, row_sink<T> c,
          Finish&& finish = {}) noexcept {
  gemm<T, Arch>(a, first, rows, b, c, 0, b.k, finish);
}

}}}}  // namespace tshift::nn::kernel
