// SPDX-License-Identifier: MIT
// Blocks that look at a whole sequence, as plain loops: mean_pool, group_norm, lstm, self_attention. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/distance_bucket.hpp>
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

/// y[n, t, c] = (x[n, t, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c]
///
/// with mean and variance (the biased one) over the frames of the sequence and the C / groups channels of the group of c.
/// x, y [N, T, C], weight, bias [C]; frames of y past a sequence's length are zeros.
/// Source: Wu, He 2018, arXiv:1803.08494; torch.nn.GroupNorm(groups, C, eps) on [N, C, T].
template <class T, class W = T>
void group_norm(read_only<T> x, tensor_view<T> y, index_t groups, weight_span<W> weight, weight_span<W> bias,
                std::type_identity_t<W> eps) {
  using std::sqrt;
  index_t const each = x.shape.channels / groups;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n);
    for (index_t g = 0; g < groups; ++g) {
      T const count = static_cast<T>(L * each);
      T mean = static_cast<T>(0), variance = static_cast<T>(0);
      for (index_t t = 0; t < L; ++t) {
        for (index_t c = g * each; c < (g + 1) * each; ++c) mean = mean + x(n, t, c) / count;
      }
      for (index_t t = 0; t < L; ++t) {
        for (index_t c = g * each; c < (g + 1) * each; ++c) {
          T const off = x(n, t, c) - mean;
          variance = variance + off * off / count;
        }
      }
      T const deviation = sqrt(variance + static_cast<T>(eps));
      for (index_t t = 0; t < y.shape.time; ++t) {
        for (index_t c = g * each; c < (g + 1) * each; ++c) {
          y(n, t, c) = static_cast<T>(0);
          if (t >= L) continue;
          y(n, t, c) = (x(n, t, c) - mean) / deviation * entry<T>(weight, c) + entry<T>(bias, c);
        }
      }
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

/// y[n, l] = sum over r of softmax over r of score(all, n, head, l, r), times the head's part of v[r]
///
/// with all[n, t] = weight x[n, t] + bias: q, k and v, each with its heads side by side. What the kinds of attention share.
template <class T, class W, class Score>
void attention(read_only<T> x, tensor_view<T> y, index_t heads, weight_span<W> weight, weight_span<W> bias,
               Score const& score) {
  using std::exp;
  index_t const D = y.shape.channels, depth = D / heads;
  std::vector<T> memory(static_cast<std::size_t>(3 * x.shape.batch * x.shape.time * D)), scores;
  tensor_view<T> const all(memory.data(), {x.shape.batch, x.shape.time, 3 * D});
  linear<T, W>(x, all, weight, bias);
  for (index_t n = 0; n < y.shape.batch; ++n) {
    index_t const L = x.length(n);
    for (index_t head = 0; head < heads; ++head) {
      index_t const q = head * depth, v = 2 * D + q;  // channels of y and of `all` where they begin
      for (index_t l = 0; l < L; ++l) {
        scores.clear();
        T largest = static_cast<T>(0), sum = static_cast<T>(0);
        for (index_t r = 0; r < L; ++r) {
          scores.push_back(score(all, n, head, l, r));
          if (r == 0 || largest < scores.back()) largest = scores.back();
        }
        // The largest score is taken off all of them: the same quotients, and no exponential overflows.
        for (T& each : scores) {
          each = exp(each - largest);
          sum = sum + each;
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

/// For each of H heads, with q, k, v = the head's part of weight x + bias, d = D / H and p = table[l - r + R - 1]:
///
///   y[n, l] = sum over r of softmax over r ((q[l] . k[r] + q[l] . p + k[r] . p) / sqrt(d)) v[r]
///
/// x [N, T, I], y [N, T, D]; weight [3 D, I]: queries, keys, values, each with its heads side by side; bias [3 D] or
/// empty; table [2 R - 1, d], row i for the distance l - r = i - R + 1. q . p is there for both relative kinds, k . p
/// for relative_key_query. l and r are frames of one sequence; frames of y past its length are zeros.
/// Source: Vaswani et al. 2017, arXiv:1706.03762; Shaw et al. 2018, arXiv:1803.02155; Huang et al. 2020,
/// arXiv:2009.13658.
template <class T, class W = T>
void self_attention(read_only<T> x, tensor_view<T> y, index_t heads, weight_span<W> weight, weight_span<W> bias = {},
                    frame_positions kind = frame_positions::absolute, weight_span<W> table = {}) {
  using std::sqrt;
  index_t const D = y.shape.channels, depth = D / heads;
  index_t const reach = depth > 0 ? (static_cast<index_t>(table.size()) / depth + 1) / 2 : 0;  // R
  attention<T, W>(x, y, heads, weight, bias,
                  [&](tensor_view<T> const& all, index_t n, index_t head, index_t l, index_t r) {
                    T score = static_cast<T>(0);
                    for (index_t i = 0; i < depth; ++i) {
                      T const ql = all(n, l, head * depth + i), kr = all(n, r, D + head * depth + i);
                      score = score + ql * kr;
                      if (kind == frame_positions::absolute) continue;
                      T const p = entry<T>(table, (l - r + reach - 1) * depth + i);
                      score = score + ql * p;
                      if (kind == frame_positions::relative_key_query) score = score + kr * p;
                    }
                    return score / sqrt(static_cast<T>(depth));
                  });
}

/// For each of H heads, with q, k, v = the head's part of weight x + bias, d = D / H, and x_h the head's part of x itself:
///
///   y[n, l] = sum over r of softmax over r (q[l] . k[r] / sqrt(d) + gate(l) table[bucket(r - l), h]) v[r]
///   gate(l) = a (b constant[h] - 1) + 2, a and b = s(sum of the first four, and of the last four, of gate_weight x_h[l] +
///             gate_bias), s(v) = 1 / (1 + exp(-v))
///
/// table [buckets, H], gate_weight [8, d], gate_bias [8], constant [H]; the others, and lengths, as self_attention.
/// Source: Chen et al. 2022, arXiv:2110.13900 (WavLM).
template <class T, class W = T>
void gated_self_attention(read_only<T> x, tensor_view<T> y, index_t heads, weight_span<W> weight, weight_span<W> bias,
                          weight_span<W> table, index_t max_distance, weight_span<W> gate_weight,
                          weight_span<W> gate_bias, weight_span<W> constant) {
  using std::exp, std::sqrt;
  T const one = static_cast<T>(1);
  index_t const D = x.shape.channels, depth = D / heads, buckets = static_cast<index_t>(table.size()) / heads;
  auto const s = [&](index_t n, index_t l, index_t head, index_t first) {
    T sum = static_cast<T>(0);
    for (index_t row = first; row < first + 4; ++row) {
      sum = sum + entry<T>(gate_bias, row);
      for (index_t i = 0; i < depth; ++i) {
        sum = sum + entry<T>(gate_weight, row * depth + i) * x(n, l, head * depth + i);
      }
    }
    return one / (one + exp(-sum));
  };
  attention<T, W>(x, y, heads, weight, bias,
                  [&](tensor_view<T> const& all, index_t n, index_t head, index_t l, index_t r) {
                    T score = static_cast<T>(0);
                    for (index_t i = 0; i < depth; ++i) {
                      score = score + all(n, l, head * depth + i) * all(n, r, D + head * depth + i);
                    }
                    T const a = s(n, l, head, 0), b = s(n, l, head, 4);
                    T const gate = a * (b * entry<T>(constant, head) - one) + one + one;
                    T const p = entry<T>(table, distance_bucket(r - l, buckets, max_distance) * heads + head);
                    return score / sqrt(static_cast<T>(depth)) + gate * p;
                  });
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
