// SPDX-License-Identifier: MIT
// The number type in which tests compute the definitions of nn/reference.hpp: long double, and beside it the sum of the
// magnitudes that it was made from, because rounding errors are relative to that and not to the result.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <type_traits>
#include <vector>

#include <tshift/nn/reference.hpp>
#include <tshift/reference.hpp>

#include "cases.hpp"

namespace test_support::oracle {

using real = long double;

struct number {
  real value = 0;
  real scale = 0;  // sum of magnitudes; 0: the value must be met exactly

  constexpr number() = default;
  template <class V>
  requires std::is_arithmetic_v<V>
  constexpr explicit number(V v) : value(static_cast<real>(v)), scale(value < 0 ? -value : value) {}
  constexpr number(real v, real s) : value(v), scale(s) {}

  friend constexpr number operator-(number const& a) { return {-a.value, a.scale}; }
  friend constexpr number operator+(number const& a, number const& b) { return {a.value + b.value, a.scale + b.scale}; }
  friend constexpr number operator-(number const& a, number const& b) { return {a.value - b.value, a.scale + b.scale}; }
  friend constexpr number operator*(number const& a, number const& b) { return {a.value * b.value, a.scale * b.scale}; }
  /// What divides counts as exact.
  friend constexpr number operator/(number const& a, number const& b) {
    return {a.value / b.value, a.scale / (b.value < 0 ? -b.value : b.value)};
  }
  friend constexpr bool operator<(number const& a, number const& b) { return a.value < b.value; }

  /// An error of x is a relative one of exp(x).
  friend number exp(number const& x) {
    real const e = std::exp(x.value);
    return {e, e * (1 + x.scale)};
  }
  // Functions with bounds: what their values are made from is not larger.
  friend number tanh(number const& x) { return {std::tanh(x.value), 1}; }
  friend number erfc(number const& x) { return {std::erfc(x.value), 2}; }
  friend number sqrt(number const& x) { return number(std::sqrt(x.value)); }
};

/// [N, T, C, S] with lengths, dense.
class tensor {
 public:
  explicit tensor(tshift::shape const& dims, std::span<index_t const> lengths = {})
      : shape_(dims), lengths_(lengths.begin(), lengths.end()), items_(static_cast<std::size_t>(dims.size())) {}

  tshift::tensor_view<number> view() { return {items_.data(), shape_, tshift::layout::ntc, lengths_}; }
  tshift::tensor_view<number const> view() const { return {items_.data(), shape_, tshift::layout::ntc, lengths_}; }
  operator tshift::tensor_view<number const>() const { return view(); }

 private:
  tshift::shape shape_;
  std::vector<index_t> lengths_;
  std::vector<number> items_;
};

/// S x, or x without a plan.
template <class T>
tensor read(tshift::tensor_view<T> const& x, std::optional<tshift::shift_plan> const& plan = {}) {
  tensor still(x.shape, x.lengths), moved(x.shape, x.lengths);
  tshift::reference::for_each_element(
      x.shape, [&](index_t n, index_t t, index_t c, index_t s) { still.view()(n, t, c, s) = number(x(n, t, c, s)); });
  if (!plan) return still;
  tshift::reference::shift<number>(still, moved.view(), *plan);
  return moved;
}

/// A recurrence adds errors up over time: those of a sequence's frames are relative to the largest of all results.
inline void scale_by_largest(tshift::tensor_view<number> const& y, tshift::tensor_view<number const> const& x) {
  real largest = 0;
  auto const each = [&](auto const& visit) {
    tshift::reference::for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t) {
      if (t < x.length(n)) visit(y(n, t, c));
    });
  };
  each([&](number const& item) { largest = std::max(largest, std::fabs(item.value)); });
  each([&](number& item) { item.scale = largest; });
}

}  // namespace test_support::oracle
