// SPDX-License-Identifier: MIT
// Products with weights of bf16 on processors that do not multiply them: widened in the registers, they are multiplied as
// any float. Of many rows, those of the first tile leave the widened panel for the others.
#pragma once

#include <cstddef>
#include <cstdint>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/tile.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// tile_sums over a panel of pairs, which are widened in the registers.
/// @param b      the panel from the pair of row `first` on
/// @param first  row of B, which may be the second of its pair
/// @param wide   where Keep: receives the panel as float, for the tiles that follow
template <class Arch, index_t Rows, index_t Vectors, bool Keep>
void widened_sums(lines_ahead ahead, std::uint32_t const* b, index_t first, row_block<float> const& a,
                  index_t first_row, float const* start, index_t start_stride, float* c, index_t stride,
                  float* wide) noexcept {
  using batch = xsimd::batch<float, Arch>;
  using lanes_of_pairs = xsimd::batch<std::uint32_t, Arch>;
  constexpr index_t lanes = lanes_of<float, Arch>;
  batch sum[static_cast<std::size_t>(Rows)][static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v] = batch::load_unaligned(start + r * start_stride + v * lanes);
  }
  index_t distance = ahead.first, k = first;
  for (index_t p = 0; p < a.pieces; ++p) {
    auto const& piece = a.items[p];
    float const* row[static_cast<std::size_t>(Rows)];
#pragma GCC unroll 8
    for (index_t r = 0; r < Rows; ++r) row[r] = piece.row[first_row + r];
    // Channel i of the piece times its row of B, which is the first of its pair, or the second.
    auto const add_product = [&](index_t i, bool second) {
      std::uint32_t const* const pair = b + ((k + i) / 2 - first / 2) * (Vectors * lanes);
      batch columns[static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
      for (index_t v = 0; v < Vectors; ++v) {
        auto const both = lanes_of_pairs::load_unaligned(pair + v * lanes);
        columns[v] = tshift::kernel::bits_as<float>(second ? both << 16 : both & lanes_of_pairs(0xffff0000u));
        if constexpr (Keep) columns[v].store_unaligned(wide + v * lanes);
      }
      if constexpr (Keep) wide += Vectors * lanes;
      if (Vectors > 1 || ahead.step != 0) tshift::kernel::prefetch(ahead.base, distance);
      distance += ahead.step;
#pragma GCC unroll 8
      for (index_t r = 0; r < Rows; ++r) {
        batch const factor(row[r][i]);
#pragma GCC unroll 8
        for (index_t v = 0; v < Vectors; ++v) sum[r][v] = xsimd::fma(factor, columns[v], sum[r][v]);
      }
    };
    index_t i = 0;
    if (k % 2 != 0 && piece.count > 0) add_product(i++, true);
    for (; i + 2 <= piece.count; i += 2) {
      add_product(i, false);
      add_product(i + 1, true);
    }
    if (i < piece.count) add_product(i, false);
    k += piece.count;
  }
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v].store_unaligned(c + r * stride + v * lanes);
  }
}

/// The same for sizes known at run time: rows in [1, Rows], vectors in [1, Vectors]; with Keep, rows = Rows.
template <class Arch, index_t Rows, index_t Vectors, bool Keep>
void widened_sums(index_t rows, index_t vectors, lines_ahead ahead, std::uint32_t const* b, index_t first,
                  row_block<float> const& a, index_t first_row, float const* start, index_t start_stride, float* c,
                  index_t stride, float* wide) noexcept {
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) {
      return widened_sums<Arch, Rows, Vectors - 1, Keep>(rows, vectors, ahead, b, first, a, first_row, start,
                                                         start_stride, c, stride, wide);
    }
  }
  if constexpr (Rows > 1 && !Keep) {
    if (rows < Rows) {
      return widened_sums<Arch, Rows - 1, Vectors, Keep>(rows, vectors, ahead, b, first, a, first_row, start,
                                                         start_stride, c, stride, wide);
    }
  }
  widened_sums<Arch, Rows, Vectors, Keep>(ahead, b, first, a, first_row, start, start_stride, c, stride, wide);
}

/// Panels of pairs, which the first tile of a block of rows widens for the others. As whole_panels.
template <class Arch>
class widened_panels {
  using tile = gemm_tile<float, Arch>;

 public:
  static constexpr index_t deepest =
      bf16_room / (4 * tile::columns) < gemm_depth ? bf16_room / (4 * tile::columns) : gemm_depth;

  explicit widened_panels(packed_operand<float> const& b) noexcept : b_(b) {
    // On a line, so that no vector lies across two.
    auto const past = static_cast<index_t>(reinterpret_cast<std::uintptr_t>(room_) % tshift::kernel::line_bytes);
    wide_ = room_ + (tshift::kernel::line_bytes - past) % tshift::kernel::line_bytes / index_t{sizeof(float)};
  }

  void begin(row_block<float> const& from, index_t rows, index_t done, index_t /*deep*/) noexcept {
    from_ = &from;
    done_ = done;
    several_ = rows > tile::rows;
  }
  void panel(index_t column, index_t /*width*/) noexcept { panel_ = address(column, done_); }
  std::uint32_t const* address(index_t column, index_t done) const noexcept {
    return panel_at<float, Arch>(b_.pairs, pairs_of(b_.k), b_.n, column, done / 2);
  }
  static constexpr index_t bytes(index_t deep, index_t width) noexcept { return pairs_of(deep) * width * 4; }
  static constexpr index_t steps(index_t deep) noexcept { return deep; }

  void sums(index_t rows, index_t vectors, lines_ahead ahead, index_t row, float const* start, index_t start_stride,
            float* c, index_t stride) noexcept {
    if (row > 0) {
      tile_sums<float, Arch>(rows, vectors, ahead, wide_, *from_, row, start, start_stride, c, stride);
    } else if (several_) {
      widened_sums<Arch, tile::rows, tile::vectors, true>(rows, vectors, ahead, panel_, done_, *from_, row, start,
                                                          start_stride, c, stride, wide_);
    } else {
      widened_sums<Arch, tile::rows, tile::vectors, false>(rows, vectors, ahead, panel_, done_, *from_, row, start,
                                                           start_stride, c, stride, nullptr);
    }
  }

 private:
  packed_operand<float> const& b_;
  row_block<float> const* from_ = nullptr;
  std::uint32_t const* panel_ = nullptr;
  index_t done_ = 0;
  bool several_ = false;  // tiles
  float* wide_;
  float room_[static_cast<std::size_t>(deepest * tile::columns) + tshift::kernel::line_bytes / sizeof(float)];
};

}}}}  // namespace tshift::nn::kernel
