// SPDX-License-Identifier: MIT
// The products with all rows of a tensor, and with those that have a gradient.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/skip.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// The split of a tensor's rows for a product.
template <class Executor>
row_split rows_of(shape const& dims, index_t work) noexcept {
  return split_for<Executor>({dims.batch * dims.time, work, 8});
}

/// y = W x + b (+ skip), every frame.
/// @param x     rows numbered as those of y, through all frames
/// @param skip  the same
template <class Executor, class T>
void multiply(Executor& exec, row_source<T> x, packed_operand<T> const& w, tensor_view<T> const& y,
              row_source<T> const* skip = nullptr) {
  using arch = xsimd::default_arch;
  auto const split = rows_of<Executor>(y.shape, w.k * w.n);
  for_parts(exec, split.parts, [&x, &w, &y, &split, skip](index_t part) {
    for_rows(y, split.begin(part), split.end(part), [&x, &w, skip](index_t first, index_t count, row_sink<T> to) {
      if (skip == nullptr) return gemm<T, arch>(x, first, count, w, to);
      gemm<T, arch>(x, first, count, w, to, add_skip<T, arch>(*skip, w.n, 0));
    });
  });
}

/// body(first, count, sink) for the rows of dx that lie inside sequences, in parts, numbered through all frames; the others
/// are set to zero.
/// @param lengths  a view with the shape and lengths of x
/// @param work     multiply-adds for a row
template <class Executor, class T, class Body>
void for_rows_inside(Executor& exec, tensor_view<T const> const& lengths, tensor_view<T> const& dx, index_t work,
                     Body const& body) {
  auto const split = rows_of<Executor>(dx.shape, work);
  for_parts(exec, split.parts, [&lengths, &dx, &split, &body](index_t part) {
    index_t const time = dx.shape.time;
    for (index_t row = split.begin(part); row < split.end(part);) {
      index_t const n = row / time, t = row % time, left = split.end(part) - row, length = lengths.length(n);
      index_t const rows = time - t < left ? time - t : left;
      index_t const inside = t >= length ? 0 : length - t < rows ? length - t : rows;
      if (inside > 0) body(row, inside, row_sink<T>{dx.at(n, t, 0), dx.strides.time});
      for (index_t r = inside; r < rows; ++r) {
        for (index_t c = 0; c < dx.shape.channels; ++c) dx(n, t + r, c) = T(0);
      }
      row += rows;
    }
  });
}

/// dx = W' dy (+ skip) for frames inside sequences, 0 for others.
/// @param lengths  a view with the shape and lengths of x
/// @param dy       rows numbered as those of dx, through all frames
/// @param skip     the same
template <class Executor, class T>
void multiply_back(Executor& exec, tensor_view<T const> const& lengths, row_source<T> dy, packed_operand<T> const& back,
                   tensor_view<T> const& dx, row_source<T> const* skip = nullptr) {
  using arch = xsimd::default_arch;
  for_rows_inside(exec, lengths, dx, back.k * back.n, [&dy, &back, skip](index_t first, index_t count, row_sink<T> to) {
    if (skip == nullptr) return gemm<T, arch>(dy, first, count, back, to);
    gemm<T, arch>(dy, first, count, back, to, add_skip<T, arch>(*skip, back.n, 0));
  });
}

}}}}  // namespace tshift::train::kernel
