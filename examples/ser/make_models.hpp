// SPDX-License-Identifier: MIT
// What the files of make_models are made with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <utility>
#include <vector>

namespace make_models {

using tshift::index_t;
using tshift::weights::tensor;
using tensors = std::vector<tensor>;

inline constexpr index_t classes = 4, batch = 3, frames = 10;
inline constexpr std::uint64_t seed = 7;

inline std::filesystem::path folder;

inline void write(std::string const& name, tensors const& list,
                  std::map<std::string, std::string> const& metadata = {}) {
  tshift::io::write_safetensors(folder / (name + ".safetensors"), list, metadata);
}

/// The tensors of a file with one of them replaced, or left out if there is nothing to replace it with.
inline tensors with(tensors list, std::string const& name, std::optional<tensor> const& replacement) {
  tensors result;
  for (auto& tensor : list) {
    if (tensor.name != name) result.push_back(std::move(tensor));
  }
  if (replacement) result.push_back(*replacement);
  return result;
}

/// What must come out: logits, probabilities, and the feature of a model that gives one.
template <class Model>
void expect(std::string const& name, Model const& model, tshift::tensor_view<float const> const& input) {
  std::vector<float> y(static_cast<std::size_t>(input.shape.batch * classes));
  std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(input.shape)));
  model.forward(input, tshift::tensor_view<float>(y.data(), {input.shape.batch, 1, classes}), workspace);
  std::vector<float> probabilities;
  for (std::size_t n = 0; n < y.size(); n += classes) {
    double sum = 0, largest = y[n];
    for (std::size_t k = n; k < n + classes; ++k) largest = std::max(largest, static_cast<double>(y[k]));
    for (std::size_t k = n; k < n + classes; ++k) sum += std::exp(static_cast<double>(y[k]) - largest);
    for (std::size_t k = n; k < n + classes; ++k) {
      probabilities.push_back(static_cast<float>(std::exp(static_cast<double>(y[k]) - largest) / sum));
    }
  }
  std::vector<index_t> const shape{input.shape.batch, classes};
  tensors list{{"y", shape, y}, {"probabilities", shape, probabilities}};
  std::vector<float> feature;
  if constexpr (requires { model.features(); }) {
    feature.resize(static_cast<std::size_t>(input.shape.batch * model.features()));
    tshift::tensor_view<float> const to(feature.data(), {input.shape.batch, 1, model.features()});
    model.forward_both(input, to, tshift::tensor_view<float>(y.data(), {input.shape.batch, 1, classes}), workspace);
    list.emplace_back("feature", std::vector<index_t>{input.shape.batch, model.features()}, feature);
  }
  write("want_" + name, list);
}

/// The models of images and what they read, in make_images.cpp.
void write_images();

}  // namespace make_models
