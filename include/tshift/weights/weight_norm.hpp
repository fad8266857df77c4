// SPDX-License-Identifier: MIT
// Weight norm, folded: a file that keeps a convolution's weight as lengths and directions gives the weight itself.
#pragma once

#include <tshift/macros/away.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/weights/dtype.hpp>
#include <tshift/weights/float_formats.hpp>
#include <tshift/weights/tensor.hpp>
#include <tshift/weights/text.hpp>
#include <tshift/weights/values.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// The weight that torch.nn.utils.weight_norm(conv, dim=2), and the parametrization of that name, compute in every
/// forward, for once and all:
///   w[o, i, k] = g[0, 0, k] v[o, i, k] / sqrt(sum over o and i of v[o, i, k]^2)
/// @param g          [1, 1, taps]: weight_g, or parametrizations.weight.original0
/// @param v          [outputs, inputs, taps]: weight_v, or parametrizations.weight.original1
/// @param operation  who folds, the first word of messages
/// @param source     where the two come from, for messages: a file name, or empty
/// @return w, row-major; computed in double, rounded once
/// @throws shape_error  for other shapes and types, where the directions of a tap have no length (all are 0) or none that
///                      is finite, and for a length that float cannot hold
/// Cost: two passes over v. Source: torch/nn/utils/weight_norm.py.
inline std::vector<float> fold_weight_norm(tensor const& g, tensor const& v, char const* operation = "weight_norm",
                                           std::string_view source = {}) {
  values<double> const lengths = read_as<double>(g, operation, source);
  values<double> const directions = read_as<double>(v, operation, source);
  if (v.shape.size() != 3) {
    detail::fail("%s: %s is %s, must have three dimensions%s", operation, detail::shown_name(v.name).c_str(),
                 detail::shown_shape(v.shape).c_str(), detail::shown_place(source, v.byte).c_str());
  }
  index_t const taps = v.shape[2];
  std::array<index_t, 3> const wanted{1, 1, taps};
  if (g.shape != std::vector<index_t>(wanted.begin(), wanted.end())) {
    detail::fail("%s: %s is %s, must be %s%s", operation, detail::shown_name(g.name).c_str(),
                 detail::shown_shape(g.shape).c_str(), detail::shown_shape(wanted).c_str(),
                 detail::shown_place(source, g.byte).c_str());
  }
  auto const width = static_cast<std::size_t>(taps);
  std::vector<double> row(width), norms(width);
  for (index_t first = 0; first < directions.size(); first += taps) {
    directions.copy_to(row.data(), first, taps);
    for (std::size_t k = 0; k < width; ++k) norms[k] += row[k] * row[k];
  }
  for (std::size_t k = 0; k < width; ++k) {
    norms[k] = std::sqrt(norms[k]);
    if (!(norms[k] > 0 && norms[k] <= std::numeric_limits<double>::max())) {
      detail::fail("%s: %s has length %g at tap %zu, must be positive and finite%s", operation,
                   detail::shown_name(v.name).c_str(), norms[k], k, detail::shown_place(source, v.byte).c_str());
    }
    double const length = lengths[static_cast<index_t>(k)];
    if (detail::overflows_float(length)) {
      detail::fail("%s: %s: %g is more than a float holds%s", operation, detail::shown_name(g.name).c_str(), length,
                   detail::shown_place(source, g.byte).c_str());
    }
  }
  std::vector<float> folded(static_cast<std::size_t>(directions.size()));
  for (std::size_t i = 0; i < folded.size(); ++i) {
    std::size_t const k = i % width;
    // No component is longer than the whole, so that nothing exceeds g here, and g was looked at.
    double const part = directions[static_cast<index_t>(i)] / norms[k];
    folded[i] = detail::nearest_float(lengths[static_cast<index_t>(k)] * part);
  }
  return folded;
}

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
