// SPDX-License-Identifier: MIT
// A model that listens: samples in as they come, logits out while the speaker is still talking. At the end they are those
// of the whole sound.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <tshift/audio.hpp>
#include <tshift/models.hpp>
#include <vector>

namespace {

using tshift::index_t;
namespace audio = tshift::audio;
namespace models = tshift::models;

constexpr index_t bands = 40, classes = 3;

/// Stands for a checkpoint: a ShiftCNN of two blocks, whose weights mean nothing.
tshift::weights::state_dict checkpoint() {
  tshift::weights::state_dict weights;
  unsigned state = 1;
  auto const add = [&weights, &state](std::string const& name, std::vector<index_t> const& shape, float size) {
    index_t count = 1;
    for (index_t const each : shape) count *= each;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values)
      value = size * (static_cast<float>((state = state * 1664525 + 1013904223) >> 8) / (1 << 23) - 1);
    weights.add_owned(name, shape, values);
  };
  for (std::string const block : {"conv_block.0.sequential.", "conv_block.1.sequential."}) {
    add(block + "0.weight", {bands, 1, 7}, 0.4f), add(block + "0.bias", {bands}, 0.1f);
    add(block + "2.weight", {bands}, 1), add(block + "2.bias", {bands}, 0.1f);
    add(block + "4.weight", {2 * bands, bands, 1}, 0.2f), add(block + "4.bias", {2 * bands}, 0.1f);
    add(block + "6.weight", {bands, 2 * bands, 1}, 0.2f), add(block + "6.bias", {bands}, 0.1f);
  }
  add("norm.weight", {bands}, 1), add("norm.bias", {bands}, 0.1f);
  add("head.weight", {classes, bands}, 0.5f), add("head.bias", {classes}, 0.1f);
  return weights;
}

}  // namespace

int main() {
  constexpr std::size_t rate = 16000, chunk = 800;  // a twentieth of a second
  std::vector<float> sound(3 * rate + 123);
  for (std::size_t i = 0; i < sound.size(); ++i) {
    sound[i] = std::sin(0.05f * static_cast<float>(i) + 1e-7f * static_cast<float>(i) * static_cast<float>(i));
  }
  models::shift_cnn<float> const model(checkpoint());
  tshift::log_mel_options const front_end = audio::presets::torchaudio(rate, bands);

  // [readme]
  audio::log_mel_stream<float> features(front_end);
  models::streamed live(model);
  std::vector<float> frames(64 * bands), y(classes);
  tshift::tensor_view<float> const logits(y, {1, 1, classes});
  for (std::size_t at = 0; at < sound.size(); at += chunk) {
    std::span<float const> const came = std::span(sound).subspan(at, std::min(chunk, sound.size() - at));
    index_t const k = features.push(came, frames);  // frames that are certain now
    live.push({frames.data(), {1, k, bands}}, logits);
    if (at % rate == 0) std::printf("%zu s: %.4f %.4f %.4f\n", at / rate, double(y[0]), double(y[1]), double(y[2]));
  }
  index_t const k = features.flush(frames);  // the end of the sound
  live.push({frames.data(), {1, k, bands}});
  live.flush(logits);
  // [/readme]
  std::printf("all: %.4f %.4f %.4f\n", double(y[0]), double(y[1]), double(y[2]));

  audio::log_mel<float> const whole(front_end);
  tshift::tensor_view<float const> const samples(sound.data(), {1, static_cast<index_t>(sound.size()), 1});
  tshift::shape const dims{1, whole.frames(samples.shape.time), bands};
  std::vector<float> all(static_cast<std::size_t>(dims.size())), offline(classes);
  auto room = whole.make_workspace(samples.shape);
  whole.forward(samples, tshift::tensor_view<float>(all, dims), room);
  auto workspace = model.make_workspace(dims);
  model.forward(tshift::tensor_view<float const>(all.data(), dims),
                tshift::tensor_view<float>(offline, {1, 1, classes}), workspace);
  bool same = true;
  for (std::size_t i = 0; i < y.size(); ++i)
    same = same && std::abs(y[i] - offline[i]) <= 1e-5f * (1 + std::abs(offline[i]));
  std::printf("%s\n", same ? "as offline" : "NOT as offline");
  return same ? 0 : 1;
}
