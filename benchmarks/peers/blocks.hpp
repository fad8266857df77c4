// SPDX-License-Identifier: MIT
// Single blocks for models_worker.cpp: what blocks.py has in PyTorch, with the same weights by the same names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/interop/openmp.hpp>
#include <tshift/nn.hpp>

#include "../../tests/support/seeded.hpp"

namespace peers {

using tshift::index_t;
using values = std::vector<float>;
using input = tshift::nn::input<float>;

/// Of what runs next.
inline int threads = 1;

/// body(executor) on several threads, body() on one.
template <class Body>
void on_threads(Body const& body) {
  if (threads > 1) {
    body(tshift::openmp_executor());
  } else {
    body();
  }
}

/// y of x, and how large both sides of the call are.
struct block {
  std::function<void(input const& x, tshift::tensor_view<float> const& y, std::span<float> workspace)> run;
  index_t channels = 0;  ///< of y
  bool pools = false;    ///< y has one frame per sequence
  index_t workspace = 0;
};

/// A block that owns its weights; std::function copies what it holds, so that holds a pointer.
template <class Owned>
block running(Owned owned, index_t channels, index_t workspace) {
  auto const shared = std::make_shared<Owned const>(std::move(owned));
  auto const run = [shared](input const& x, tshift::tensor_view<float> const& y, std::span<float> memory) {
    on_threads([&](auto const&... exec) { shared->forward(exec..., x, y, memory); });
  };
  return {run, channels, false, workspace};
}

/// @param plan  of residual_mlp; the others get their shift with x
inline block make_block(test_support::model_sizes const& sizes, tshift::placement where, tshift::shift_plan const& plan,
                        tshift::shape const& shape, std::uint64_t seed) {
  namespace nn = tshift::nn;
  index_t const D = sizes.width;
  auto const weights = [seed](std::string_view name, std::vector<index_t> const& dims) {
    return test_support::seeded<float>(name, dims, seed);
  };
  auto const linear = [&](std::string const& name, index_t inputs, index_t outputs) {
    return nn::linear<float>(inputs, outputs, weights(name + ".weight", {outputs, inputs}),
                             weights(name + ".bias", {outputs}));
  };
  if (sizes.kind == "block.linear") return running(linear("net", D, 4 * D), 4 * D, 0);
  if (sizes.kind == "block.depthwise_conv1d") {
    values const weight = weights("net.conv.weight", {D, 1, 7}), bias = weights("net.conv.bias", {D});
    return running(nn::depthwise_conv1d<float>(D, 7, weight, bias), D, 0);
  }
  if (sizes.kind == "block.layer_norm") {
    return running(nn::layer_norm<float>(weights("net.weight", {D}), weights("net.bias", {D})), D, 0);
  }
  if (sizes.kind == "block.gelu") {
    auto const run = [](input const& x, tshift::tensor_view<float> const& y, std::span<float>) {
      on_threads([&](auto const&... exec) { nn::gelu(exec..., x, y); });
    };
    return {run, D};
  }
  if (sizes.kind == "block.mean_pool") {
    auto const run = [](input const& x, tshift::tensor_view<float> const& y, std::span<float>) {
      on_threads([&](auto const&... exec) { nn::mean_pool(exec..., x, y); });
    };
    return {run, D, true};
  }
  if (sizes.kind == "block.mlp" || sizes.kind == "block.residual_mlp") {
    nn::mlp<float> mlp(linear("net.fc1", D, 4 * D), linear("net.fc2", 4 * D, D));
    index_t const workspace = mlp.workspace_size(shape);
    if (sizes.kind == "block.mlp") return running(std::move(mlp), D, workspace);
    auto const wrapped = std::make_shared<nn::wrapped<float, nn::mlp<float>> const>(std::move(mlp), where, plan);
    auto const run = [wrapped](input const& x, tshift::tensor_view<float> const& y, std::span<float> memory) {
      on_threads([&](auto const&... exec) { wrapped->forward(exec..., x.base(), y, memory); });
    };
    return {run, D, false, workspace};
  }
  if (sizes.kind == "block.lstm") {
    auto const direction = [&](std::string const& end, auto const& use) {
      values const of_x = weights("net.rnn.weight_ih_l0" + end, {4 * D, D});
      values const of_h = weights("net.rnn.weight_hh_l0" + end, {4 * D, D});
      values const bias_x = weights("net.rnn.bias_ih_l0" + end, {4 * D});
      values const bias_h = weights("net.rnn.bias_hh_l0" + end, {4 * D});
      return use(nn::lstm_weights<float>{of_x, of_h, bias_x, bias_h});
    };
    return direction("", [&](auto const& forward) {
      return direction("_reverse", [&](auto const& backward) {
        nn::lstm<float> lstm(D, D, forward, backward);
        index_t const workspace = lstm.workspace_size(shape);
        return running(std::move(lstm), 2 * D, workspace);
      });
    });
  }
  if (sizes.kind == "block.self_attention") {
    bool const relative = sizes.position == "relative_key_query";
    auto const table =
        relative ? weights("net.distance_embedding.weight", {2 * sizes.length - 1, D / 12}) : std::vector<float>();
    nn::self_attention<float> attention(
        D, 12, weights("net.qkv.weight", {3 * D, D}), weights("net.qkv.bias", {3 * D}),
        relative ? tshift::frame_positions::relative_key_query : tshift::frame_positions::absolute, table);
    index_t const workspace = attention.workspace_size(shape);
    return running(std::move(attention), D, workspace);
  }
  throw std::runtime_error("no block is called " + sizes.kind);
}

}  // namespace peers
