// SPDX-License-Identifier: MIT
// How the matrices of an LSTM lie in memory: the four gates of a vector of units side by side.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tshift/nn/kernel/packed.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

inline constexpr index_t gates = 4;  // i, f, g, o

/// The order of gates in memory: [unit / lanes][gate][unit % lanes], in whole vectors.
template <class T, class Arch>
struct lstm_order {
  static constexpr index_t lanes = lanes_of<T, Arch>, width = gates * lanes;
  index_t units;  // the hidden size

  constexpr index_t padded() const noexcept { return (units + lanes - 1) / lanes * lanes; }
  constexpr index_t columns() const noexcept { return gates * padded(); }

  /// Where column j lies in PyTorch's order; -1 for a unit that only fills up a vector.
  constexpr index_t source(index_t j) const noexcept {
    index_t const unit = j / width * lanes + j % lanes;
    return unit < units ? j / lanes % gates * units + unit : -1;
  }

  /// Packs a matrix [4 units, depth] in panels [depth][column] of so many columns, the last as wide as it needs: for
  /// lstm_step W_hh with `width` columns, four gates of one vector of units.
  /// @param weight  weight[i], i < 4 units * depth
  template <class Weight>
  void pack(Weight const& weight, index_t depth, index_t wide, T* to) const {
    pack_rows(
        depth, wide, [&weight, depth](index_t from, index_t k) { return T(weight[from * depth + k]); }, to);
  }
  /// The same as bf16: panels [pairs of depth][column].
  template <class Weight>
  void pack(Weight const& weight, index_t depth, index_t wide, std::uint32_t* to) const {
    auto const pair = [&weight, depth](index_t from, index_t k) {
      return pair_of<T>(weight[from * depth + 2 * k], 2 * k + 1 < depth ? weight[from * depth + 2 * k + 1] : T(0));
    };
    pack_rows(pairs_of(depth), wide, pair, to);
  }

 private:
  /// @param element  element(row, k) of the matrix
  template <class Element, class Packed>
  void pack_rows(index_t depth, index_t wide, Element const& element, Packed* to) const {
    constexpr index_t together = 16;  // of depth: what is read lies in one line, what is written in the L1 cache
    for (index_t panel = 0; panel < columns(); panel += wide) {
      index_t const across = columns() - panel < wide ? columns() - panel : wide;
      for (index_t first = 0; first < depth; first += together) {
        index_t const some = depth - first < together ? depth - first : together;
        for (index_t j = 0; j < across; ++j) {
          index_t const from = source(panel + j);
          for (index_t k = 0; k < some; ++k) {
            to[k * across + j] = from < 0 ? Packed(0) : element(from, first + k);
          }
        }
        to += some * across;
      }
    }
  }
};

}}}}  // namespace tshift::nn::kernel
