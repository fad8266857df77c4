// SPDX-License-Identifier: MIT
// Weights and inputs from a name and a seed, equal to the last bit to what tests/golden/models.py gives PyTorch: a test
// of full size needs no file of 38 MB. Also the names and shapes of every model's tensors.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/values.hpp>

#include "random.hpp"

namespace test_support {

/// FNV-1a.
constexpr std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (char const c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

inline std::size_t count_of(std::vector<index_t> const& shape, std::size_t from = 0) {
  std::size_t count = 1;
  for (std::size_t i = from; i < shape.size(); ++i) count *= static_cast<std::size_t>(shape[i]);
  return count;
}

/// The values of a tensor, row-major. All are float values, also in a vector of double. With u in [-1, 1):
///   x                                                    u
///   tables of positions, and the vector of SpecAugment   0.5 u
///   other tensors of rank 2, 3                           u * float(2 / sqrt(product of all sizes but the first))
///   scales of a LayerNorm                                1 + 0.25 u
///   biases                                               0.25 u
/// One rounding at most per value, so that no contraction by a compiler changes a bit.
template <class T>
std::vector<T> seeded(std::string_view name, std::vector<index_t> const& shape, std::uint64_t seed) {
  static_assert(std::is_floating_point_v<T>);
  random_bits random(hash_of(name) ^ (seed * 0x9e3779b97f4a7c15u));
  float base = 0;
  float scale = 0.25f;
  if (name == "x") {
    scale = 1;
  } else if (name.find("embed") != std::string_view::npos) {
    scale = 0.5f;
  } else if (shape.size() > 1) {
    scale = static_cast<float>(2 / std::sqrt(static_cast<double>(count_of(shape, 1))));
  } else if (name.ends_with(".weight")) {
    base = 1;
  }
  std::vector<T> values(count_of(shape));
  for (T& value : values) {
    auto const whole = static_cast<std::int32_t>(random() >> 40) - (1 << 23);
    float const u = static_cast<float>(whole) / static_cast<float>(1 << 23);
    value = static_cast<T>(base + u * scale);
  }
  return values;
}

/// A model as models.txt describes it.
struct model_sizes {
  std::string kind;      ///< cnn, lstm, shift_lstm, transformer, shiftformer
  std::string position;  ///< absolute, relative_key, relative_key_query; none: no tables
  index_t width = 0;     ///< D, features per frame
  index_t length = 0;    ///< the longest T; 0 without tables
  index_t classes = 0;   ///< K
  bool one_way = false;  ///< of an LSTM: without its backward direction
};

/// Names and shapes of a model's floating-point tensors, as PyTorch's named_parameters has them.
inline std::vector<std::pair<std::string, std::vector<index_t>>> tensors_of(model_sizes const& model) {
  std::vector<std::pair<std::string, std::vector<index_t>>> tensors;
  auto const add = [&](std::string name, std::vector<index_t> shape) {
    tensors.emplace_back(std::move(name), std::move(shape));
  };
  auto const add_with_bias = [&](std::string const& name, std::vector<index_t> shape) {
    index_t const outputs = shape[0];
    add(name + ".weight", std::move(shape));
    add(name + ".bias", {outputs});
  };
  index_t const D = model.width;
  index_t const K = model.classes;
  add("specaugment.masked_spec_embed", {D});
  if (model.kind == "cnn") {
    for (std::string const block : {"conv_block.0.sequential.", "conv_block.1.sequential."}) {
      add_with_bias(block + "0", {D, 1, 7});
      add_with_bias(block + "2", {D});
      add_with_bias(block + "4", {4 * D, D, 1});
      add_with_bias(block + "6", {D, 4 * D, 1});
    }
    add_with_bias("norm", {D});
    add_with_bias("head", {K, D});
  } else if (model.kind == "lstm" || model.kind == "shift_lstm") {
    std::string const rnn = model.kind == "lstm" ? "rnn." : "rnn.net.";
    for (std::string_view const direction : {"_l0", "_l0_reverse"}) {
      if (model.one_way && direction != "_l0") continue;
      auto const add_rnn = [&](std::string name, std::vector<index_t> shape) {
        add(name.insert(0, rnn).append(direction), std::move(shape));
      };
      add_rnn("weight_ih", {4 * D, D});
      add_rnn("weight_hh", {4 * D, D});
      add_rnn("bias_ih", {4 * D});
      add_rnn("bias_hh", {4 * D});
    }
    index_t const made = model.one_way ? D : 2 * D;
    add_with_bias("norm", {made});
    add_with_bias("head", {K, made});
  } else if (model.kind == "transformer" || model.kind == "shiftformer") {
    if (model.position == "absolute") add("position_embeddings.weight", {model.length, D});
    for (std::string const block : {"transformer.0.", "transformer.1."}) {
      if (model.kind == "transformer") {
        add_with_bias(block + "token_mixer.qkv", {3 * D, D});
        if (model.position != "absolute") {
          add(block + "token_mixer.distance_embedding.weight", {2 * model.length - 1, D / 12});
        }
        add_with_bias(block + "norm1", {D});
      }
      add_with_bias(block + "mlp.fc1", {4 * D, D});
      add_with_bias(block + "mlp.fc2", {D, 4 * D});
      add_with_bias(block + "norm2", {D});
    }
    add_with_bias("head", {K, D});
  } else {
    throw std::invalid_argument("tensors_of: no model is called " + model.kind);
  }
  return tensors;
}

/// A model's checkpoint, with what it has besides weights.
template <class T>
tshift::weights::state_dict seeded_weights(model_sizes const& model, std::uint64_t seed) {
  tshift::weights::state_dict weights;
  for (auto const& [name, shape] : tensors_of(model)) weights.add_owned(name, shape, seeded<T>(name, shape, seed));
  if (model.position == "absolute") {
    weights.add_owned("position_ids", {1, model.length}, std::vector<std::int64_t>(count_of({model.length})));
  }
  return weights;
}

/// Sum of the bits of the values as floats, modulo 2^64. models.txt has it of all weights and the input.
template <class T>
std::uint64_t bit_sum(tshift::weights::values<T> const& values) {
  std::uint64_t sum = 0;
  for (index_t i = 0; i < values.size(); ++i) sum += std::bit_cast<std::uint32_t>(static_cast<float>(values[i]));
  return sum;
}

template <class T>
std::uint64_t bit_sum(tshift::weights::state_dict const& weights) {
  std::uint64_t sum = 0;
  for (tshift::weights::tensor const& tensor : weights) {
    if (is_number(tensor.type)) sum += bit_sum(tshift::weights::read_as<T>(tensor));
  }
  return sum;
}

}  // namespace test_support
