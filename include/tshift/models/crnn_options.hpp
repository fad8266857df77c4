// SPDX-License-Identifier: MIT
// What a CRNN is told beside its tensors, and what that means.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

#include <tshift/nn/options.hpp>
#include <tshift/nn/residual.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {

/// What is no tensor of a CRNN's convolutions. Defaults are Chen's.
struct crnn_image_options {
  window_axis pool_time = {2, 2};               ///< of the max-pool after the first convolutions, along time
  window_axis pool_bands = {4, 4};              ///< and along bands
  activation f = activation::leaky_relu(0.01);  ///< of all layers
  double norm_eps = 1e-5;                       ///< of batch norms; TensorFlow's is 1e-3
  model_shift shift = {};                       ///< before convolutions of the body; n_div 0: none
  std::vector<index_t> shifted = {};            ///< which, counted from 1; empty: before all of them
};

/// What is no tensor of a CRNN.
struct crnn_options {
  crnn_image_options image = {};           ///< of the convolutions
  std::vector<summary_kind> summary = {};  ///< of the LSTM; empty: attention where it has tensors, else mean and max
  double summary_eps = 1e-5;               ///< of summary_kind::std
  attention_scorer scorer = attention_scorer::sigmoid;  ///< of summary_kind::attention
};

}}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// What the summary of a CRNN has side by side: what the options say; else attention where it has tensors; else mean and
/// maximum.
inline std::vector<summary_kind> crnn_summary(crnn_options const& options, bool attends) {
  if (!options.summary.empty()) return options.summary;
  if (attends) return {summary_kind::attention};
  return {summary_kind::mean, summary_kind::max};
}

/// The shift before convolution `number` of the body, counted from 1; none where the options name others.
/// @throws shape_error  it stands on a skip connection, or the options mean no plan
inline nn::placed_plan crnn_shift(crnn_image_options const& options, index_t channels, index_t number) {
  nn::placed_plan const made(options.shift, channels);
  if (made.where == placement::skip) {
    detail::fail("crnn: placement = skip, but there is no skip connection; must be none, branch or both");
  }
  bool const here = options.shifted.empty() || std::count(options.shifted.begin(), options.shifted.end(), number) > 0;
  return here ? made : nn::placed_plan({}, channels);
}

/// Refuses shifts before convolutions that a body of so many does not have.
inline void check_shifted(crnn_image_options const& options, index_t filters, index_t convs) {
  if (convs == 0 && nn::placed_plan(options.shift, filters).where != placement::none) {
    detail::fail("crnn: a shift before convolutions of the body, which has none");
  }
  for (index_t const each : options.shifted) {
    if (each >= 1 && each <= convs) continue;
    detail::fail("crnn: shift before convolution %td, the body has %td of them, counted from 1", each, convs);
  }
}

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
