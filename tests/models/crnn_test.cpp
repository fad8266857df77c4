// SPDX-License-Identifier: MIT
// crnn: batches are their sequences one by one, what is past a length, sequences too short for a frame, shifts, and what
// it refuses. Its numbers: golden/golden_neighbours_test.cpp.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/models/crnn.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded_neighbours.hpp"

namespace {

using namespace test_support;
using tshift::crnn_options;
using tshift::models::crnn;
using tshift::weights::state_dict;
using kind = tshift::summary_kind;

crnn_sizes small() {
  crnn_sizes s;
  s.bands = 13;
  s.filters = 4;
  s.widths = {4, 9};
  s.body = {6, 5};
  s.frame = 9;
  s.hidden = 5;
  s.head = 6;
  s.classes = 3;
  return s;
}

template <class T>
std::vector<T> logits(crnn<T> const& model, tensor_view<T const> const& x) {
  std::vector<T> y(static_cast<std::size_t>(x.shape.batch * model.classes()), around_outputs<T>);
  exact_workspace<T> workspace(model.workspace_size(x.shape));
  model.forward(x, tensor_view<T>(y.data(), {x.shape.batch, 1, model.classes()}), workspace);
  return y;
}

/// The message of a model made from a checkpoint with one change: a tensor left out, added or of another shape.
std::string message_with(crnn_sizes const& sizes, std::string const& changed, std::vector<index_t> const& shape,
                         crnn_options const& options = {}) {
  state_dict weights("W.safetensors");
  for (auto const& [name, dims] : tensors_of(sizes)) {
    if (name == changed && shape.empty()) continue;
    auto const& now = name == changed ? shape : dims;
    weights.add_owned(name, now, std::vector<float>(count_of(now), 1.f), 64);
  }
  if (!weights.contains(changed) && !shape.empty()) {
    weights.add_owned(changed, shape, std::vector<float>(count_of(shape), 1.f), 64);
  }
  return message_of([&] { crnn<float>(weights, options); });
}

}  // namespace

TEST_CASE("crnn: a batch is its sequences one by one, bit for bit, and padding is not read", "[models][crnn]") {
  constexpr index_t N = 35, T = 21;  // more than go through the LSTM together
  for (bool const attends : {false, true}) {
    crnn_sizes sizes = small();
    sizes.attention = attends ? 4 : 0;
    sizes.summaries = attends ? 1 : 2;
    crnn<float> const model(seeded_neighbour<float>(sizes, 3));
    auto x = seeded<float>("x", {N, T, sizes.bands, sizes.channels}, 4);
    index_t const pixels = sizes.bands * sizes.channels;
    std::vector<index_t> lengths;
    for (index_t n = 0; n < N; ++n) {
      lengths.push_back(n == 5 ? T : 2 + n % 18);
      std::fill(x.begin() + (n * T + lengths.back()) * pixels, x.begin() + (n + 1) * T * pixels,
                std::numeric_limits<float>::quiet_NaN());
    }
    tshift::shape const dims{N, T, sizes.channels, sizes.bands};
    auto const all = logits<float>(model, {x.data(), dims, tshift::layout::ntsc, lengths});
    CHECK(std::all_of(all.begin(), all.end(), [](float value) { return std::isfinite(value); }));
    for (index_t n = 0; n < N; ++n) {
      tshift::shape const one{1, lengths[static_cast<std::size_t>(n)], sizes.channels, sizes.bands};
      auto const alone = logits<float>(model, {x.data() + n * T * pixels, one, tshift::layout::ntsc});
      CHECK(std::equal(alone.begin(), alone.end(), all.begin() + n * model.classes()));
    }
  }
}

TEST_CASE("crnn: a sequence of which the pool leaves no frame gives NaN, and its neighbours do not", "[models][crnn]") {
  crnn<float> const model(seeded_neighbour<float>(small(), 3));
  auto const x = seeded<float>("x", {3, 9, 13, 3}, 4);
  std::vector<index_t> const lengths = {9, 1, 0};
  auto const y = logits<float>(model, {x.data(), {3, 9, 3, 13}, tshift::layout::ntsc, lengths});
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i >= 3));
  for (index_t const time : {0, 1}) {  // nor of any sequence
    auto const none = logits<float>(model, {x.data(), {3, time, 3, 13}, tshift::layout::ntsc});
    CHECK(std::all_of(none.begin(), none.end(), [](float value) { return std::isnan(value); }));
  }
  CHECK(model.frames(9) == 4);
  CHECK(model.frames(1) == 0);
}

TEST_CASE("crnn: x may be a slice of other memory, and as many bands as are pooled to the same", "[models][crnn]") {
  crnn<float> const model(seeded_neighbour<float>(small(), 3));
  CHECK(model.channels() == 3);
  CHECK(model.bands() == 12);
  random_bits random(651);
  auto const wide = uniform<float>(2 * 9 * 15 * 5, random);
  tensor_view<float const> part(wide.data(), {2, 9, 5, 15}, tshift::layout::ntsc);
  part = part.slice_channels(1, 3);
  std::vector<float> dense;
  tshift::reference::for_each_element(
      {2, 9, 15, 3}, [&](index_t n, index_t t, index_t s, index_t c) { dense.push_back(part(n, t, c, s)); });
  CHECK(logits<float>(model, part) == logits<float>(model, {dense.data(), {2, 9, 3, 15}, tshift::layout::ntsc}));
}

TEST_CASE("crnn: a shift stands where it is told to", "[models][crnn]") {
  auto const weights = seeded_neighbour<double>(small(), 3);
  auto const x = seeded<double>("x", {1, 16, 13, 3}, 4);
  tensor_view<double const> const from(x.data(), {1, 16, 3, 13}, tshift::layout::ntsc);
  auto const with = [&](placement where, std::vector<index_t> const& shifted) {
    crnn_options options;
    options.image.shift = {2, tshift::direction::both, 1, where};
    options.image.shifted = shifted;
    return logits<double>(crnn<double>(weights, options), from);
  };
  auto const none = logits<double>(crnn<double>(weights), from);
  CHECK(with(placement::none, {}) == none);
  CHECK(with(placement::branch, {}) == with(placement::both, {1, 2}));
  CHECK(with(placement::branch, {1}) != with(placement::branch, {2}));
  CHECK(with(placement::branch, {1}) != none);
}

TEST_CASE("crnn reads a checkpoint whose names stand behind a prefix", "[models][crnn]") {
  auto const weights = seeded_neighbour<float>(small(), 3);
  state_dict checkpoint("W.safetensors");
  checkpoint.add_owned("epoch", {1}, std::vector<float>{3});
  for (tshift::weights::tensor each : weights) {
    each.name.insert(0, "module.");
    checkpoint.add(each);
  }
  auto const x = seeded<float>("x", {2, 8, 13, 3}, 4);
  tensor_view<float const> const view(x.data(), {2, 8, 3, 13}, tshift::layout::ntsc);
  CHECK(logits<float>(crnn<float>(checkpoint), view) == logits<float>(crnn<float>(weights), view));
  checkpoint.add_owned("module.extra", {1}, std::vector<float>{1}, 64);
  CHECK(message_of([&] { crnn<float> const model(checkpoint); }) ==
        "crnn: tensor module.extra is not part of the model (W.safetensors, byte 64)");
}

TEST_CASE("crnn refuses what does not fit", "[models][crnn][errors]") {
  std::string const at = " (W.safetensors, byte 64)";
  crnn_sizes const sizes = small();
  crnn_sizes normed = sizes;
  normed.norm = true;
  CHECK(message_with(sizes, "", {}).empty());
  CHECK(message_with(normed, "", {}).empty());
  crnn_sizes idle = sizes;
  idle.hidden = 0;  // an LSTM without units is one
  CHECK(message_with(idle, "", {}).empty());
  CHECK(message_with(sizes, "conv.0.0.weight", {}) == "crnn: no tensor conv.0.0.weight in W.safetensors");
  CHECK(message_with(sizes, "conv.0.1.weight", {}) == "crnn: conv.1.weight is [6, 8, 5, 3], must be [6, 4, 5, 3]" + at);
  CHECK(message_with(sizes, "conv.2.weight", {5, 7, 5, 3}) ==
        "crnn: conv.2.weight is [5, 7, 5, 3], must be [5, 6, 5, 3]" + at);
  CHECK(message_with(sizes, "conv.2.weight", {5, 6, 15}) ==
        "crnn: conv.2.weight is [5, 6, 15], must have a dimension 3" + at);
  CHECK(message_with(normed, "conv.1.norm.running_var", {}) ==
        "crnn: no tensor conv.1.norm.running_var in W.safetensors");
  CHECK(message_with(normed, "conv.0.norm.bias", {7}) == "crnn: conv.0.norm.bias is [7], must be [8]" + at);
  CHECK(message_with(sizes, "frame.weight", {9, 16}) == "crnn: a frame of 16 channels, must be bands of 5");
  CHECK(message_with(sizes, "lstm.weight_ih_l0", {20, 8}) ==
        "crnn: lstm.weight_ih_l0 reads 8 channels, frame.weight makes 9");
  CHECK(message_with(sizes, "head.0.weight", {6, 10}) == "crnn: head.0.weight is [6, 10], must be [6, 20]" + at);
  CHECK(message_with(sizes, "extra", {1}) == "crnn: tensor extra is not part of the model" + at);
  CHECK(message_with(sizes, "attention.vector", {1}) == "crnn: tensor attention.vector is not part of the model" + at);
  crnn_options options;
  options.summary = {kind::attention};
  CHECK(message_with(sizes, "", {}, options) == "crnn: no tensor attention.weight in W.safetensors");
  options = {};
  options.image.shift = {2, tshift::direction::both, 1, placement::skip};
  CHECK(message_with(sizes, "", {}, options) ==
        "crnn: placement = skip, but there is no skip connection; must be none, branch or both");
  options.image.shift.where = placement::branch;
  options.image.shifted = {3};
  CHECK(message_with(sizes, "", {}, options) ==
        "crnn: shift before convolution 3, the body has 2 of them, counted from 1");
  options.image.shifted = {};
  crnn_sizes without_body = sizes;
  without_body.body = {};
  CHECK(message_with(without_body, "", {}, options) == "crnn: a shift before convolutions of the body, which has none");
  CHECK(message_with(without_body, "", {}).empty());
  options = {};
  options.image.pool_bands.taps = 0;
  CHECK(message_with(sizes, "", {}, options) == "crnn: pool_bands.taps = 0, must be in [1, 1099511627776]");
  options.image.pool_bands = {4, 4, 0, 1};
  CHECK(message_with(sizes, "", {}, options) == "crnn: pool_bands has zeros around the image, must have none");
  options = {};
  options.image.pool_time.before = 1;
  CHECK(message_with(sizes, "", {}, options) == "crnn: pool_time has zeros around the image, must have none");

  crnn<float> const model(seeded_neighbour<float>(sizes, 3));
  std::vector<float> memory(2000, 1.f), workspace(100000);
  auto const before = memory;
  auto const refused = [&](tshift::shape const& x, tshift::shape const& y, index_t apart = 1500) {
    auto const text = message_of([&] {
      model.forward(tensor_view<float const>(memory.data(), x, tshift::layout::ntsc),
                    tensor_view<float>(memory.data() + apart, y), workspace);
    });
    CHECK(memory == before);
    return text;
  };
  CHECK(refused({2, 8, 2, 13}, {2, 1, 3}) == "crnn: x has 2 channels, must have 3");
  CHECK(refused({2, 8, 3, 11}, {2, 1, 3}) == "crnn: x has 11 bands, which are pooled to 2, must be 3");
  CHECK(refused({2, 8, 3, 16}, {2, 1, 3}) == "crnn: x has 16 bands, which are pooled to 4, must be 3");
  CHECK(refused({2, 8, 3, 13}, {2, 1, 4}) == "crnn: y has 4 channels, must have 3");
  CHECK(refused({2, 8, 3, 13}, {2, 2, 3}) == "crnn: y is [2, 2], must be [2, 1]");
  CHECK(refused({2, 8, 3, 13}, {1, 1, 3}) == "crnn: y is [1, 1], must be [2, 1]");
  CHECK(refused({2, 8, 3, 13}, {2, 1, 3}, 600) == "crnn: x and y overlap in memory, must share no element");
  workspace.resize(10);
  CHECK(refused({2, 8, 3, 13}, {2, 1, 3}) ==
        "crnn: workspace has 10 elements, must be >= " + std::to_string(model.workspace_size({2, 8, 3, 13})));
}
