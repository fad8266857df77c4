// SPDX-License-Identifier: MIT
// The two-layer perceptron of a transformer, fused: the hidden layer exists for a few rows at a time.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <utility>

#include <tshift/nn/kernel/gelu.hpp>
#include <tshift/nn/kernel/skip.hpp>
#include <tshift/nn/linear.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// y = second(gelu(first(x)))   (+ skip)
///
/// x, y, skip [N, T, D]; every frame, also those behind a sequence's length. The skip connection is added in the last
/// pass over y and may be shifted, and so may x: neither costs a pass of its own.
/// Accuracy: as linear and gelu. Cost: 4 N T D hidden FLOPs. Source: Vaswani et al. 2017, arXiv:1706.03762, with GELU.
template <class T>
class mlp {
 public:
  mlp() = default;

  /// @throws shape_error  second does not read what first writes
  mlp(linear<T> first, linear<T> second) : first_(std::move(first)), second_(std::move(second)) {
    if (second_.inputs() != first_.outputs()) {
      detail::fail("mlp: second has %td inputs, first has %td outputs", second_.inputs(), first_.outputs());
    }
  }

  mlp(mlp const&) = default;
  mlp(mlp&&) noexcept = default;
  /// The copy is made first: running out of memory leaves the old one whole.
  mlp& operator=(mlp const& other) { return *this = mlp(other); }
  mlp& operator=(mlp&&) noexcept = default;
  ~mlp() = default;

  /// Number of channels of x.
  index_t inputs() const noexcept { return first_.inputs(); }
  /// Number of channels of y.
  index_t outputs() const noexcept { return second_.outputs(); }
  /// Number of channels between the two layers.
  index_t hidden() const noexcept { return first_.outputs(); }

  /// Elements of T that forward needs for an input of this shape.
  index_t workspace_size(shape const& x) const {
    index_t const rows = detail::checked_product("mlp", {x.batch, x.time});
    return detail::checked_product("mlp", {rows < kernel::row_capacity ? rows : kernel::row_capacity, hidden()});
  }

  /// @param x          a view or shifted(view, plan)
  /// @param y          other memory than x
  /// @param workspace  workspace_size(x.shape()) elements
  /// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap; before the first write
  void forward(input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) const {
    check(x, y, workspace);
    detail::for_rows(y, [&](index_t first, index_t rows, T* c, index_t stride) {
      run(x.view(), first, rows, c, stride, workspace.data(), [](index_t) { return kernel::keep_sums(); });
    });
  }

  /// The same plus skip, [N, T, outputs]: a view or shifted(view, plan), other memory than y.
  void forward_add(input<T> const& x, input<T> const& skip, tensor_view<T> const& y, std::span<T> workspace) const {
    detail::check_input("mlp", "skip", skip, outputs(), check(x, y, workspace), detail::in_place::refused);
    detail::for_rows(y, [&](index_t first, index_t rows, T* c, index_t stride) {
      run(x.view(), first, rows, c, stride, workspace.data(),
          [&](index_t row) { return kernel::add_skip<T, xsimd::default_arch>(skip.view(), row); });
    });
  }

  /// Rows [first, first + rows) of x, numbered through all sequences, into rows of c; finish_of(row) makes what happens
  /// to the finished tiles of the rows from `row` on. Unchecked: for blocks that put something in front.
  template <class FinishOf>
  void run(shifted_view<T> const& x, index_t first, index_t rows, T* c, index_t stride, T* workspace,
           FinishOf const& finish_of) const {
    for (kernel::row_part const part : kernel::row_parts(rows)) {
      first_.matrix().multiply(x, first + part.begin, part.count, workspace, hidden(),
                               kernel::gelu_tile<T, xsimd::default_arch>());
      input<T> const middle(tensor_view<T const>(workspace, {1, part.count, hidden()}));
      second_.matrix().multiply(middle.view(), 0, part.count, c + part.begin * stride, stride,
                                finish_of(first + part.begin));
    }
  }

 private:
  detail::extent check(input<T> const& x, tensor_view<T> const& y, std::span<T> workspace) const {
    detail::extent const to = detail::check_block("mlp", x, inputs(), y, outputs());
    detail::check_workspace("mlp", workspace, workspace_size(x.shape()));
    return to;
  }

  linear<T> first_, second_;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
