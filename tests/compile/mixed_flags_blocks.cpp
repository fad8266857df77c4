// SPDX-License-Identifier: MIT
// Blocks and a model in one unit; see mixed_flags_operator.cpp.
#ifndef UNIT
#define UNIT baseline
#endif
#include "mixed_flags.hpp"
#include "mixed_flags_layout.hpp"

#include <tshift/models/shift_cnn.hpp>
#include <tshift/nn/activations.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/instance_norm.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/summary.hpp>
#include <tshift/nn/winograd_conv2d.hpp>

#include <cstdint>
#include <cstdio>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace UNIT {
namespace {

namespace nn = tshift::nn;
using mixed::index_t;
using tshift::tensor_view;

constexpr index_t channels = mixed::rows.channels;
constexpr index_t hidden = 20;

/// The same weights in every unit: multiples of 1/128 in [-0.5, 0.5).
class weights {
 public:
  std::vector<float> operator()(index_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) {
      state_ = state_ * 1664525u + 1013904223u;
      v = static_cast<float>(static_cast<int>(state_ >> 25) - 64) / 128.f;
    }
    return values;
  }

 private:
  std::uint32_t state_ = 1;
};

/// Blocks of images of three channels and four places, which are the channels of x. The last is computed in four
/// products, whose bits no other order of sums has.
char const* run_images(tensor_view<float const> const& x, weights& next, std::span<float> workspace,
                       tensor_view<float> const (&results)[5]) {
  index_t const C = 3, places = channels / C;
  tshift::shape const dims{x.shape.batch, x.shape.time, C, places};
  auto const image = [&dims](auto const& rows) {
    auto view = rows;
    view.shape = dims;
    view.strides.space = dims.channels;
    return view;
  };
  tensor_view<float const> const from = image(x);
  tshift::shift_plan const plan(C, {{0, 1, 1}, {2, 1, -1}}, tshift::padding::edge);
  auto const weight = next(C * C * 9), thin = next(C * 16 * 9), bias = next(16);
  tshift::conv2d_options const how{
      .inputs = C, .outputs = C, .time = tshift::window_axis::same(3), .space = tshift::window_axis::same(3)};
  nn::conv2d<float> const conv(how, weight, std::span(bias).first(3), tshift::activation::elu());
  conv.forward(from, image(results[0]));
  conv.forward(tshift::shifted(from, plan), image(results[1]));
  nn::winograd_conv2d<float> const pairs(how, weight, std::span(bias).first(3), tshift::activation::leaky_relu());
  if (pairs.workspace_size(dims) > std::ssize(workspace)) return "winograd_conv2d: the workspace is too small";
  pairs.forward(tshift::shifted(from, plan), image(results[2]), workspace);
  nn::instance_norm<float> const norm(C, tshift::activation::gelu());
  if (norm.workspace_size(dims) > std::ssize(workspace)) return "instance_norm: the workspace is too small";
  norm.forward(tshift::shifted(from, plan), image(results[3]), workspace);
  // One channel of many, then the largest and the mean of windows of it.
  tshift::conv2d_options many = how;
  many.outputs = 16;
  std::vector<float> wide(static_cast<std::size_t>(x.shape.batch * x.shape.time * places * 16)), one(wide.size() / 16);
  tensor_view<float> const middle(wide.data(), {dims.batch, dims.time, 16, places}, tshift::layout::ntsc);
  nn::conv2d<float>(many, thin, bias).forward(from, middle);
  many.inputs = 16;
  many.outputs = 1;
  tensor_view<float> const single(one.data(), {dims.batch, dims.time, 1, places}, tshift::layout::ntsc);
  nn::conv2d<float>(many, std::span(thin).first(std::size_t{16} * 9)).forward(middle, single);
  tensor_view<float> pooled = image(results[4]);
  pooled.shape.space = places - 1;
  pooled.shape.channels = 1;
  nn::max_pool<float>(single, pooled, {1, 1, 0, 0}, {2, 1, 0, 0});
  for (index_t i = 1; i < 3; ++i) {
    tensor_view<float> beside = pooled;
    beside.data += i;
    nn::avg_pool<float>(single, beside, {1, 1, 0, 0}, {2, 1, 0, 0});
  }
  return nullptr;
}

char const* run(tensor_view<float const> x, tshift::shifted_view<float> const& shifted, tshift::shift_plan const& plan,
                float* results) {
  weights next;
  std::vector<float> workspace(10000);
  auto const place = [&](index_t width) {
    return tensor_view<float>(std::exchange(results, results + mixed::row_elements),
                              {x.shape.batch, x.shape.time, width});
  };
  // One by one, because compilers differ in the order in which they evaluate arguments.
  auto const w1 = next(hidden * channels);
  auto const b1 = next(hidden);
  auto const w2 = next(channels * hidden);
  auto const b2 = next(channels);
  auto const w3 = next(channels * channels);
  auto const filter = next(channels * 3);
  nn::linear<float> const up(channels, hidden, w1, b1), down(hidden, channels, w2, b2);
  nn::linear<float> const square(channels, channels, w3, b2);
  square.forward(x, place(channels));
  square.forward(shifted, place(channels));
  nn::depthwise_conv1d<float> const conv(channels, 3, filter, b2);
  conv.forward(shifted, place(channels));
  nn::layer_norm<float> const norm(b2, b2);
  norm.forward(x, place(channels));
  nn::gelu(shifted, place(channels));
  nn::mlp<float> const mlp(up, down);
  mlp.forward(shifted, place(channels), workspace);
  auto const ih = next(channels * 4 * 5);
  auto const hh = next(100);
  auto const bias = next(20);
  nn::lstm<float> const lstm(channels, 5, {ih, hh, bias, bias}, {ih, hh, bias, bias});
  if (lstm.workspace_size(x.shape) > 10000) return "lstm: the workspace of this test is too small";
  lstm.forward(shifted, place(10), workspace);
  auto const qkv = next(3 * channels * channels);
  auto const qkv_bias = next(3 * channels);
  auto const table = next(124);
  nn::self_attention<float> const attention(channels, 3, qkv, qkv_bias, tshift::frame_positions::relative_key_query,
                                            table);
  if (attention.workspace_size(x.shape) > 10000) return "self_attention: the workspace of this test is too small";
  attention.forward(shifted, place(channels), workspace);
  auto const wrapped = nn::wrap<float>(mlp, tshift::placement::both, plan);
  wrapped.forward(x, place(channels), workspace);
  tensor_view<float> const mean = place(channels);
  nn::mean_pool(shifted, tensor_view<float>(mean.data, {x.shape.batch, 1, channels}));
  tensor_view<float> const sums = place(channels);
  auto const scorer = next(3 * channels);
  nn::summary<float> const summary(channels, {tshift::summary_kind::std, tshift::summary_kind::attention}, 1,
                                   {scorer, {}, std::span(scorer).first(3)});
  if (summary.workspace_size(x.shape) > 10000) return "summary: the workspace of this test is too small";
  summary.forward(shifted, tensor_view<float>(sums.data, {x.shape.batch, 1, 2 * channels}), workspace);
  tensor_view<float> const images[5] = {place(channels), place(channels), place(channels), place(channels),
                                        place(channels)};
  return run_images(x, next, workspace, images);
}

tshift::weights::state_dict tiny_weights() {
  weights next;
  tshift::weights::state_dict dict("tiny");
  auto const add = [&](std::string const& name, std::vector<index_t> shape) {
    index_t count = 1;
    for (index_t const size : shape) count *= size;
    dict.add_owned(name, std::move(shape), next(count));
  };
  for (int i = 0; i < 2; ++i) {
    std::string const block = "conv_block." + std::to_string(i) + ".sequential.";
    add(block + "0.weight", {channels, 1, 3});
    add(block + "0.bias", {channels});
    add(block + "2.weight", {channels});
    add(block + "2.bias", {channels});
    add(block + "4.weight", {hidden, channels, 1});
    add(block + "4.bias", {hidden});
    add(block + "6.weight", {channels, hidden, 1});
    add(block + "6.bias", {channels});
  }
  add("norm.weight", {channels});
  add("norm.bias", {channels});
  add("head.weight", {mixed::classes, channels});
  add("head.bias", {mixed::classes});
  return dict;
}

tshift::model_shift make_options() {
  tshift::model_shift options = tshift::models::shift_cnn<float>::paper;
  options.edge = tshift::padding::edge;
  return options;
}

char const* logits(tshift::model_shift const& options, tensor_view<float const> x, tensor_view<float> y) {
  tshift::models::shift_cnn<float> const model(tiny_weights(), options);
  if (model.channels() != channels || model.classes() != mixed::classes) return "shift_cnn misread its weights";
  std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(x.shape)));
  model.forward(x, y, workspace);
  return nullptr;
}

bool refuses(char* text, std::size_t size) {
  try {
    tshift::weights::state_dict const none("none");
    tshift::models::shift_cnn<float> const model(none);
  } catch (tshift::shape_error const& error) {
    std::snprintf(text, size, "%s", error.what());
    return true;
  }
  return false;
}

}  // namespace

extern mixed::block_unit const block_functions;
constinit mixed::block_unit const block_functions = {.name = MIXED_TEXT(UNIT),
                                                     .tag = MIXED_TEXT(TSHIFT_ISA),
                                                     .layout = layout_numbers,
                                                     .layout_count = std::size(layout_numbers),
                                                     .make_options = make_options,
                                                     .run = run,
                                                     .logits = logits,
                                                     .refuses = refuses};

}  // namespace UNIT
