// SPDX-License-Identifier: MIT
// A matrix packed once for multiplication: what linear layers, LSTMs and attention keep their weights in, as T or as bf16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/error.hpp>
#include <tshift/weights/float_formats.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/values.hpp>

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
template <class T, class Arch, class Element, class Packed>
void pack(index_t k, index_t n, Element const& b, Packed* packed) {
  constexpr index_t widest = gemm_tile<T, Arch>::columns;
  index_t const padded = padded_columns<T, Arch>(n);
  for (index_t first = 0; first < padded; first += widest) {
    index_t const width = padded - first < widest ? padded - first : widest;
    index_t const count = n - first < width ? n - first : width;
    for (index_t i = 0; i < k; ++i) {
      for (index_t j = 0; j < count; ++j) packed[j] = b(i, first + j);
      for (index_t j = count; j < width; ++j) packed[j] = Packed(0);
      packed += width;
    }
  }
}

/// Whether this unit's processor multiplies pairs of bf16, so that the other factor of a product is rounded as well.
#if defined(__AVX512BF16__)
inline constexpr bool multiplies_bf16 = true;
#else
inline constexpr bool multiplies_bf16 = false;
#endif

/// Bytes that a product with weights of bf16 takes of the stack for what it rounds or widens.
inline constexpr index_t bf16_room = index_t{72} << 10;

/// Rows of a packed matrix of bf16: each holds two of B's k.
constexpr index_t pairs_of(index_t k) noexcept { return (k + 1) / 2; }

/// Two elements of a column as one of these rows holds them: the first in the upper half, where the processor begins.
template <class T>
constexpr std::uint32_t pair_of(T first, T second) noexcept {
  std::uint32_t const upper = detail::nearest_bfloat16(static_cast<float>(first));
  return upper << 16 | detail::nearest_bfloat16(static_cast<float>(second));
}

/// The same of B, an element pair(i, j) for rows 2 i and 2 i + 1: what pack takes in place of b.
template <class T, class Element>
auto pairs_from(index_t k, Element const& b) {
  return [k, &b](index_t i, index_t j) {
    return pair_of<T>(b(2 * i, j), 2 * i + 1 < k ? static_cast<T>(b(2 * i + 1, j)) : T(0));
  };
}

/// Weights, rounded where they shall be kept as bf16: for kernels that read them as T all the same.
template <class T>
struct rounded_values {
  weights::values<T> const& from;

  T operator[](index_t i) const noexcept {
    if (from.how() == stored::full) return from[i];
    return static_cast<T>(detail::bfloat16_to_float(detail::nearest_bfloat16(static_cast<float>(from[i]))));
  }
};

/// B and the bias as a GEMM reads them.
template <class T>
struct packed_operand {
  T const* data;  // null where there are pairs
  T const* bias;  // padded_columns(n) elements
  index_t k, n;
  std::uint32_t const* pairs = nullptr;  // of bf16: a packed matrix of pairs_of(k) rows

  /// Columns [first, first + count), first being a multiple of gemm_tile::columns: panels are whole, so they are a matrix
  /// of their own.
  packed_operand part(index_t first, index_t count) const noexcept {
    if (pairs != nullptr) return {nullptr, bias + first, k, count, pairs + first * pairs_of(k)};
    return {data + first * k, bias + first, k, count};
  }
};

/// Row `depth` of the panel that begins at `column`, in a packed matrix of k rows and n columns.
template <class T, class Arch, class Packed>
Packed const* panel_at(Packed const* packed, index_t k, index_t n, index_t column, index_t depth) noexcept {
  index_t const rest = padded_columns<T, Arch>(n) - column, widest = gemm_tile<T, Arch>::columns;
  return packed + column * k + depth * (rest < widest ? rest : widest);
}

/// The same of an operand in full.
template <class T, class Arch>
T const* panel_at(packed_operand<T> const& b, index_t column, index_t depth) noexcept {
  return panel_at<T, Arch>(b.data, b.k, b.n, column, depth);
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
  /// @param how      B is kept; bf16 only of float
  template <class Element, class Bias>
  packed_matrix(index_t k, index_t n, Element const& element, Bias const& bias, stored how = stored::full)
      : k_(k), n_(n), bias_(static_cast<std::size_t>(padded()), [this, n, &bias](T* to) {
          for (index_t j = 0; j < padded(); ++j) to[j] = j < n ? bias(j) : T(0);
        }) {
    if (how == stored::bf16) {
      auto const size = static_cast<std::size_t>(pairs_of(k) * padded());
      pairs_ = {size,
                [k, n, &element](std::uint32_t* to) { pack<T, arch>(pairs_of(k), n, pairs_from<T>(k, element), to); }};
      return;
    }
    data_ = {static_cast<std::size_t>(k * padded()), [k, n, &element](T* to) { pack<T, arch>(k, n, element, to); }};
  }

  /// Number of inputs k.
  index_t rows() const noexcept { return k_; }
  /// Number of outputs n.
  index_t columns() const noexcept { return n_; }
  /// What kernels take.
  packed_operand<T> operand() const noexcept { return {data_.data(), bias_.data(), k_, n_, pairs_.data()}; }

 private:
  index_t padded() const noexcept { return padded_columns<T, arch>(n_); }

  index_t k_ = 0, n_ = 0;
  weights::shared_array<T> data_, bias_;
  weights::shared_array<std::uint32_t> pairs_;  // in place of data_
};

}}}}  // namespace tshift::nn::kernel
