// SPDX-License-Identifier: MIT
// Which of an encoder's hidden states are wanted, and how they are written while its layers run.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <tshift/error.hpp>
#include <tshift/nn/layer_norm.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// A choice among the L + 1 hidden states of an encoder of L layers, numbered as transformers does with
/// output_hidden_states: 0 is what the first layer reads, k what layer k gives, L the encoder's output, after its last norm.
template <class T>
class hidden_states {
 public:
  /// The encoder's output, which is the default.
  static hidden_states last() { return {}; }
  /// State k, from 0 to L. The layers behind it do not run.
  static hidden_states one(index_t k) {
    hidden_states s;
    s.first_ = s.last_ = k;
    if (k < 0) detail::fail("hidden_states: state %td, must be >= 0", k);
    return s;
  }
  /// All of them: y is [(L + 1) N, T, D], the N sequences of state 0 first.
  static hidden_states all() {
    hidden_states s;
    s.first_ = 0;
    s.all_ = true;
    return s;
  }
  /// sum over k of softmax(weights)[k] state k, added up while the layers run; nothing is kept.
  /// @param weights     L + 1 numbers, finite; the softmax is taken in double
  /// @param normalised  every state is normalised over its channels first, without weight and bias, eps 1e-5: s3prl's
  ///                    Featurizer with normalize
  /// Source: Yang et al. 2021, arXiv:2105.01051 (SUPERB); use_weighted_layer_sum of transformers.
  static hidden_states weighted_sum(std::span<double const> weights, bool normalised = false) {
    hidden_states s;
    s.first_ = 0;
    s.normalised_ = normalised;
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (double const each : weights) {
      if (!std::isfinite(each)) detail::fail("hidden_states: a weight is %g, must be finite", each);
      largest = each > largest ? each : largest;
    }
    if (weights.empty()) detail::fail("hidden_states: no weights, must be one for each state");
    for (double const each : weights) sum += std::exp(each - largest);
    for (double const each : weights) s.weights_.push_back(static_cast<T>(std::exp(each - largest) / sum));
    return s;
  }

  /// Refuses what an encoder of so many layers and channels does not have, and fits the choice to it.
  void fit(index_t layers, index_t channels) {
    auto const states = layers + 1, given = static_cast<index_t>(weights_.size());
    layers_ = layers;
    if (last_ > layers) detail::fail("hidden_states: state %td, must be <= %td", last_, layers);
    if (given > 0 && given != states) {
      detail::fail("hidden_states: %td weights, must be one for each of the %td states", given, states);
    }
    if (!normalised_) return;
    auto const width = static_cast<std::size_t>(channels);
    norm_ = {std::vector<T>(width, T(1)), std::vector<T>(width, T(0))};
  }

  /// How many sequences y has for each of x.
  index_t copies() const noexcept { return all_ ? layers_ + 1 : 1; }
  /// The last state that is needed.
  index_t until() const noexcept { return last_ < 0 ? layers_ : last_; }

  /// Writes state k to sequence n of y, or adds it. Unchecked.
  /// @param x      [1, T, D]
  /// @param spare  the same shape; written over
  template <class Executor>
  void write(Executor& exec, index_t k, tensor_view<T> const& x, tensor_view<T> const& y, index_t n,
             tensor_view<T> const& spare) const {
    if (k < (first_ < 0 ? layers_ : first_) || k > until()) return;
    index_t const batch = y.shape.batch / copies(), at = all_ ? k * batch + n : n;
    tensor_view<T> from = x;
    if (normalised_) {
      norm_.compute(exec, nn::as_it_is<T>(x), spare, nn::arena<T>("speech_encoder"));
      from = spare;
    }
    bool const sum = !weights_.empty();
    T const weight = sum ? weights_[static_cast<std::size_t>(k)] : T(1);
    xsimd::batch<T> const factor(weight);
    for (index_t t = 0; t < x.shape.time; ++t) {
      T* const to = y.at(at, t, 0);
      if (sum && k > 0) {
        nn::kernel::map<xsimd::default_arch>(
            x.shape.channels, to, [&factor](auto const& a, auto const& b) { return xsimd::fma(factor, b, a); }, to,
            from.at(0, t, 0));
      } else {
        nn::kernel::map<xsimd::default_arch>(
            x.shape.channels, to, [&factor](auto const& a) { return factor * a; }, from.at(0, t, 0));
      }
    }
  }

 private:
  hidden_states() = default;

  index_t first_ = -1, last_ = -1;  // -1: L
  index_t layers_ = 0;              // L of the encoder that it fits
  bool all_ = false, normalised_ = false;
  std::vector<T> weights_;  // of a sum, after the softmax
  nn::layer_norm<T> norm_;  // of a normalised sum
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
