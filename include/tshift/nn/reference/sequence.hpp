// SPDX-License-Identifier: MIT
// Blocks that look at a whole sequence, as plain loops: mean_pool, lstm, self_attention. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/options.hpp>
#include <tshift/nn/reference/frame.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn { namespace reference {

/// y[n, 0, c] = (sum over t < length of x[n, t, c]) / length
///
/// x [N, T, C], y [N, 1, C]. A sequence of no frames gives 0 / 0, which is NaN. Source: torch.mean(x, dim=1).
template <class T>
constexpr void mean_pool(read_only<T> x, tensor_view<T> y) {
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t c = 0; c < y.shape.channels; ++c) {
      T sum = static_cast<T>(0);
      for (index_t t = 0; t < x.length(n); ++t) sum = sum + x(n, t, c);
      y(n, 0, c) = sum / static_cast<T>(x.length(n));
    }
  }
}

/// One direction of a long short-term memory. With s(v) = 1 / (1 + exp(-v)), from h = c = 0, frame by frame:
///
///   i, f, g, o = s, s, tanh, s of (weight_ih x[n, t] + bias_ih + weight_hh h + bias_hh), H rows of the weights each
///   c = f c + i g
///   h = o tanh(c)
///   y[n, t, j] = h[j]
///
/// x [N, T, D], y [N, T, H], weight_ih [4 H, D], weight_hh [4 H, H], bias_ih, bias_hh [4 H]. `backward` goes from the
/// last frame of each sequence to its first; frames of y past a sequence's length are zeros. Two directions are two
/// calls: one into y.slice_channels(0, H), the one backward into y.slice_channels(H, H).
/// Source: Hochreiter, Schmidhuber 1997 with forget gates (Gers et al. 2000); torch.nn.LSTM.
template <class T, class W = T>
void lstm(read_only<T> x, tensor_view<T> y, bool backward, weight_span<W> weight_ih, weight_span<W> weight_hh,
          weight_span<W> bias_ih, weight_span<W> bias_hh) {
  using std::exp, std::tanh;
  auto const s = [](T const& v) { return static_cast<T>(1) / (static_cast<T>(1) + exp(-v)); };
  index_t const D = x.shape.channels, H = y.shape.channels;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n);
    auto const units = static_cast<std::size_t>(H);
    std::vector<T> h(units, static_cast<T>(0)), c = h, gates(4 * units);
    for (index_t step = 0; step < L; ++step) {
      index_t const t = backward ? L - 1 - step : step;
      for (index_t g = 0; g < 4 * H; ++g) {
        T sum = entry<T>(bias_ih, g) + entry<T>(bias_hh, g);
        for (index_t d = 0; d < D; ++d) sum = sum + entry<T>(weight_ih, g * D + d) * x(n, t, d);
        for (index_t j = 0; j < H; ++j) sum = sum + entry<T>(weight_hh, g * H + j) * h[static_cast<std::size_t>(j)];
        gates[static_cast<std::size_t>(g)] = sum;
      }
      for (std::size_t j = 0; j < units; ++j) {
        T const in = s(gates[j]), forget = s(gates[units + j]), fresh = tanh(gates[2 * units + j]);
        T const out = s(gates[3 * units + j]);
        c[j] = forget * c[j] + in * fresh;
        h[j] = out * tanh(c[j]);
        y(n, t, static_cast<index_t>(j)) = h[j];
      }
    }
    for (index_t t = L; t < y.shape.time; ++t) {
      for (index_t j = 0; j < H; ++j) y(n, t, j) = static_cast<T>(0);
    }
  }
}

/// For each of H heads, with q, k, v = the head's part of weight x + bias, d = D / H and p = table[l - r + R - 1]:
///
///   y[n, l] = sum over r of softmax over r ((q[l] . k[r] + q[l] . p + k[r] . p) / sqrt(d)) v[r]
///
/// x, y [N, T, D]; weight [3 D, D]: queries, keys, values, each with its heads side by side; bias [3 D] or empty; table
/// [2 R - 1, d], row i for the distance l - r = i - R + 1. q . p is there for both relative kinds, k . p for
/// relative_key_query. l and r are frames of one sequence; frames of y past its length are zeros.
/// Source: Vaswani et al. 2017, arXiv:1706.03762; Shaw et al. 2018, arXiv:1803.02155; Huang et al. 2020,
/// arXiv:2009.13658.
template <class T, class W = T>
void self_attention(read_only<T> x, tensor_view<T> y, index_t heads, weight_span<W> weight, weight_span<W> bias = {},
                    frame_positions kind = frame_positions::absolute, weight_span<W> table = {}) {
  using std::exp, std::sqrt;
  index_t const D = x.shape.channels, depth = D / heads;
  index_t const reach = depth > 0 ? (static_cast<index_t>(table.size()) / depth + 1) / 2 : 0;  // R
  std::vector<T> memory(static_cast<std::size_t>(3 * x.shape.batch * x.shape.time * D)), scores;
  tensor_view<T> const all(memory.data(), {x.shape.batch, x.shape.time, 3 * D});
  linear<T, W>(x, all, weight, bias);
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n);
    for (index_t head = 0; head < heads; ++head) {
      index_t const q = head * depth, k = D + q, v = 2 * D + q;  // channels of `all` where they begin
      for (index_t l = 0; l < L; ++l) {
        scores.clear();
        T largest = static_cast<T>(0), sum = static_cast<T>(0);
        for (index_t r = 0; r < L; ++r) {
          T score = static_cast<T>(0);
          for (index_t i = 0; i < depth; ++i) {
            T const ql = all(n, l, q + i), kr = all(n, r, k + i);
            score = score + ql * kr;
            if (kind == frame_positions::absolute) continue;
            T const p = entry<T>(table, (l - r + reach - 1) * depth + i);
            score = score + ql * p;
            if (kind == frame_positions::relative_key_query) score = score + kr * p;
          }
          scores.push_back(score / sqrt(static_cast<T>(depth)));
          if (r == 0 || largest < scores.back()) largest = scores.back();
        }
        // The largest score is taken off all of them: the same quotients, and no exponential overflows.
        for (T& score : scores) {
          score = exp(score - largest);
          sum = sum + score;
        }
        for (index_t i = 0; i < depth; ++i) {
          T mean = static_cast<T>(0);
          for (index_t r = 0; r < L; ++r) mean = mean + scores[static_cast<std::size_t>(r)] / sum * all(n, r, v + i);
          y(n, l, q + i) = mean;
        }
      }
    }
    for (index_t t = L; t < y.shape.time; ++t) {
      for (index_t c = 0; c < D; ++c) y(n, t, c) = static_cast<T>(0);
    }
  }
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
