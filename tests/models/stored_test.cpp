// SPDX-License-Identifier: MIT
// Models whose matrices are bf16: how far their results are from those in full, whoever shares the work and whoever stands
// beside a sequence in its batch, and the same frame by frame.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/speech_encoder.hpp>
#include <tshift/models/streamed.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/weights/speech_encoder_names.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/distance.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded.hpp"
#include "../support/seeded_neighbours.hpp"
#include "../support/seeded_speech.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
namespace models = tshift::models;
using tshift::stored;
using tshift::weights::state_dict;

constexpr index_t classes = 4;

state_dict stored_as(state_dict weights, stored how) {
  weights.store_as(how);
  return weights;
}

/// y of a model, by an executor.
template <class Model, class Executor>
std::vector<float> output_of(Executor&& run, Model const& model, tensor_view<float const> const& x,
                             tshift::shape const& out) {
  std::vector<float> y(static_cast<std::size_t>(out.size()), around_outputs<float>);
  exact_workspace<float> workspace(static_cast<index_t>(model.workspace_size(x.shape)));
  std::span<float> const room = workspace;
  model.forward(run, x, tensor_view<float>(y.data(), out), room);
  return y;
}

/// @param make     make(state_dict) gives the model
/// @param allowed  relative distance
template <class Make>
void check_model(char const* name, state_dict const& weights, tshift::shape const& dims, Make const& make,
                 double allowed, index_t outputs = classes, index_t frames = 1) {
  auto const half = make(stored_as(weights, stored::bf16));
  auto const full = make(weights);
  std::vector<float> const elements = seeded<float>("x", {dims.size()}, 3);
  std::vector<index_t> lengths;
  for (index_t n = 0; n < dims.batch; ++n) lengths.push_back(dims.time - n * (dims.time / 4));
  tensor_view<float const> const x(elements.data(), dims, tshift::layout::ntsc, lengths);
  tshift::shape const out{dims.batch, frames, outputs};
  tshift::detail::run_here here;
  std::vector<float> const y = output_of(here, half, x, out);
  double const off = relative_distance(y, output_of(here, full, x, out));
  std::cout << "bf16, " << name << ": " << off << " from full\n";
  INFO(name);
  CHECK(off < allowed);
  CHECK(off > 0x1p-14);  // it is not the model in full
  CHECK(output_of(reversed_executor(), half, x, out) == y);
  for (index_t n = 0; n < dims.batch; ++n) {  // alone, without padding
    tensor_view<float const> one = x.slice_sequences(n, 1);
    one.shape.time = x.length(n);
    one.lengths = {};
    tshift::shape const alone{1, frames == 1 ? 1 : half.frames(one.shape.time), outputs};
    std::vector<float> const z = output_of(here, half, one, alone);
    CHECK(std::equal(z.begin(), z.end(), y.begin() + n * frames * outputs));
  }
}

/// One that has frames as well.
template <class Model>
struct with_frames : Model {
  using Model::Model;
  static index_t frames(index_t) { return 1; }
};

}  // namespace

TEST_CASE("bf16: models stay near those in full, and do not depend on threads or neighbours") {
  constexpr index_t width = 96, time = 41;
  auto const weights = [](char const* kind, char const* position) {
    return seeded_weights<float>({kind, position, width, position == std::string("none") ? 0 : time, classes}, 5);
  };
  tshift::shape const dims{3, time, width};
  check_model(
      "ShiftCNN", weights("cnn", "none"), dims,
      [](state_dict const& w) { return with_frames<models::shift_cnn<float>>(w); }, 0.01);
  check_model(
      "ShiftLSTM", weights("shift_lstm", "none"), dims,
      [](state_dict const& w) { return with_frames<models::shift_lstm<float>>(w); }, 0.01);
  check_model(
      "Shiftformer", weights("shiftformer", "none"), dims,
      [](state_dict const& w) { return with_frames<models::shiftformer<float>>(w); }, 0.01);
  check_model(
      "Transformer", weights("transformer", "relative_key_query"), dims,
      [](state_dict const& w) { return with_frames<models::shiftformer<float>>(w); }, 0.01);
  crnn_sizes crnn;
  crnn.bands = 9;
  crnn.filters = 16;
  crnn.widths = {3, 5};
  crnn.body = {48, 48};
  crnn.frame = 40;
  crnn.hidden = 24;
  crnn.norm = true;
  check_model(
      "CRNN", seeded_neighbour<float>(crnn, 5), {2, 30, crnn.channels, crnn.bands},
      [](state_dict const& w) { return models::crnn<float>(w); }, 0.02);
  vit_sizes vit;
  vit.rows = 32;
  vit.width = 64;
  vit.heads = 2;
  vit.hidden = 96;
  auto const make_vit = [](state_dict const& w) {
    return with_frames<models::vertical_vit<float>>(w, tshift::vertical_vit_options{.heads = 2});
  };
  check_model("vertical-patch ViT, student", seeded_neighbour<float>(vit, 5), {2, 24, vit.rows}, make_vit, 0.02);
  vit.teacher = true;
  check_model("vertical-patch ViT, teacher", seeded_neighbour<float>(vit, 5), {2, 24, vit.rows}, make_vit, 0.02);
}

TEST_CASE("bf16: speech encoders stay near those in full, and do not depend on neighbours") {
  for (bool const wavlm : {false, true}) {
    speech_sizes s;
    s.channels = {32, 40, 32, 32, 32, 32, 48};
    s.kernels = {10, 3, 3, 3, 3, 2, 2};
    s.strides = {5, 2, 2, 2, 2, 2, 2};
    s.norm_every = s.bias = s.first = wavlm;
    s.width = 48;
    s.layers = 3;
    s.heads = 4;
    s.hidden = 80;
    s.taps = 16;
    s.groups = 2;
    s.buckets = wavlm ? 16 : 0;
    s.distance = 12;
    tshift::speech_encoder_options const options{s.heads, s.first, s.strides, s.eps, s.distance};
    auto const make = [&options](state_dict const& w) {
      return models::speech_encoder<float>(tshift::weights::speech_encoder_weights(w), options);
    };
    state_dict const weights = seeded_speech<float>(s, 5);
    index_t const frames = make(weights).frames(8000);
    check_model(wavlm ? "WavLM" : "wav2vec 2.0", weights, {2, 8000, 1}, make, 0.03, s.width, frames);
  }
}

TEST_CASE("bf16: a stream gives the logits of the whole clip") {
  constexpr index_t width = 48, time = 30;
  std::vector<float> const elements = seeded<float>("x", {time * width}, 4);
  tensor_view<float const> const x(elements.data(), {1, time, width});
  auto const check = [&x](auto const& model) {
    tshift::detail::run_here here;
    std::vector<float> const want = output_of(here, model, x, {1, 1, classes});
    models::streamed live(model, 1);
    for (index_t const chunk : {1, 7}) {
      std::vector<float> got(static_cast<std::size_t>(classes));
      for (index_t t = 0; t < time; t += chunk) live.push(x.slice_frames(t, std::min(chunk, time - t)));
      live.flush(tensor_view<float>(got.data(), {1, 1, classes}));
      CHECK(relative_distance(got, want) < 1e-6);
    }
  };
  auto const weights = [](char const* kind) {
    return stored_as(seeded_weights<float>({kind, "none", width, 0, classes, true}, 6), stored::bf16);
  };
  check(models::shift_cnn<float>(weights("cnn")));
  check(models::shiftformer<float>(weights("shiftformer")));
  check(models::shift_lstm<float>(weights("shift_lstm")));
}

TEST_CASE("bf16: models take half the memory") {
  auto const share = [](state_dict const& weights, auto const& make) {
    auto const bytes = [&make](state_dict const& w) {
      long const before = bytes_asked.load();
      auto const model = make(w);
      return static_cast<double>(bytes_asked.load() - before);
    };
    return bytes(stored_as(weights, stored::bf16)) / bytes(weights);
  };
  double const former = share(seeded_weights<float>({"shiftformer", "none", 256, 0, classes}, 7),
                              [](state_dict const& w) { return models::shiftformer<float>(w); });
  std::cout << "bf16, memory of a Shiftformer: " << former << " of full\n";
  CHECK(former < 0.52);
  // Of the bytes that these ask for some are for folding norms and putting matrices together.
  speech_sizes s;
  s.channels = {64, 64, 64, 64};
  s.kernels = {10, 3, 3, 2};
  s.strides = {5, 2, 2, 2};
  s.width = 128;
  s.layers = 4;
  s.heads = 4;
  s.hidden = 512;
  s.taps = 16;
  s.groups = 2;
  auto const checkpoint = tshift::weights::speech_encoder_weights(seeded_speech<float>(s, 5));
  double const encoder = share(checkpoint.encoder, [&](state_dict const& w) {
    auto all = checkpoint;
    all.encoder = w;
    return models::speech_encoder<float>(all, {s.heads, s.first, s.strides, s.eps, s.distance});
  });
  std::cout << "bf16, memory to make an encoder: " << encoder << " of full\n";
  CHECK(encoder < 0.63);
  crnn_sizes crnn;
  crnn.bands = 9;
  crnn.filters = 32;
  crnn.body = {128, 128};
  crnn.frame = 64;
  crnn.hidden = 32;
  crnn.norm = true;
  double const images =
      share(seeded_neighbour<float>(crnn, 5), [](state_dict const& w) { return models::crnn<float>(w); });
  std::cout << "bf16, memory to make a CRNN: " << images << " of full\n";
  CHECK(images < 0.72);
}
