// SPDX-License-Identifier: MIT
// The two-layer perceptron of a transformer, fused: the hidden layer exists for a few rows, and a part of it, at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <utility>

#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/linear.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y = second(gelu(first(x)))   (+ skip)
///
/// x [N, T, inputs], y, skip [N, T, outputs]; every frame, also those past a sequence's length. The skip connection is
/// added in the last pass over y and may be shifted, and so may x: neither costs a pass of its own.
/// Accuracy: as linear and gelu. Cost: 2 N T (inputs + outputs) hidden FLOPs. Workspace: at most 32 blocks of 128 rows by
/// 768 hidden channels. Source: Vaswani et al. 2017, arXiv:1706.03762, with GELU.
template <class T>
class mlp : public adding_row_calls<mlp<T>, T> {
 public:
  static constexpr char const* name = "mlp";                               ///< in messages
  static constexpr detail::in_place aliasing = detail::in_place::refused;  ///< y is other memory than x
  static constexpr bool reads_neighbours = false;                          ///< a row of y needs one row of x

  mlp() = default;

  /// @throws shape_error  second does not read what first writes
  mlp(linear<T> first, linear<T> second) : first_(std::move(first)), second_(std::move(second)) {
    if (second_.inputs() != first_.outputs()) {
      detail::fail("mlp: second has %td inputs, first has %td outputs", second_.inputs(), first_.outputs());
    }
  }

  /// Number of channels of x.
  index_t inputs() const noexcept { return first_.inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return second_.outputs(); }
  /// Number of channels between the two layers.
  index_t hidden() const noexcept { return first_.outputs(); }

  /// Multiply-adds for a row.
  index_t work() const noexcept { return first_.work() + second_.work(); }
  /// A slice of the hidden layer, for so many rows.
  T* scratch(arena<T>& a, index_t rows) const { return a.take({rows, slice()}); }

  /// Unchecked: rows [first, first + count) of x to y.
  void rows(kernel::row_source<T> x, index_t first, index_t count, kernel::row_sink<T> y, T* scratch,
            kernel::row_source<T> const* skip = nullptr) const noexcept {
    for (kernel::row_part const part : kernel::row_parts(count)) {
      index_t const row = first + part.begin;
      if (skip == nullptr) {
        block(x, row, part.count, y.from(part.begin), scratch, kernel::keep_sums());
      } else {
        block(x, row, part.count, y.from(part.begin), scratch, kernel::add_skip<T, arch>(*skip, outputs(), row));
      }
    }
  }

 private:
  using arch = typename kernel::packed_matrix<T>::arch;

  /// Hidden channels at a time. As many as a block of K of the second product, so that its sums are the same chains, and a
  /// multiple of a tile's columns.
  index_t slice() const noexcept { return hidden() < kernel::gemm_depth ? hidden() : kernel::gemm_depth; }

  template <class Finish>
  void block(kernel::row_source<T> x, index_t first, index_t count, kernel::row_sink<T> y, T* scratch,
             Finish finish) const noexcept {
    static_assert(kernel::gemm_depth % kernel::gemm_tile<T, arch>::columns == 0);
    index_t done = 0;
    do {  // also without hidden channels: the bias is written
      index_t const width = hidden() - done < slice() ? hidden() - done : slice();
      kernel::gemm<T, arch>(x, first, count, first_.operand().part(done, width), {scratch, width},
                            kernel::gelu_tile<T, arch>());
      kernel::plain_rows<T> const middle{scratch, width};
      kernel::gemm<T, arch>(middle, 0, count, second_.operand(), y, done, done + width, finish);
      done += width;
    } while (done < hidden());
  }

  linear<T> first_, second_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
