// SPDX-License-Identifier: MIT
// Products with weights of bf16 where the processor multiplies pairs of them (AVX512_BF16): a block of rows is rounded to
// pairs once, and multiplied as it is. Products are added up in ascending k, with one rounding each, as a chain of
// multiply-adds of float would, so that these are the bits of the rounded numbers' product in float; but numbers too small
// for a normal float count as 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/tile.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// to[i] = the pair of x[2 i] and x[2 i + 1], in whole vectors: zeros follow upon `count` numbers. Numbers too small for a
/// normal float become 0.
template <class Arch>
void round_pairs(float const* x, index_t count, std::uint32_t* to) noexcept;

/// c[r][v] = start[r][v] + sum over `count` pairs i of a[r][i] b[i][v], the first product of a pair before the second, for
/// rows in [1, Rows] and vectors in [1, Vectors].
template <class Arch, index_t Rows, index_t Vectors>
void pair_sums(index_t rows, index_t vectors, lines_ahead ahead, std::uint32_t const* b, std::uint32_t const* a,
               index_t a_stride, index_t count, float const* start, index_t start_stride, float* c,
               index_t stride) noexcept;

#if defined(__AVX512BF16__)

template <class Arch>
void round_pairs(float const* x, index_t count, std::uint32_t* to) noexcept {
  auto const vector = [](float const* from, std::uint32_t* pairs) {
    __m512i const both =
        reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + 16), _mm512_loadu_ps(from)));
    // The first of two stands in the lower half now, and the processor begins with the upper one.
    _mm512_storeu_si512(pairs, _mm512_maskz_rol_epi32(static_cast<__mmask16>(-1), both, 16));
  };
  index_t i = 0;
  for (; i + 32 <= count; i += 32) vector(x + i, to + i / 2);
  if (i == count) return;
  float last[32] = {};
  for (index_t j = i; j < count; ++j) last[j - i] = x[j];
  vector(last, to + i / 2);
}

template <class Arch, index_t Rows, index_t Vectors>
void pair_sums(lines_ahead ahead, std::uint32_t const* b, std::uint32_t const* a, index_t a_stride, index_t count,
               float const* start, index_t start_stride, float* c, index_t stride) noexcept {
  constexpr index_t lanes = lanes_of<float, Arch>;
  static_assert(lanes == 16);
  __m512 sum[static_cast<std::size_t>(Rows)][static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v] = _mm512_loadu_ps(start + r * start_stride + v * lanes);
  }
  index_t distance = ahead.first;
  for (index_t i = 0; i < count; ++i) {
    __m512i columns[static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) columns[v] = _mm512_loadu_si512(b + v * lanes);
    b += Vectors * lanes;
    if (Vectors > 1 || ahead.step != 0) tshift::kernel::prefetch(ahead.base, distance);
    distance += ahead.step;
#pragma GCC unroll 8
    for (index_t r = 0; r < Rows; ++r) {
      __m512i const factor = _mm512_set1_epi32(static_cast<int>(a[r * a_stride + i]));
#pragma GCC unroll 8
      for (index_t v = 0; v < Vectors; ++v) {
        sum[r][v] =
            _mm512_dpbf16_ps(sum[r][v], reinterpret_cast<__m512bh>(factor), reinterpret_cast<__m512bh>(columns[v]));
      }
    }
  }
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) _mm512_storeu_ps(c + r * stride + v * lanes, sum[r][v]);
  }
}

template <class Arch, index_t Rows, index_t Vectors>
void pair_sums(index_t rows, index_t vectors, lines_ahead ahead, std::uint32_t const* b, std::uint32_t const* a,
               index_t a_stride, index_t count, float const* start, index_t start_stride, float* c,
               index_t stride) noexcept {
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) {
      return pair_sums<Arch, Rows, Vectors - 1>(rows, vectors, ahead, b, a, a_stride, count, start, start_stride, c,
                                                stride);
    }
  }
  if constexpr (Rows > 1) {
    if (rows < Rows) {
      return pair_sums<Arch, Rows - 1, Vectors>(rows, vectors, ahead, b, a, a_stride, count, start, start_stride, c,
                                                stride);
    }
  }
  pair_sums<Arch, Rows, Vectors>(ahead, b, a, a_stride, count, start, start_stride, c, stride);
}

/// Panels of pairs, and a block of rows rounded to pairs. As whole_panels.
template <class Arch>
class rounded_panels {
 public:
  static constexpr index_t deepest = 256;

  explicit rounded_panels(packed_operand<float> const& b) noexcept : b_(b) {}

  void begin(row_block<float> const& from, index_t rows, index_t done, index_t deep) noexcept {
    float row[static_cast<std::size_t>(deepest + 1)] = {};
    // A block that begins with the second of a pair has a zero for the first.
    index_t const before = done % 2;
    first_ = done / 2;
    count_ = pairs_of(before + deep);
    bool const one_run = from.pieces == 1 && before == 0;
    for (index_t r = 0; r < rows; ++r) {
      if (!one_run) collect(from, r, row + before);
      round_pairs<Arch>(one_run ? from.items[0].row[r] : row, before + deep, pairs_ + r * stride);
    }
  }
  void panel(index_t column, index_t /*width*/) noexcept { panel_ = at(column, first_); }
  std::uint32_t const* address(index_t column, index_t done) const noexcept { return at(column, done / 2); }
  static constexpr index_t bytes(index_t deep, index_t width) noexcept { return pairs_of(deep) * width * 4; }
  static constexpr index_t steps(index_t deep) noexcept { return pairs_of(deep); }

  void sums(index_t rows, index_t vectors, lines_ahead ahead, index_t row, float const* start, index_t start_stride,
            float* c, index_t c_stride) const noexcept {
    pair_sums<Arch, tile::rows, tile::vectors>(rows, vectors, ahead, panel_, pairs_ + row * stride, stride, count_,
                                               start, start_stride, c, c_stride);
  }

 private:
  using tile = gemm_tile<float, Arch>;
  static constexpr index_t stride = deepest / 2 + 16;

  std::uint32_t const* at(index_t column, index_t row) const noexcept {
    return panel_at<float, Arch>(b_.pairs, pairs_of(b_.k), b_.n, column, row);
  }

  packed_operand<float> const& b_;
  std::uint32_t const* panel_ = nullptr;
  index_t first_ = 0, count_ = 0;  // pairs of B, of this block
  std::uint32_t pairs_[static_cast<std::size_t>(row_capacity * stride)];
  static_assert(sizeof(pairs_) <= bf16_room);
};

#endif

}}}}  // namespace tshift::nn::kernel
