// SPDX-License-Identifier: MIT
// The blocks as their docstrings have them: one loop per index, in long double, from formulas alone. The oracle that
// the vector kernels are tested against. Every element also carries the sum of the magnitudes it was made from, because
// rounding errors are relative to that and not to the result.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <tshift/nn/self_attention.hpp>
#include <tshift/reference.hpp>

#include "cases.hpp"

namespace test_support::oracle {

using real = long double;

struct number {
  real value = 0;
  real scale = 0;  // sum of magnitudes; 0: the value must be met exactly
};

/// [N, T, C] with lengths.
struct tensor {
  index_t batch = 0, time = 0, channels = 0;
  std::vector<index_t> lengths;
  std::vector<number> items;

  tensor() = default;
  tensor(index_t N, index_t T, index_t C, std::vector<index_t> const& l = {})
      : batch(N), time(T), channels(C), lengths(l), items(static_cast<std::size_t>(N * T * C)) {}

  number& operator()(index_t n, index_t t, index_t c) {
    return items[static_cast<std::size_t>((n * time + t) * channels + c)];
  }
  number const& operator()(index_t n, index_t t, index_t c) const {
    return items[static_cast<std::size_t>((n * time + t) * channels + c)];
  }
  index_t length(index_t n) const { return lengths.empty() ? time : lengths[static_cast<std::size_t>(n)]; }

  template <class Visit>
  void for_each(Visit const& visit) {
    for (index_t n = 0; n < batch; ++n)
      for (index_t t = 0; t < time; ++t)
        for (index_t c = 0; c < channels; ++c) visit(n, t, c, (*this)(n, t, c));
  }
};

/// S x, or x without a plan.
template <class T>
tensor read(tshift::tensor_view<T> const& x, std::optional<tshift::shift_plan> const& plan = {}) {
  tensor result(x.shape.batch, x.shape.time, x.shape.channels, {x.lengths.begin(), x.lengths.end()});
  result.for_each([&](index_t n, index_t t, index_t c, number& to) {
    index_t const offset = plan ? tshift::reference::offset_of(*plan, c) : 0;
    index_t const from =
        tshift::reference::source_frame(t, offset, x.length(n), plan ? plan->edge() : tshift::padding::zero);
    real const value = from < 0 ? real(0) : static_cast<real>(x(n, from, c));
    to = {value, std::fabs(value)};
  });
  return result;
}

inline tensor add(tensor const& a, tensor const& b) {
  tensor y = a;
  for (std::size_t i = 0; i < y.items.size(); ++i) {
    y.items[i] = {a.items[i].value + b.items[i].value, a.items[i].scale + b.items[i].scale};
  }
  return y;
}

/// The sum of w[i] x[i], with its magnitude.
template <class T, class X>
void add_product(number& sum, T weight, X const& x) {
  auto const w = static_cast<real>(weight);
  sum.value += w * x.value;
  sum.scale += std::fabs(w) * x.scale;
}

template <class T>
number bias_of(std::span<T const> bias, index_t i) {
  real const b = bias.empty() ? real(0) : static_cast<real>(bias[static_cast<std::size_t>(i)]);
  return {b, std::fabs(b)};
}

template <class T>
tensor linear(tensor const& x, index_t outputs, std::span<T const> weight, std::span<T const> bias) {
  tensor y(x.batch, x.time, outputs, x.lengths);
  y.for_each([&](index_t n, index_t t, index_t o, number& to) {
    to = bias_of(bias, o);
    for (index_t i = 0; i < x.channels; ++i) {
      add_product(to, weight[static_cast<std::size_t>(o * x.channels + i)], x(n, t, i));
    }
  });
  return y;
}

template <class T>
tensor depthwise_conv1d(tensor const& x, index_t taps, std::span<T const> weight, std::span<T const> bias) {
  tensor y(x.batch, x.time, x.channels, x.lengths);
  y.for_each([&](index_t n, index_t t, index_t c, number& to) {
    if (t >= x.length(n)) return;  // zeros
    to = bias_of(bias, c);
    for (index_t k = 0; k < taps; ++k) {
      index_t const from = t + k - taps / 2;
      if (from < 0 || from >= x.length(n)) continue;
      add_product(to, weight[static_cast<std::size_t>(c * taps + k)], x(n, from, c));
    }
  });
  return y;
}

inline real gelu(real x) { return x * std::erfc(-x / std::sqrt(real(2))) / 2; }

inline tensor gelu(tensor const& x) {
  tensor y = x;
  for (number& item : y.items) item.value = gelu(item.value);
  return y;
}

/// What the input was rounded by is divided by the deviation, so that a small one makes errors large.
template <class T>
tensor layer_norm(tensor const& x, std::span<T const> weight, std::span<T const> bias, real eps) {
  tensor y = x;
  auto const C = static_cast<real>(x.channels);
  for (index_t n = 0; n < x.batch; ++n) {
    for (index_t t = 0; t < x.time; ++t) {
      real mean = 0, variance = 0, largest = 0;
      for (index_t c = 0; c < x.channels; ++c) mean += x(n, t, c).value / C;
      for (index_t c = 0; c < x.channels; ++c) {
        variance += (x(n, t, c).value - mean) * (x(n, t, c).value - mean) / C;
        largest = std::max(largest, x(n, t, c).scale);
      }
      real const deviation = std::sqrt(variance + eps);
      for (index_t c = 0; c < x.channels; ++c) {
        auto const w = static_cast<real>(weight[static_cast<std::size_t>(c)]);
        number const b = bias_of(bias, c);
        y(n, t, c) = {(x(n, t, c).value - mean) / deviation * w + b.value,
                      largest / deviation * std::fabs(w) + b.scale};
      }
    }
  }
  return y;
}

inline tensor mean_pool(tensor const& x) {
  tensor y(x.batch, 1, x.channels);
  y.for_each([&](index_t n, index_t, index_t c, number& to) {
    for (index_t t = 0; t < x.length(n); ++t) add_product(to, 1, x(n, t, c));
    auto const frames = static_cast<real>(x.length(n));
    to = {to.value / frames, to.scale / frames};  // NaN for none
  });
  return y;
}

/// One direction; gates i, f, g, o. Errors are relative to the largest output.
template <class T>
tensor lstm(tensor const& x, index_t H, bool backwards, std::span<T const> weight_ih, std::span<T const> weight_hh,
            std::span<T const> bias_ih, std::span<T const> bias_hh) {
  tensor y(x.batch, x.time, H, x.lengths);
  auto const sigmoid = [](real v) { return 1 / (1 + std::exp(-v)); };
  real largest = 0;
  for (index_t n = 0; n < x.batch; ++n) {
    std::vector<real> h(static_cast<std::size_t>(H)), c(h), gates(4 * h.size());
    for (index_t step = 0; step < x.length(n); ++step) {
      index_t const t = backwards ? x.length(n) - 1 - step : step;
      for (std::size_t g = 0; g < gates.size(); ++g) {
        gates[g] = static_cast<real>(bias_ih[g]) + static_cast<real>(bias_hh[g]);
        for (index_t i = 0; i < x.channels; ++i) {
          gates[g] +=
              static_cast<real>(weight_ih[g * static_cast<std::size_t>(x.channels) + static_cast<std::size_t>(i)]) *
              x(n, t, i).value;
        }
        for (std::size_t j = 0; j < h.size(); ++j) gates[g] += static_cast<real>(weight_hh[g * h.size() + j]) * h[j];
      }
      for (std::size_t j = 0; j < h.size(); ++j) {
        real const in = sigmoid(gates[j]), forget = sigmoid(gates[h.size() + j]);
        real const fresh = std::tanh(gates[2 * h.size() + j]), out = sigmoid(gates[3 * h.size() + j]);
        c[j] = forget * c[j] + in * fresh;
        h[j] = out * std::tanh(c[j]);
        y(n, t, static_cast<index_t>(j)).value = h[j];
        largest = std::max(largest, std::fabs(h[j]));
      }
    }
  }
  y.for_each([&](index_t n, index_t t, index_t, number& to) { to.scale = t < x.length(n) ? largest : 0; });
  return y;
}

/// a and b side by side along channels.
inline tensor beside(tensor const& a, tensor const& b) {
  tensor y(a.batch, a.time, a.channels + b.channels, a.lengths);
  y.for_each(
      [&](index_t n, index_t t, index_t c, number& to) { to = c < a.channels ? a(n, t, c) : b(n, t, c - a.channels); });
  return y;
}

/// Errors of a score are errors of its exponential, relative: scales of values grow with the largest score's.
template <class T>
tensor self_attention(tensor const& x, index_t heads, std::span<T const> weight, std::span<T const> bias,
                      tshift::position kind, std::span<T const> table) {
  index_t const D = x.channels, depth = D / heads;
  index_t const reach = depth > 0 ? (static_cast<index_t>(table.size()) / depth + 1) / 2 : 0;
  tensor const qkv = linear(x, 3 * D, weight, bias);
  tensor y(x.batch, x.time, D, x.lengths);
  real const root = std::sqrt(static_cast<real>(depth));
  for (index_t n = 0; n < x.batch; ++n) {
    for (index_t head = 0; head < heads; ++head) {
      index_t const q = head * depth, k = D + q, v = 2 * D + q;
      for (index_t l = 0; l < x.length(n); ++l) {
        std::vector<real> score(static_cast<std::size_t>(x.length(n)));
        real most = -std::numeric_limits<real>::infinity(), size = 0, sum = 0, largest = 0;
        for (index_t r = 0; r < x.length(n); ++r) {
          number s;
          for (index_t i = 0; i < depth; ++i) {
            number const &ql = qkv(n, l, q + i), &kr = qkv(n, r, k + i);
            s.value += ql.value * kr.value;
            s.scale += ql.scale * kr.scale;
            if (kind == tshift::position::absolute) continue;
            T const p = table[static_cast<std::size_t>((l - r + reach - 1) * depth + i)];
            add_product(s, p, ql);
            if (kind == tshift::position::relative_key_query) add_product(s, p, kr);
          }
          score[static_cast<std::size_t>(r)] = s.value / root;
          most = std::max(most, s.value / root);
          size = std::max(size, s.scale / root);
        }
        for (real& s : score) sum += s = std::exp(s - most);
        for (index_t i = 0; i < depth; ++i) {
          number& to = y(n, l, q + i);
          largest = 0;
          for (index_t r = 0; r < x.length(n); ++r) {
            to.value += score[static_cast<std::size_t>(r)] / sum * qkv(n, r, v + i).value;
            largest = std::max(largest, qkv(n, r, v + i).scale);
          }
          to.scale = largest * (1 + size);
        }
      }
    }
  }
  return y;
}

}  // namespace test_support::oracle
