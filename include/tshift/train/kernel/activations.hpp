// SPDX-License-Identifier: MIT
// The slopes of the functions that layers apply, GELU's being Phi(x) + x phi(x), and what is done with two rows element
// by element.
#pragma once

#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/rows.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// d/dx x Phi(x), phi as exp(-x^2 / 2) / sqrt(2 pi): far from 0 it is 0 before x could make it infinite.
/// @param below  Phi(x)
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> gelu_slope(xsimd::batch<T, Arch> const& x,
                                               xsimd::batch<T, Arch> const& below) noexcept {
  using batch = xsimd::batch<T, Arch>;
  batch const density = nn::kernel::exp(x * x * batch(T(-0.5))) * batch(T(0.39894228040143267794));
  batch const far = xsimd::select(density == batch(T(0)), batch(T(0)), x);
  return xsimd::fma(far, density, below);
}
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> gelu_slope(xsimd::batch<T, Arch> const& x) noexcept {
  return gelu_slope(x, normal_distribution(x));
}

/// body(back) with back(x, g) = g f'(x). At 0 the slope is that of x < 0, as PyTorch has it.
template <class T, class Arch, class Body>
void with_slope(activation const& f, Body const& body) {
  using batch = xsimd::batch<T, Arch>;
  batch const zero(T(0)), factor(static_cast<T>(f.factor));
  switch (f.which) {
    case activation::kind::none: return body([](batch const&, batch const& g) { return g; });
    case activation::kind::relu:
      return body([&zero](batch const& x, batch const& g) { return xsimd::select(x <= zero, zero, g); });
    case activation::kind::leaky_relu:
      return body([&zero, &factor](batch const& x, batch const& g) { return xsimd::select(x <= zero, factor * g, g); });
    case activation::kind::elu:
      return body([&zero, &factor](batch const& x, batch const& g) {
        batch const below = xsimd::select(x <= zero, x, zero);  // or exp would overflow
        return xsimd::select(x <= zero, factor * nn::kernel::exp(below) * g, g);
      });
    case activation::kind::gelu: return body([](batch const& x, batch const& g) { return g * gelu_slope(x); });
  }
}

/// d *= gelu'(h), g = gelu(h): the dear part of both is one.
template <class Arch, class T>
void gelu_back(index_t count, T const* h, T* d, T* g) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  index_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    batch const x = batch::load_unaligned(h + i), below = normal_distribution(x);
    (batch::load_unaligned(d + i) * gelu_slope(x, below)).store_unaligned(d + i);
    (x * below).store_unaligned(g + i);
  }
  if (i == count) return;
  batch const x = load_part<Arch>(h + i, count - i, T(0)), below = normal_distribution(x);
  store_part<Arch>(load_part<Arch>(d + i, count - i, T(0)) * gelu_slope(x, below), d + i, count - i);
  store_part<Arch>(x * below, g + i, count - i);
}

/// y = f(a, b) for rows [first, first + count) of two sources, whose pieces may end at different channels.
template <class Arch, class T, class F>
void map_rows(row_source<T> a, row_source<T> b, index_t first, index_t count, index_t channels, row_sink<T> y,
              F const& f) noexcept {
  row_block<T> one, other;
  for (row_part const part : row_parts(count)) {
    for (index_t done = 0; done < channels; done += gemm_depth) {
      index_t const some = channels - done < gemm_depth ? channels - done : gemm_depth;
      a.gather(one, first + part.begin, part.count, done, some, zeros<T>);
      b.gather(other, first + part.begin, part.count, done, some, zeros<T>);
      for (index_t r = 0; r < part.count; ++r) {  // rows outside: memory is read as it lies
        T* const to = y.from(part.begin + r).data + done;
        for (index_t p = 0, q = 0; p < one.pieces && q < other.pieces;) {
          auto const &left = one.items[p], &right = other.items[q];
          overlap_of_runs const both(left.begin, left.count, right.begin, right.count);
          map<Arch>(both.size(), to + both.begin, f, left.row[r] + (both.begin - left.begin),
                    right.row[r] + (both.begin - right.begin));
          if (left.begin + left.count == both.end) ++p;
          if (right.begin + right.count == both.end) ++q;
        }
      }
    }
  }
}

/// What a product does to a finished tile of h: g = gelu(h), beside it.
template <class T, class Arch>
struct gelu_to_tile {
  row_sink<T> after;

  void begin(index_t /*row*/, index_t /*rows*/) noexcept {}
  void operator()(T const* c, index_t stride, index_t row, index_t rows, index_t column,
                  index_t columns) const noexcept {
    for (index_t r = 0; r < rows; ++r) {
      map<Arch>(
          columns, after.data + (row + r) * after.stride + column, [](auto const& x) { return gelu(x); },
          c + r * stride);
    }
  }
};

/// What a product does to a finished tile of dh: dh *= gelu'(h); and g = gelu(h), which the gradient of the next matrix
/// needs.
template <class T, class Arch>
struct gelu_back_tile {
  row_sink<T const> before;  ///< h
  row_sink<T> after;         ///< g
  index_t first = 0, count = 0;

  void begin(index_t row, index_t rows) noexcept {
    first = row;
    count = rows;
  }
  void operator()(T* c, index_t stride, index_t row, index_t rows, index_t column, index_t columns) const noexcept {
    // h was kept long ago: that of the tile below is asked for a product before it is read.
    index_t const next = row + rows, left = count - next;
    if (left > 0) ask_for_tile(h(next) + column, before.stride, left < rows ? left : rows, columns);
    for (index_t r = 0; r < rows; ++r) {
      gelu_back<Arch>(columns, h(row + r) + column, c + r * stride,
                      after.data + (first + row + r) * after.stride + column);
    }
  }

 private:
  T const* h(index_t row) const noexcept { return before.data + (first + row) * before.stride; }
};

}}}}  // namespace tshift::train::kernel
