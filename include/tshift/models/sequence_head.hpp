// SPDX-License-Identifier: MIT
// The heads that people train on pre-trained encoders: mean over time, and two linear layers.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/parts.hpp>
#include <tshift/weights/state_dict.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// y[n] = second(f(first(mean over t < length of x[n, t]))), with x [N, T, D], y [N, 1, classes], and
///
///   projector.*, classifier.*              f(v) = v     transformers' ForSequenceClassification, SUPERB's for emotions
///   classifier.dense.*, .out_proj.*        f = tanh     a regression, audeering's: values, no logits
///
/// transformers projects every frame and takes the mean then, which is the same: both are linear. Lengths of x are
/// honoured. Accuracy: as mean_pool and linear. Source: Yang et al. 2021, arXiv:2105.01051; Wagner et al. 2023,
/// arXiv:2203.07378.
template <class T>
class sequence_head : public nn::calls<sequence_head<T>, T, tensor_view<T const>> {
 public:
  static constexpr char const* name = "sequence_head";  ///< in messages

  /// @param weights   what speech_encoder_weights gives as `rest`, whole: no head is guessed from a part of its tensors
  /// @param channels  D
  /// @throws shape_error  the tensors are those of no head above, one is missing, has another shape or type, or is not
  ///                      part of it
  sequence_head(weights::state_dict const& weights, index_t channels) {
    weights::state_reader<T> reader(name, weights);
    regression_ = reader.has("classifier.dense.weight") && reader.has("classifier.out_proj.weight");
    bool const logits = reader.has("projector.weight") && reader.has("classifier.weight");
    if (regression_ == logits) refuse(weights);
    std::string const one = regression_ ? "classifier.dense" : "projector";
    std::string const two = regression_ ? "classifier.out_proj" : "classifier";
    first_ = take_linear(reader, one, channels, reader.dimension(one + ".weight", 0));
    second_ = take_linear(reader, two, first_.outputs(), reader.dimension(two + ".weight", 0));
    if (first_.outputs() < 1 || classes() < 1) {
      detail::fail("sequence_head: %td channels and %td classes, must be one or more of each", first_.outputs(),
                   classes());
    }
    if (reader.has("layer_weights")) {
      index_t const states = reader.dimension("layer_weights", 0);
      auto const from = reader.take("layer_weights", {states});
      for (index_t k = 0; k < states; ++k) layer_weights_.push_back(static_cast<double>(from[k]));
    }
    reader.finish();
  }

  /// Number of channels D of x.
  index_t channels() const noexcept { return first_.inputs(); }
  /// Number of logits or values.
  index_t classes() const noexcept { return second_.outputs(); }
  /// Whether y are values of their own, and no logits of a softmax.
  bool regression() const noexcept { return regression_; }
  /// What x is the weighted sum of hidden states by: hidden_states::weighted_sum. Empty: x is the encoder's output.
  std::vector<double> const& layer_weights() const noexcept { return layer_weights_; }

  /// The mean, and what the first layer makes of it. Unchecked.
  T* layout(nn::arena<T>& a, shape const& x) const { return a.take({x.batch, first_.inputs() + first_.outputs()}); }

  /// Refuses what does not fit.
  void check(tensor_view<T const> const& x, tensor_view<T> const& y) const {
    nn::check_call(name, x, channels(), y, 1, classes());
  }

  /// Unchecked.
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, tensor_view<T> const& y, nn::arena<T> a) const {
    index_t const N = x.shape.batch;
    tensor_view<T> const mean(layout(a, x.shape), {N, 1, first_.inputs()});
    tensor_view<T> const middle(mean.data + mean.size(), {N, 1, first_.outputs()});
    nn::pool_rows(exec, nn::as_it_is<T>(x), mean);
    first_.compute(exec, nn::as_it_is<T>(mean), middle, a);
    if (regression_) {
      nn::kernel::map<xsimd::default_arch>(
          middle.size(), middle.data, [](auto const& v) { return nn::kernel::tanh(v); }, middle.data);
    }
    second_.compute(exec, nn::as_it_is<T>(middle), y, a);
  }

 private:
  [[noreturn]] static void refuse(weights::state_dict const& weights) {
    std::string found;
    for (index_t i = 0; i < weights.size() && i < 6; ++i) {
      found += (i == 0 ? " " : ", ") + detail::shown_name((weights.begin() + i)->name);
    }
    if (weights.size() > 6) found += " and " + std::to_string(weights.size() - 6) + " more";
    detail::fail("sequence_head: no head is known that has%s", found.empty() ? " no tensors" : found.c_str());
  }

  bool regression_ = false;
  nn::linear<T> first_, second_;
  std::vector<double> layer_weights_;
};

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
