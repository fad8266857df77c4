// SPDX-License-Identifier: MIT
// Checkpoints of CRNNs and vertical-patch ViTs from a seed, equal to the last bit to what tests/golden/neighbours.py gives
// PyTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/weights/state_dict.hpp>

#include "seeded.hpp"

namespace test_support {

/// As CrnnSizes of neighbours.py; the options are what no tensor says.
struct crnn_sizes {
  index_t channels = 3, bands = 40, band_taps = 3, filters = 128, frame = 768, hidden = 128, directions = 2;
  index_t attention = 0, head = 64, classes = 4, summaries = 2;
  bool norm = false;
  std::vector<index_t> widths = {5}, body = {256, 256, 256, 256, 256}, body_taps = {5, 3}, pool = {2, 4};
};

/// As VitSizes of neighbours.py.
struct vit_sizes {
  bool teacher = false;
  index_t rows = 128, width = 256, heads = 5, depth_of_head = 64, hidden = 512, layers = 3, classes = 4;
  index_t patch_height = 0, patch_width = 1;
};

using named_shapes = std::vector<std::pair<std::string, std::vector<index_t>>>;

/// name.weight and name.bias.
inline void add_layer(named_shapes& to, std::string const& name, std::vector<index_t> shape, bool bias = true) {
  index_t const outputs = shape[0];
  to.emplace_back(name + ".weight", std::move(shape));
  if (bias) to.emplace_back(name + ".bias", std::vector<index_t>{outputs});
}

/// A batch norm's four.
inline void add_norm(named_shapes& to, std::string const& name, index_t channels) {
  add_layer(to, name, {channels});
  for (char const* const part : {".running_mean", ".running_var"}) {
    to.emplace_back(name + part, std::vector<index_t>{channels});
  }
}

/// Names and shapes of all tensors.
inline named_shapes tensors_of(crnn_sizes const& s) {
  named_shapes all;
  for (std::size_t j = 0; j < s.widths.size(); ++j) {
    add_layer(all, "conv.0." + std::to_string(j), {s.filters, s.channels, s.widths[j], s.band_taps});
  }
  index_t inputs = s.filters * static_cast<index_t>(s.widths.size());
  if (s.norm) add_norm(all, "conv.0.norm", inputs);
  for (std::size_t i = 0; i < s.body.size(); ++i) {
    std::string const conv = "conv." + std::to_string(i + 1);
    add_layer(all, conv, {s.body[i], inputs, s.body_taps[0], s.body_taps[1]});
    inputs = s.body[i];
    if (s.norm) add_norm(all, conv + ".norm", inputs);
  }
  index_t wide = inputs * ((s.bands - s.pool[1]) / s.pool[1] + 1);
  if (s.frame > 0) {
    add_layer(all, "frame", {s.frame, wide});
    if (s.norm) add_norm(all, "frame.norm", s.frame);
    wide = s.frame;
  }
  for (index_t direction = 0; direction < s.directions; ++direction) {
    std::string const end = direction == 1 ? "_l0_reverse" : "_l0";
    all.emplace_back("lstm.weight_ih" + end, std::vector<index_t>{4 * s.hidden, wide});
    all.emplace_back("lstm.weight_hh" + end, std::vector<index_t>{4 * s.hidden, s.hidden});
    all.emplace_back("lstm.bias_ih" + end, std::vector<index_t>{4 * s.hidden});
    all.emplace_back("lstm.bias_hh" + end, std::vector<index_t>{4 * s.hidden});
  }
  index_t const outputs = s.directions * s.hidden;
  if (s.attention > 0) {
    add_layer(all, "attention", {s.attention, outputs});
    all.emplace_back("attention.vector", std::vector<index_t>{s.attention});
  }
  add_layer(all, "head.0", {s.head, s.summaries * outputs});
  add_layer(all, "head.1", {s.classes, s.head});
  return all;
}

/// The same.
inline named_shapes tensors_of(vit_sizes const& s) {
  named_shapes all;
  all.emplace_back("cls_token", std::vector<index_t>{1, 1, s.width});
  if (s.teacher) {
    index_t const channels[] = {1, 16, 32, 64, 32, 16, 1};
    for (index_t i = 0; i < 6; ++i) {
      add_layer(all, "conv_stem." + std::to_string(3 * i), {channels[i + 1], channels[i], 3, 3});
    }
  }
  index_t const height = s.patch_height > 0 ? s.patch_height : s.rows;
  index_t const size = (s.teacher ? 3 : 1) * height * s.patch_width, inner = s.heads * s.depth_of_head;
  add_layer(all, "to_patch_embedding.1", {size});
  add_layer(all, "to_patch_embedding.2", {s.width, size});
  add_layer(all, "to_patch_embedding.3", {s.width});
  add_layer(all, "transformer.norm", {s.width});
  for (index_t i = 0; i < s.layers; ++i) {
    std::string const layer = "transformer.layers." + std::to_string(i) + ".";
    add_layer(all, layer + "0.norm", {s.width});
    add_layer(all, layer + "0.to_qkv", {3 * inner, s.width}, false);
    if (s.heads != 1 || inner != s.width) add_layer(all, layer + "0.to_out.0", {s.width, inner});
    add_layer(all, layer + "1.net.0", {s.width});
    add_layer(all, layer + "1.net.1", {s.hidden, s.width});
    add_layer(all, layer + "1.net.4", {s.width, s.hidden});
  }
  add_layer(all, "mlp_head", {s.classes, s.width});
  return all;
}

/// A checkpoint. Variances are drawn as scales are, around 1.
template <class T, class Sizes>
tshift::weights::state_dict seeded_neighbour(Sizes const& sizes, std::uint64_t seed) {
  tshift::weights::state_dict weights;
  for (auto const& [name, shape] : tensors_of(sizes)) {
    std::string const drawn = name.ends_with("running_var") ? name + ".weight" : name;
    weights.add_owned(name, shape, seeded<T>(drawn, shape, seed));
  }
  return weights;
}

}  // namespace test_support
