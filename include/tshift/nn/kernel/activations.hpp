// SPDX-License-Identifier: MIT
// The functions that layers apply to single numbers, for a vector of them: x Phi(x) with the normal distribution
// function Phi, and those that bend at 0.
#pragma once

#include <cmath>
#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/nn/options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// float: Phi(x) = 1/2 + x P(2 x^2 / 5.4^2 - 1), a fit of our own (tests/golden/fit_gelu.py prints it and its error).
/// The error function of a vector library branches and divides, and would cost a tenth of a small network.
template <class Arch>
TSHIFT_INLINE xsimd::batch<float, Arch> normal_distribution(xsimd::batch<float, Arch> const& x) noexcept {
  using batch = xsimd::batch<float, Arch>;
  constexpr float limit = 5.4f;
  constexpr float p[] = {1.309281085e-01f, -6.532795854e-02f, 4.850005849e-02f, -3.921072248e-02f,
                         3.210816314e-02f, -2.570083679e-02f, 1.970152456e-02f, -1.419682844e-02f,
                         9.473489177e-03f, -6.104565922e-03f, 3.944057275e-03f, -2.038567134e-03f,
                         6.496562437e-04f, -4.250174565e-04f, 4.623656765e-04f, -1.703409520e-04f};
  // Selects, not min and max, for which g++ 12 warns about its own AVX-512 intrinsics.
  batch const above = xsimd::select(x < batch(-limit), batch(-limit), x);
  batch const clipped = xsimd::select(x > batch(limit), batch(limit), above);
  batch const u = xsimd::fma(clipped * clipped, batch(2 / (limit * limit)), batch(-1.0f));
  batch value(p[15]);
#pragma GCC unroll 16
  for (int i = 14; i >= 0; --i) value = xsimd::fma(value, u, batch(p[i]));
  batch const phi = xsimd::fma(clipped, value, batch(0.5f));
  return xsimd::select(x < batch(-limit), batch(0.0f), phi);
}

/// double: by the C library, whose error function is exact to the last bits everywhere; xsimd's is not, and overflows.
template <class Arch>
TSHIFT_INLINE xsimd::batch<double, Arch> normal_distribution(xsimd::batch<double, Arch> const& x) noexcept {
  using batch = xsimd::batch<double, Arch>;
  constexpr auto lanes = static_cast<std::size_t>(lanes_of<double, Arch>);
  double phi[lanes];
  (x * batch(-0.70710678118654752440)).store_unaligned(phi);
  for (double& value : phi) value = std::erfc(value);
  return batch(0.5) * batch::load_unaligned(phi);
}

/// x Phi(x).
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> gelu(xsimd::batch<T, Arch> const& x) noexcept {
  return x * normal_distribution(x);
}

/// What a GEMM does to a finished tile: gelu of every element.
template <class T, class Arch>
struct gelu_tile {
  void begin(index_t /*first*/, index_t /*rows*/) noexcept {}
  void operator()(T* c, index_t stride, index_t /*row*/, index_t rows, index_t /*column*/,
                  index_t columns) const noexcept {
    for (index_t r = 0; r < rows; ++r) {
      T* const row = c + r * stride;
      map<Arch>(
          columns, row, [](auto const& x) { return gelu(x); }, row);
    }
  }
};

/// x where x > 0, else 0; NaN stays.
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> relu(xsimd::batch<T, Arch> const& x) noexcept {
  return xsimd::select(x < xsimd::batch<T, Arch>(T(0)), xsimd::batch<T, Arch>(T(0)), x);
}

/// x where x > 0, else slope x.
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> leaky_relu(xsimd::batch<T, Arch> const& x,
                                               xsimd::batch<T, Arch> const& slope) noexcept {
  return xsimd::select(x < xsimd::batch<T, Arch>(T(0)), slope * x, x);
}

/// exp(x) - 1, x in [-40, 0]. From -1/2 on by its series, x + x^2 (1/2! + x/3! + ...), to what T does not hold any more;
/// below, 1 takes no digits away. Without a difference of nearly equal numbers, because -ffast-math may reorder them:
/// then xsimd's has no more digits than 1 has.
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> exp_minus_1(xsimd::batch<T, Arch> const& x) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr int last = sizeof(T) == sizeof(float) ? 9 : 16;
  double factorial = 1;
#pragma GCC unroll 16
  for (int i = 2; i <= last; ++i) factorial *= i;
  batch value(static_cast<T>(1 / factorial));
#pragma GCC unroll 16
  for (int i = last; i > 2; --i) {
    factorial /= i;
    value = xsimd::fma(value, x, batch(static_cast<T>(1 / factorial)));
  }
  batch const near = xsimd::fma(x * x, value, x);
  return xsimd::select(x < batch(T(-0.5)), xsimd::exp(x) - batch(T(1)), near);
}

/// x where x > 0, else alpha (exp(x) - 1). Below -40 that is -alpha to the last bit of a double.
template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> elu(xsimd::batch<T, Arch> const& x, xsimd::batch<T, Arch> const& alpha) noexcept {
  using batch = xsimd::batch<T, Arch>;
  batch const zero(T(0)), least(T(-40));
  batch const below = xsimd::select(x < zero, x, zero), bounded = xsimd::select(below < least, least, below);
  return xsimd::select(x < zero, alpha * exp_minus_1(bounded), x);
}

/// y[i] = f(x[i]), i in [0, count); y may be x.
template <class Arch, class T>
void activate(activation const& f, index_t count, T const* x, T* y) noexcept {
  using batch = xsimd::batch<T, Arch>;
  batch const factor(static_cast<T>(f.factor));
  switch (f.which) {
    case activation::kind::none:
      return map<Arch>(
          count, y, [](batch const& v) { return v; }, x);
    case activation::kind::relu:
      return map<Arch>(
          count, y, [](batch const& v) { return relu(v); }, x);
    case activation::kind::leaky_relu:
      return map<Arch>(
          count, y, [&factor](batch const& v) { return leaky_relu(v, factor); }, x);
    case activation::kind::elu:
      return map<Arch>(
          count, y, [&factor](batch const& v) { return elu(v, factor); }, x);
    case activation::kind::gelu:
      return map<Arch>(
          count, y, [](batch const& v) { return gelu(v); }, x);
  }
}

/// What a GEMM does to a finished tile: a function of every element.
template <class T, class Arch>
struct activation_tile {
  activation f;

  void begin(index_t /*first*/, index_t /*rows*/) noexcept {}
  void operator()(T* c, index_t stride, index_t /*row*/, index_t rows, index_t /*column*/,
                  index_t columns) const noexcept {
    if (f.which == activation::kind::none) return;
    for (index_t r = 0; r < rows; ++r) activate<Arch>(f, columns, c + r * stride, c + r * stride);
  }
};

}}}}  // namespace tshift::nn::kernel
