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
  /// @param first  row of skip that belongs to row 0 of the GEMM
  add_skip(shifted_view<T> const& skip, index_t first) noexcept : skip_(skip), first_(first) {}

  void begin(index_t row, index_t rows) noexcept {
    from_.gather(skip_, first_ + row, rows, 0, skip_.shape().channels, nullptr);
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
  shifted_view<T> const& skip_;
  index_t first_;
  row_block<T> from_;
};

}}}}  // namespace tshift::nn::kernel
