// SPDX-License-Identifier: MIT
// A matrix packed once for multiplication: what linear layers, LSTMs and attention keep their weights in.
#pragma once

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/error.hpp>
#include <tshift/weights/shared_array.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// A tile of C in registers: rows x vectors sums, beside one row of B and one broadcast element of A. Of 32 registers
/// 28 are used, of 16 all; the sums are enough to hide the latency of a multiply-add.
template <class T, class Arch>
struct gemm_tile {
  using batch = xsimd::batch<T, Arch>;
  static constexpr index_t lanes = static_cast<index_t>(batch::size);
  static constexpr bool many_registers =
      std::is_base_of_v<xsimd::avx512f, Arch> || std::is_base_of_v<xsimd::neon64, Arch>;
  static constexpr index_t rows = many_registers ? 8 : 4;
  static constexpr index_t vectors = 3;
  static constexpr index_t columns = vectors * lanes;
};

/// B [k, n] in panels of gemm_tile::columns columns, the last as wide as it needs, in whole vectors.
/// A panel is k rows, each as wide as the panel. Columns past n are zeros.
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

  /// Columns [first, first + count), first being a multiple of gemm_tile::columns: panels are whole, so they are a matrix
  /// of their own.
  packed_operand part(index_t first, index_t count) const noexcept {
    return {data + first * k, bias + first, k, count};
  }
};

/// Row `depth` of the panel that begins at `column`.
template <class T, class Arch>
T const* panel_at(packed_operand<T> const& b, index_t column, index_t depth) noexcept {
  index_t const rest = padded_columns<T, Arch>(b.n) - column, widest = gemm_tile<T, Arch>::columns;
  return b.data + column * b.k + depth * (rest < widest ? rest : widest);
}

/// B [k, n] and a bias [n], packed for this unit's instruction set. Copies share the memory, which nobody changes.
template <class T>
class packed_matrix {
 public:
  /// What it is packed for: the instruction set of this unit.
  using arch = xsimd::default_arch;

  packed_matrix() = default;

  /// @param k        rows, >= 0
  /// @param n        columns, >= 0
  /// @param element  element(i, j) gives B[i, j]
  /// @param bias     bias(j) is added to column j
  template <class Element, class Bias>
  packed_matrix(index_t k, index_t n, Element const& element, Bias const& bias)
      : k_(k), n_(n),
        data_(static_cast<std::size_t>(k * padded()), [k, n, &element](T* to) { pack<T, arch>(k, n, element, to); }),
        bias_(static_cast<std::size_t>(padded()), [this, n, &bias](T* to) {
          for (index_t j = 0; j < padded(); ++j) to[j] = j < n ? bias(j) : T(0);
        }) {}

  /// Number of inputs k.
  index_t rows() const noexcept { return k_; }
  /// Number of outputs n.
  index_t columns() const noexcept { return n_; }
  /// What kernels take.
  packed_operand<T> operand() const noexcept { return {data_.data(), bias_.data(), k_, n_}; }

 private:
  index_t padded() const noexcept { return padded_columns<T, arch>(n_); }

  index_t k_ = 0, n_ = 0;
  weights::shared_array<T> data_, bias_;
};

}}}}  // namespace tshift::nn::kernel
