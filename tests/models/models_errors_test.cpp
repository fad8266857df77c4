// SPDX-License-Identifier: MIT
// What the models refuse, word for word: tensors of their checkpoints, options, inputs.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/seeded.hpp"

namespace {

using namespace test_support;
using tshift::model_shift;
using tshift::placement;
using tshift::tensor_view;
using tshift::models::shift_cnn;
using tshift::models::shift_lstm;
using tshift::models::shiftformer;
using tshift::weights::state_dict;

model_sizes sizes(std::string const& kind, std::string const& position = "none") {
  return {kind, position, 12, position == "none" ? 0 : 97, 4};
}

std::string const cnn = "shift_cnn: ", rnn = "shift_lstm: ", former = "shiftformer: ";

/// The message of a model made from a checkpoint with one change: tensors added, left out or of another shape.
template <class Model>
std::string message_with(model_sizes const& model, std::string const& changed, std::vector<index_t> const& shape,
                         std::optional<model_shift> const& options = {}) {
  state_dict weights("W.safetensors");
  for (auto const& [name, dims] : tensors_of(model)) {
    if (name == changed && shape.empty()) continue;
    auto const& now = name == changed ? shape : dims;
    weights.add_owned(name, now, std::vector<float>(count_of(now)), 64);
  }
  if (!weights.contains(changed) && !shape.empty()) {
    weights.add_owned(changed, shape, std::vector<float>(count_of(shape)), 64);
  }
  return message_of([&] { Model(weights, options.value_or(Model::baseline)); });
}

}  // namespace

TEST_CASE("Models refuse tensors that are missing, surplus or of another shape", "[models][errors]") {
  std::string const at = " (W.safetensors, byte 64)";
  auto const plain = sizes("cnn"), lstm = sizes("lstm"), shiftless = sizes("shiftformer");
  auto const relative = sizes("transformer", "relative_key"), absolute = sizes("transformer", "absolute");
  CHECK(message_with<shift_cnn<float>>(plain, "", {}).empty());
  CHECK(message_with<shift_cnn<float>>(plain, "head.weight", {}) == cnn + "no tensor head.weight in W.safetensors");
  CHECK(message_with<shift_cnn<float>>(plain, "norm.bias", {}) == cnn + "no tensor norm.bias in W.safetensors");
  CHECK(message_with<shift_cnn<float>>(plain, "head.weight", {4, 10}) ==
        cnn + "conv_block.0.sequential.0.weight is [12, 1, 7], must be [10, 1, 7]" + at);
  CHECK(message_with<shift_cnn<float>>(plain, "head.bias", {5}) == cnn + "head.bias is [5], must be [4]" + at);
  CHECK(message_with<shift_cnn<float>>(plain, "conv_block.1.sequential.4.weight", {48, 12}) ==
        cnn + "conv_block.1.sequential.4.weight is [48, 12], must be [48, 12, 1]" + at);
  CHECK(message_with<shift_cnn<float>>(plain, "conv_block.0.sequential.0.weight", {12, 1, 6}) ==
        "depthwise_conv1d: 6 taps, must be odd");
  CHECK(message_with<shift_cnn<float>>(plain, "conv_block.0.sequential.0.weight", {84}) ==
        cnn + "conv_block.0.sequential.0.weight is [84], must have a dimension 2" + at);
  CHECK(message_with<shift_cnn<float>>(plain, "extra.weight", {3}) ==
        cnn + "tensor extra.weight is not part of the model" + at);
  CHECK(message_with<shift_cnn<float>>(shiftless, "", {}) ==
        cnn + "no tensor conv_block.0.sequential.0.weight in W.safetensors");
  CHECK(message_with<shift_lstm<float>>(lstm, "", {}).empty());
  CHECK(message_with<shift_lstm<float>>(lstm, "rnn.bias_hh_l0", {}) ==
        rnn + "no tensor rnn.bias_hh_l0 in W.safetensors");
  CHECK(message_with<shift_lstm<float>>(lstm, "rnn.bias_hh_l0_reverse", {}) ==
        rnn + "no tensor rnn.bias_hh_l0_reverse in W.safetensors");
  CHECK(message_with<shift_lstm<float>>(lstm, "rnn.weight_ih_l0_reverse", {40, 12}) ==
        rnn + "rnn.weight_ih_l0_reverse is [40, 12], must be [48, 12]" + at);
  CHECK(message_with<shift_lstm<float>>(lstm, "rnn.weight_ih_l1", {48, 24}) ==
        rnn + "tensor rnn.weight_ih_l1 is not part of the model" + at);
  CHECK(message_with<shiftformer<float>>(shiftless, "transformer.0.norm1.weight", {12}) ==
        former + "tensor transformer.0.norm1.weight is not part of the model" + at);
  CHECK(message_with<shiftformer<float>>(relative, "transformer.1.token_mixer.distance_embedding.weight", {193, 2}) ==
        former + "transformer.1.token_mixer.distance_embedding.weight is [193, 2], must be [193, 1]" + at);
  CHECK(message_with<shiftformer<float>>(relative, "transformer.1.token_mixer.qkv.weight", {}) ==
        former + "no tensor transformer.1.token_mixer.qkv.weight in W.safetensors");
  CHECK(message_with<shiftformer<float>>(absolute, "position_embeddings.weight", {97, 6}) ==
        former + "position_embeddings.weight is [97, 6], must be [97, 12]" + at);
}

TEST_CASE("Models refuse options that mean nothing, and inputs that do not fit", "[models][errors]") {
  auto const with = [](index_t n_div, index_t stride, placement where) {
    return model_shift{n_div, tshift::direction::both, stride, where};
  };
  auto const message = [&](model_shift const& o) { return message_with<shift_cnn<float>>(sizes("cnn"), "", {}, o); };
  CHECK(message(with(1, 1, placement::skip)) ==
        "presets::shiftser: n_div = 1, must be >= 2, the number of folds of 1/n_div of the channels");
  CHECK(message(with(-4, 1, placement::skip)) ==
        "presets::shiftser: n_div = -4, must be >= 2, the number of folds of 1/n_div of the channels");
  CHECK(message(with(4, -1, placement::skip)) ==
        "presets::shiftser: stride = -1, must be >= 0; the direction is an own argument");
  CHECK(message(with(4, 1, static_cast<placement>(9))) == "model_shift: placement = 9, must be a named placement");
  CHECK(message_with<shift_lstm<float>>(sizes("lstm"), "", {}, with(4, 1, placement::skip)) ==
        rnn + "placement = skip, but there is no skip connection; must be none, branch or both");
  auto const transformer = [](model_sizes const& model, tshift::frame_positions kind, index_t heads = 12) {
    return message_of([&] { shiftformer<float>(seeded_weights<float>(model, 1), {}, kind, heads); });
  };
  CHECK(transformer(sizes("shiftformer"), tshift::frame_positions::relative_key) ==
        former + "relative positions are asked for, but there is no attention; must be absolute");
  CHECK(transformer(sizes("transformer", "absolute"), tshift::frame_positions::relative_key) ==
        former + "no tensor transformer.0.token_mixer.distance_embedding.weight");
  CHECK(transformer(sizes("transformer", "relative_key"), tshift::frame_positions::absolute) ==
        former + "no tensor position_embeddings.weight");
  CHECK(transformer(sizes("transformer", "absolute"), tshift::frame_positions::absolute, 5) ==
        "self_attention: 5 heads, must divide the 12 channels");

  shiftformer<float> const model(seeded_weights<float>(sizes("transformer", "absolute"), 1));
  std::vector<float> memory(5000, 1.f), workspace(100000, 2.f);
  auto const refused = [&](tensor_view<float> const& x, tensor_view<float> const& y) {
    auto const text = message_of([&] { model.forward(x, y, workspace); });
    CHECK(std::all_of(memory.begin(), memory.end(), [](float v) { return v == 1.f; }));
    CHECK(std::all_of(workspace.begin(), workspace.end(), [](float v) { return v == 2.f; }));
    return text;
  };
  float *const in = memory.data(), *const out = in + 4900;
  tensor_view<float> const y(out, {2, 1, 4}), x(in, {2, 9, 12});
  index_t const lengths[] = {1, 98}, bad[] = {1, 10};
  CHECK(refused(tensor_view<float>(in, {2, 9, 11}), y) == former + "x has 11 channels, must have 12");
  CHECK(refused(x, tensor_view<float>(out, {2, 1, 5})) == former + "y has 5 channels, must have 4");
  CHECK(refused(x, tensor_view<float>(out, {2, 2, 4})) == former + "y is [2, 2], must be [2, 1]");
  CHECK(refused(x, tensor_view<float>(out, {1, 1, 4})) == former + "y is [1, 1], must be [2, 1]");
  CHECK(refused(x, tensor_view<float>(in, {2, 1, 4})) == former + "x and y overlap in memory, must share no element");
  CHECK(refused(tensor_view<float>(in, x.shape, tshift::layout::nct), y) ==
        former + "x has stride 9 along channels, must be 1");
  CHECK(refused(tensor_view<float>(in, x.shape, tshift::layout::ntc, bad), y) ==
        former + "x.lengths[1] = 10, must be in [0, 9]");
  CHECK(refused(tensor_view<float>(in, {2, 98, 12}), y) ==
        former + "sequence 0 has 98 frames, the model's positions serve at most 97");
  CHECK(refused(tensor_view<float>(in, {2, 98, 12}, tshift::layout::ntc, lengths), y) ==
        former + "sequence 1 has 98 frames, the model's positions serve at most 97");
}

TEST_CASE("A model's workspace that cannot be counted is refused", "[models][errors]") {
  constexpr index_t most = std::numeric_limits<index_t>::max();
  tshift::nn::arena<float> counting("model");
  counting.take({most - 1});
  counting.take({1});
  REQUIRE(counting.most() == most);
  REQUIRE(message_of([&] { counting.take({1}); }) == "model: the workspace must fit in 2^63 - 1 elements");
  // What is lent is free again, and the most of it counts.
  tshift::nn::arena<float> lending("model");
  lending.take({10});
  lending.lend([](auto& a) { a.take({7, 3}); });
  lending.lend([](auto& a) { a.take({5}); });
  REQUIRE(lending.most() == 31);
  lending.take({20});
  REQUIRE(lending.most() == 31);
}
