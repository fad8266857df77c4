// SPDX-License-Identifier: MIT
// Rows of numbers, a vector at a time. A tail shorter than a vector goes through a padded copy of it, so that no
// element is computed by other instructions than its neighbours: results do not depend on where a row ends.
#pragma once

#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

#if defined(XSIMD_NO_SUPPORTED_ARCHITECTURE)
#error "tshift: blocks need vector registers that xsimd knows, and this target has none; the operator does without"
#endif

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

template <class T, class Arch>
inline constexpr index_t lanes_of = static_cast<index_t>(xsimd::batch<T, Arch>::size);

/// The first `count` elements at p, after them `rest`. count in [0, lanes).
template <class Arch, class T>
xsimd::batch<T, Arch> load_part(T const* p, index_t count, T rest) noexcept {
  T padded[static_cast<std::size_t>(lanes_of<T, Arch>)];
  for (index_t i = 0; i < lanes_of<T, Arch>; ++i) padded[i] = i < count ? p[i] : rest;
  return xsimd::batch<T, Arch>::load_unaligned(padded);
}

template <class Arch, class T>
void store_part(xsimd::batch<T, Arch> const& value, T* p, index_t count) noexcept {
  T padded[static_cast<std::size_t>(lanes_of<T, Arch>)];
  value.store_unaligned(padded);
  for (index_t i = 0; i < count; ++i) p[i] = padded[i];
}

/// y[i] = f(x[0][i], x[1][i], ...), i in [0, count). y may be one of x. f takes and gives batches.
template <class Arch, class T, class F, class... X>
TSHIFT_INLINE void map(index_t count, T* y, F const& f, X const*... x) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  index_t i = 0;
  for (; i + lanes <= count; i += lanes) f(batch::load_unaligned(x + i)...).store_unaligned(y + i);
  if (i < count) store_part<Arch>(f(load_part<Arch>(x + i, count - i, T(0))...), y + i, count - i);
}

/// f(x) for an f that changes no more beyond -1000 and 1000, as exp and tanh. xsimd turns their exponents into integers
/// even where it replaces the result; of a double that fits no integer, as NaN, that is undefined. f sees none of them.
template <class T, class Arch, class F>
TSHIFT_INLINE xsimd::batch<T, Arch> bounded(xsimd::batch<T, Arch> const& x, F const& f) noexcept {
  using batch = xsimd::batch<T, Arch>;
  batch const above = xsimd::select(x > batch(T(-1000)), x, batch(T(-1000)));  // NaN as well
  batch const within = xsimd::select(above < batch(T(1000)), above, batch(T(1000)));
  return xsimd::select(x == x, f(within), x);
}

template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> exp(xsimd::batch<T, Arch> const& x) noexcept {
  return bounded(x, [](auto const& v) { return xsimd::exp(v); });
}

template <class T, class Arch>
TSHIFT_INLINE xsimd::batch<T, Arch> tanh(xsimd::batch<T, Arch> const& x) noexcept {
  return bounded(x, [](auto const& v) { return xsimd::tanh(v); });
}

/// The lanes joined by f, in ascending order.
template <class T, class Arch, class F>
TSHIFT_INLINE T joined(xsimd::batch<T, Arch> const& value, F const& f) noexcept {
  T lanes[static_cast<std::size_t>(lanes_of<T, Arch>)];
  value.store_unaligned(lanes);
  T result = lanes[0];
  for (index_t i = 1; i < lanes_of<T, Arch>; ++i) result = f(result, lanes[i]);
  return result;
}

/// Sum of f(x[i]). Four chains, so that the adds need not wait for each other.
template <class Arch, class T, class F>
TSHIFT_INLINE T sum_of(index_t count, T const* x, F const& f) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr index_t lanes = lanes_of<T, Arch>;
  batch sums[4] = {batch(T(0)), batch(T(0)), batch(T(0)), batch(T(0))};
  index_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    for (index_t j = 0; j < 4; ++j) sums[j] = sums[j] + f(batch::load_unaligned(x + i + j * lanes));
  }
  for (; i + lanes <= count; i += lanes) sums[0] = sums[0] + f(batch::load_unaligned(x + i));
  T total = joined((sums[0] + sums[1]) + (sums[2] + sums[3]), [](T a, T b) { return a + b; });
  if (i < count) {
    T rest[static_cast<std::size_t>(lanes)];
    f(load_part<Arch>(x + i, count - i, T(0))).store_unaligned(rest);
    for (index_t j = 0; j < count - i; ++j) total += rest[j];
  }
  return total;
}

}}}}  // namespace tshift::nn::kernel
