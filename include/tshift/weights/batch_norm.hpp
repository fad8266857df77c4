// SPDX-License-Identifier: MIT
// Batch normalisation after training: a factor and an offset for each channel, which belong into the weights of the
// layer before it. Then it costs nothing.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/error.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// The tensors of torch.nn.BatchNorm1d or 2d, one element for each channel.
template <class T>
struct batch_norm {
  values<T> weight;    ///< empty: ones
  values<T> bias;      ///< empty: zeros
  values<T> mean;      ///< running_mean
  values<T> variance;  ///< running_var
  double eps = 1e-5;   ///< PyTorch's default; TensorFlow's is 1e-3
};

/// Weights and bias of a layer that normalises what it makes.
template <class T>
struct folded_layer {
  std::vector<T> weight;  ///< in the order of the layer's own
  std::vector<T> bias;    ///< one for each output
};

/// The linear layer or convolution that has the norm after it in its weights: with c = first + o and
/// g[c] = norm.weight[c] / sqrt(variance[c] + eps),
///
///   weight'[o, ...] = weight[o, ...] g[c]    bias'[o] = (bias[o] - mean[c]) g[c] + norm.bias[c]
///
/// Computed in double, and rounded once. A norm before a layer is no such thing: where that has zeros around its
/// input, what it makes of them would change.
/// @param outputs  of the layer
/// @param weight   [outputs, ...], as PyTorch has it
/// @param bias     [outputs], or empty for none
/// @param norm     of outputs or more channels
/// @param first    the channel of the norm that output 0 is: not 0 where several layers' outputs stand side by side
/// @throws shape_error  sizes disagree, or variance + eps is not positive and finite
template <class T>
folded_layer<T> fold_batch_norm(index_t outputs, values<T> weight, values<T> bias, batch_norm<T> const& norm,
                                index_t first = 0) {
  constexpr char const* name = "fold_batch_norm";
  index_t const channels = norm.mean.size();
  if (outputs < 0 || first < 0 || first > channels || outputs > channels - first) {
    detail::fail("%s: outputs [%td, %td), must be channels of the norm, which has %td", name, first, first + outputs,
                 channels);
  }
  auto const check = [](char const* what, index_t have, index_t want) {
    if (have != want) detail::fail("%s: %s has %td elements, must have %td", name, what, have, want);
  };
  check("variance", norm.variance.size(), channels);
  if (!norm.weight.empty()) check("norm.weight", norm.weight.size(), channels);
  if (!norm.bias.empty()) check("norm.bias", norm.bias.size(), channels);
  if (!bias.empty()) check("bias", bias.size(), outputs);
  index_t const each = outputs > 0 ? weight.size() / outputs : 0;
  check("weight", weight.size(), each * outputs);
  auto const at = [](values<T> const& from, index_t i, double otherwise) {
    return from.empty() ? otherwise : static_cast<double>(from[i]);
  };
  folded_layer<T> layer{std::vector<T>(static_cast<std::size_t>(weight.size())),
                        std::vector<T>(static_cast<std::size_t>(outputs))};
  T* to = layer.weight.data();
  for (index_t o = 0; o < outputs; ++o) {
    index_t const c = first + o;
    double const spread = static_cast<double>(norm.variance[c]) + norm.eps;
    if (!(spread > 0 && spread <= std::numeric_limits<double>::max())) {
      detail::fail("%s: variance[%td] + eps = %g, must be > 0 and finite", name, c, spread);
    }
    double const factor = at(norm.weight, c, 1) / std::sqrt(spread);
    double const offset = (at(bias, o, 0) - static_cast<double>(norm.mean[c])) * factor + at(norm.bias, c, 0);
    layer.bias[static_cast<std::size_t>(o)] = static_cast<T>(offset);
    for (index_t i = 0; i < each; ++i) *to++ = static_cast<T>(static_cast<double>(weight[o * each + i]) * factor);
  }
  return layer;
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
