// SPDX-License-Identifier: MIT
// The slopes of a gate of WavLM's positions.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gate.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// The gate of one head: a (b constant - 1) + 2, with what a and b are made of. `rows` is [2, depth].
template <class T>
struct gate_weights {
  T const* rows;
  T bias[2];
  T constant;
  index_t depth;

  gate_factors<T> factors(T const* x) const noexcept {
    return factors_of_gate<xsimd::default_arch>(depth, x, rows, bias);
  }
};

/// Sums of a head's gradient: of both rows and both biases, and of the constant.
constexpr index_t gate_sums(index_t depth) noexcept { return 2 * depth + 3; }

/// With g = slope of the gate of a frame x, and da = g (b constant - 1) a (1 - a), db = g a constant b (1 - b):
///
///   dx = da row_a + db row_b     rows += da x, db x     biases += da, db     constant += g a b
///
/// @param sums  gate_sums(depth), added to
/// @param dx    written
template <class T, class Arch>
void gate_back(gate_weights<T> const& w, T const* x, T slope, T* sums, T* dx) noexcept {
  gate_factors<T> const f = w.factors(x);
  T const da = slope * (f.b * w.constant - T(1)) * f.a * (T(1) - f.a);
  T const db = slope * f.a * w.constant * f.b * (T(1) - f.b);
  xsimd::batch<T, Arch> const in_a(da), in_b(db);
  index_t const depth = w.depth;
  auto const add = [](auto const& factor) {
    return [&factor](auto const& sum, auto const& each) { return xsimd::fma(factor, each, sum); };
  };
  map<Arch>(depth, sums, add(in_a), sums, x);
  map<Arch>(depth, sums + depth, add(in_b), sums + depth, x);
  sums[2 * depth] += da;
  sums[2 * depth + 1] += db;
  sums[2 * depth + 2] += slope * f.a * f.b;
  map<Arch>(
      depth, dx, [&in_a, &in_b](auto const& a, auto const& b) { return xsimd::fma(in_a, a, in_b * b); }, w.rows,
      w.rows + depth);
}

}}}}  // namespace tshift::train::kernel
