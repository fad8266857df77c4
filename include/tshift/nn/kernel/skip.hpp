// SPDX-License-Identifier: MIT
// The skip connection of a block, added to each tile of its last GEMM while the tile lies in the L1 cache. The rows are
// read through the shift.
#pragma once

#include <tshift/nn/kernel/rows.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// What a GEMM does to a finished tile: c += skip.
template <class T, class Arch>
class add_skip {
 public:
  /// @param channels  of skip
  /// @param first     row of skip that belongs to row 0 of the GEMM's source
  add_skip(row_source<T> skip, index_t channels, index_t first) noexcept
      : skip_(skip), channels_(channels), first_(first) {}

  void begin(index_t row, index_t rows) noexcept {
    [[maybe_unused]] index_t const found = skip_.gather(from_, first_ + row, rows, 0, channels_, nullptr);
    TSHIFT_ASSERT(found == channels_);
  }

  void operator()(T* c, index_t stride, index_t row, index_t rows, index_t column, index_t columns) const noexcept {
    for (index_t p = 0; p < from_.pieces; ++p) {
      auto const& piece = from_.items[p];
      index_t const begin = piece.begin > column ? piece.begin : column;
      index_t const until = piece.begin + piece.count < column + columns ? piece.begin + piece.count : column + columns;
      if (begin >= until) continue;
      for (index_t r = 0; r < rows; ++r) {
        T* const to = c + r * stride + (begin - column);
        T const* const from = piece.row[row + r];
        if (from == nullptr) continue;  // zeros
        map<Arch>(
            until - begin, to, [](auto const& a, auto const& b) { return a + b; }, to, from + (begin - piece.begin));
      }
    }
  }

 private:
  row_source<T> skip_;
  index_t channels_, first_;
  row_block<T> from_;
};

/// y += skip for rows [first, first + count) of skip.
template <class T, class Arch>
void add_rows(row_source<T> skip, index_t channels, index_t first, index_t count, row_sink<T> y) noexcept {
  add_skip<T, Arch> sum(skip, channels, first);
  for (row_part const part : row_parts(count)) {
    sum.begin(part.begin, part.count);
    sum(y.from(part.begin).data, y.stride, 0, part.count, 0, channels);
  }
}

}}}}  // namespace tshift::nn::kernel
