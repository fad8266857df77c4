// SPDX-License-Identifier: MIT
// Layers with a batch norm behind them, of which inference needs no trace: it is folded into the layer.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <string>

#include <tshift/nn/linear.hpp>
#include <tshift/weights/batch_norm.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// The tensors of a batch norm, `prefix`.weight, .bias, .running_mean and .running_var; empty where there is none.
template <class T>
weights::batch_norm<T> take_batch_norm(weights::state_reader<T>& weights, std::string const& prefix, index_t channels,
                                       double eps) {
  if (!weights.has(prefix + ".running_mean")) return {};
  auto const scale = weights.take(prefix + ".weight", {channels});
  auto const offset = weights.take(prefix + ".bias", {channels});
  auto const mean = weights.take(prefix + ".running_mean", {channels});
  weights.ignore(prefix + ".num_batches_tracked");
  return {scale, offset, mean, weights.take(prefix + ".running_var", {channels}), eps};
}

/// `name`.bias, or none: a layer before a norm needs none.
template <class T>
weights::values<T> take_bias(weights::state_reader<T>& weights, std::string const& name, index_t outputs) {
  if (!weights.has(name + ".bias")) return {};
  return weights.take(name + ".bias", {outputs});
}

/// A linear layer from a state_dict, with the batch norm `name`.norm after it where there is one.
template <class T>
nn::linear<T> take_folded(weights::state_reader<T>& weights, std::string const& name, index_t inputs, index_t outputs,
                          double eps) {
  auto const weight = weights.take(name + ".weight", {outputs, inputs});
  auto const bias = take_bias(weights, name, outputs);
  auto const norm = take_batch_norm(weights, name + ".norm", outputs, eps);
  if (norm.mean.empty()) return {inputs, outputs, weight, bias};
  auto const layer = weights::fold_batch_norm<T>(outputs, weight, bias, norm);
  return {inputs, outputs, {layer.weight, weights.how()}, layer.bias};
}

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
