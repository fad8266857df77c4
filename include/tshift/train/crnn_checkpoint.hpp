// SPDX-License-Identifier: MIT
// What a CRNN's checkpoint says of its sizes, and its tensors as training has them: batch norms folded into the layers
// before them.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/train/crnn_image.hpp>
#include <tshift/weights/batch_norm.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// Sizes of the CRNN that a checkpoint holds; of bands the fewest that its pool makes as many of.
/// @param options  its windows of the pool
/// @throws shape_error  it holds none
inline crnn_sizes crnn_sizes_of(weights::state_dict const& weights, crnn_image_options const& options = {}) {
  weights::state_reader<float> const reader("crnn", weights, weights::prefix_of("crnn", weights, "lstm.weight_hh_l0"));
  auto const size = [&reader](std::string const& name, index_t axis) { return reader.dimension(name, axis); };
  crnn_sizes s;
  s.widths.clear();
  s.filters.clear();
  s.body.clear();
  s.body_frames.clear();
  s.body_bands.clear();
  s.channels = size("conv.0.0.weight", 1);
  s.width_bands = size("conv.0.0.weight", 3);
  index_t made = 0;
  for (std::string name; reader.has(name = "conv.0." + std::to_string(s.widths.size()) + ".weight");) {
    s.filters.push_back(size(name, 0));
    s.widths.push_back(size(name, 2));
    made += s.filters.back();
  }
  for (std::string name; reader.has(name = "conv." + std::to_string(s.body.size() + 1) + ".weight");) {
    s.body.push_back(size(name, 0));
    s.body_frames.push_back(size(name, 2));
    s.body_bands.push_back(size(name, 3));
    made = s.body.back();
  }
  bool const framed = reader.has("frame.weight");
  s.frame = framed ? size("frame.weight", 0) : 0;
  index_t const wide = framed ? size("frame.weight", 1) : size("lstm.weight_ih_l0", 1);
  if (made < 1 || wide % made != 0) detail::fail("crnn: a frame of %td channels, must be bands of %td", wide, made);
  window_axis const& pool = options.pool_bands;
  s.bands = wide > 0 ? (wide / made - 1) * pool.stride + pool.taps : 0;
  s.hidden = size("lstm.weight_hh_l0", 1);
  s.both_ways = reader.has("lstm.weight_ih_l0_reverse");
  s.attention = reader.has("attention.weight") ? size("attention.weight", 0) : 0;
  s.head = size("head.0.weight", 0);
  s.classes = size("head.1.weight", 0);
  return s;
}

/// The tensors of a CRNN's checkpoint as training has them: without a prefix, with a bias for each convolution and for
/// the frame layer, and with every batch norm folded into the layer before it, from where training goes on. What is
/// made of them is what models::crnn makes of the checkpoint.
/// @param norm_eps  of the batch norms
/// @throws shape_error  a tensor is missing, has another shape or type, or is not part of the model
template <class T>
weights::state_dict crnn_without_norms(weights::state_dict const& weights, double norm_eps = 1e-5) {
  weights::state_reader<T> reader("crnn", weights, weights::prefix_of("crnn", weights, "lstm.weight_hh_l0"));
  weights::state_dict result;
  auto const shape_of = [&reader](std::string const& name, index_t axes) {
    std::vector<index_t> shape;
    for (index_t axis = 0; axis < axes; ++axis) shape.push_back(reader.dimension(name, axis));
    return shape;
  };
  auto const copy = [](weights::values<T> const& from) {
    std::vector<T> to(static_cast<std::size_t>(from.size()));
    from.copy_to(to.data(), 0, from.size());
    return to;
  };
  // A layer, with its channels of a norm, which begin at `first`.
  auto const fold = [&](std::string const& name, index_t axes, weights::batch_norm<T> const& norm, index_t first) {
    auto shape = shape_of(name + ".weight", axes);
    index_t const outputs = shape[0];
    auto const weight = reader.take(name + ".weight", shape);
    auto const bias = models::take_bias(reader, name, outputs);
    if (norm.mean.empty()) {
      result.add_owned(name + ".weight", std::move(shape), copy(weight));
      auto zeros = std::vector<T>(static_cast<std::size_t>(outputs));
      result.add_owned(name + ".bias", {outputs}, bias.empty() ? std::move(zeros) : copy(bias));
    } else {
      auto layer = weights::fold_batch_norm<T>(outputs, weight, bias, norm, first);
      result.add_owned(name + ".weight", std::move(shape), std::move(layer.weight));
      result.add_owned(name + ".bias", {outputs}, std::move(layer.bias));
    }
    return outputs;
  };
  auto const norm_of = [&reader, norm_eps](std::string const& name, index_t channels) {
    return models::take_batch_norm(reader, name + ".norm", channels, norm_eps);
  };
  auto const branch = [](index_t j) { return "conv.0." + std::to_string(j); };
  index_t widths = 0, filters = 0, done = 0;
  for (; reader.has(branch(widths) + ".weight"); ++widths) filters += reader.dimension(branch(widths) + ".weight", 0);
  auto const first = norm_of("conv.0", filters);
  for (index_t j = 0; j < widths; ++j) done += fold(branch(j), 4, first, done);
  for (index_t i = 1; reader.has("conv." + std::to_string(i) + ".weight"); ++i) {
    std::string const name = "conv." + std::to_string(i);
    fold(name, 4, norm_of(name, reader.dimension(name + ".weight", 0)), 0);
  }
  if (reader.has("frame.weight")) fold("frame", 2, norm_of("frame", reader.dimension("frame.weight", 0)), 0);
  auto const keep = [&](std::string const& name, index_t axes) {
    if (!reader.has(name)) return;
    auto shape = shape_of(name, axes);
    auto elements = copy(reader.take(name, shape));
    result.add_owned(name, std::move(shape), std::move(elements));
  };
  for (char const* const end : {"_l0", "_l0_reverse"}) {
    for (char const* const part : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
      std::string const name = std::string("lstm.") + part + end;
      keep(name, part[0] == 'w' ? 2 : 1);
    }
  }
  for (char const* const name : {"attention.weight", "head.0.weight", "head.1.weight"}) keep(name, 2);
  for (char const* const name : {"attention.bias", "attention.vector", "head.0.bias", "head.1.bias"}) keep(name, 1);
  reader.finish();
  return result;
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
