// SPDX-License-Identifier: MIT
// A sequence made one frame, as plain loops: summary. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/options.hpp>
#include <tshift/nn/reference/frame.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn { namespace reference {

/// y[t] = softmax over t < length of vector . s(weight x[n, t] + bias), with s(v) = 1 / (1 + exp(-v)), or tanh
///
/// weight [A, C], bias [A] or empty, vector [A]; y has as many elements as the sequence has frames.
template <class T, class W = T>
std::vector<T> attention_of_frames(read_only<T> x, index_t n, attention_scorer kind, weight_span<W> weight,
                                   weight_span<W> bias, weight_span<W> vector) {
  using std::exp, std::tanh;
  T const one = static_cast<T>(1);
  index_t const C = x.shape.channels;
  std::vector<T> scores;
  T largest = static_cast<T>(0), total = static_cast<T>(0);
  for (index_t t = 0; t < x.length(n); ++t) {
    T score = static_cast<T>(0);
    for (index_t a = 0; a < static_cast<index_t>(vector.size()); ++a) {
      T sum = entry_or_zero<T>(bias, a);
      for (index_t c = 0; c < C; ++c) sum = sum + entry<T>(weight, a * C + c) * x(n, t, c);
      T const s = kind == attention_scorer::sigmoid ? one / (one + exp(-sum)) : tanh(sum);
      score = score + entry<T>(vector, a) * s;
    }
    if (t == 0 || largest < score) largest = score;
    scores.push_back(score);
  }
  // The largest score is taken off all of them: the same quotients, and no exponential overflows.
  for (T& each : scores) {
    each = exp(each - largest);
    total = total + each;
  }
  for (T& each : scores) each = each / total;
  return scores;
}

/// What one kind makes of channel c of sequence n, over its frames t < L:
///
///   last x[n, L - 1, c], and for the second half of the channels of two directions x[n, 0, c]
///   mean, max, std = sqrt(mean over t of (x[n, t, c] - mean)^2 + eps), attention = sum over t of weights[t] x[n, t, c]
///
/// @param weights  attention_of_frames; only looked at for attention
template <class T>
T summary_of_channel(read_only<T> x, index_t n, index_t c, summary_kind kind, index_t directions, double eps,
                     std::vector<T> const& weights) {
  using std::sqrt;
  index_t const L = x.length(n);
  T const count = static_cast<T>(L);
  if (kind == summary_kind::last) {
    bool const backward = directions == 2 && c >= x.shape.channels / 2;
    return x(n, backward ? 0 : L - 1, c);
  }
  if (kind == summary_kind::max) {
    T largest = x(n, 0, c);
    for (index_t t = 1; t < L; ++t) {
      if (largest < x(n, t, c)) largest = x(n, t, c);
    }
    return largest;
  }
  T sum = static_cast<T>(0), squares = static_cast<T>(0);
  for (index_t t = 0; t < L; ++t) {
    sum = sum + (kind == summary_kind::attention ? weights[static_cast<std::size_t>(t)] * x(n, t, c) : x(n, t, c));
  }
  if (kind == summary_kind::attention) return sum;
  T const mean = sum / count;
  if (kind == summary_kind::mean) return mean;
  for (index_t t = 0; t < L; ++t) squares = squares + (x(n, t, c) - mean) * (x(n, t, c) - mean);
  return sqrt(squares / count + static_cast<T>(eps));
}

/// y[n, 0, i C + c] = summary_of_channel(n, c, kinds[i])
///
/// x [N, T, C], y [N, 1, kinds C]. A sequence of no frames gives 0 / 0, which is NaN. Sources: torch.nn.LSTM's last
/// states; Snyder et al. 2017 (statistics pooling); Chen et al. 2018 (attention).
template <class T, class W = T>
void summary(read_only<T> x, tensor_view<T> y, std::span<summary_kind const> kinds, index_t directions, double eps,
             attention_scorer scorer = attention_scorer::sigmoid, weight_span<W> weight = {}, weight_span<W> bias = {},
             weight_span<W> vector = {}) {
  index_t const C = x.shape.channels;
  for (index_t n = 0; n < y.shape.batch; ++n) {
    std::vector<T> const weights = attention_of_frames<T, W>(x, n, scorer, weight, bias, vector);
    for (index_t i = 0; i < static_cast<index_t>(kinds.size()); ++i) {
      for (index_t c = 0; c < C; ++c) {
        y(n, 0, i * C + c) = x.length(n) == 0 ? static_cast<T>(0) / static_cast<T>(0)
                                              : summary_of_channel<T>(x, n, c, kinds[static_cast<std::size_t>(i)],
                                                                      directions, eps, weights);
      }
    }
  }
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
