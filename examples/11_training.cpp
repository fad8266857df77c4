// SPDX-License-Identifier: MIT
// Training: a Shiftformer learns which of two events came first. Without its shift it cannot: a mean over frames that each
// see only themselves knows what happened, and not when.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <span>
#include <tshift/presets.hpp>
#include <tshift/train.hpp>
#include <vector>

namespace {

using tshift::index_t;
namespace train = tshift::train;

constexpr index_t frames = 24, channels = 16, batch = 32;

/// Noise with event A (the even channels) in one frame and event B (the odd ones) in the next: label 0; or B first: 1.
void draw(std::uint64_t seed, std::span<float> x, std::span<index_t> labels) {
  for (index_t n = 0; n < batch; ++n) {
    train::random_stream random(seed, train::purposes::own, 0, n);
    labels[static_cast<std::size_t>(n)] = n % 2;
    index_t const at = 4 + random.below(frames - 8);
    for (index_t t = 0; t < frames; ++t) {
      for (index_t c = 0; c < channels; ++c) {
        bool const event = t - at == (c + n) % 2;
        x[static_cast<std::size_t>((n * frames + t) * channels + c)] =
            static_cast<float>(0.3 * random.normal() + (event ? 2 : 0));
      }
    }
  }
}

/// Trains with a shift, or without; and returns the share of sequences not seen before that is right.
double learn(tshift::model_shift const& shift) {
  // [readme]
  train::parameter_table table;
  train::shiftformer<float> model(table, {.channels = channels, .hidden = 2 * channels, .classes = 2}, shift);
  auto const size = static_cast<std::size_t>(table.size());
  std::vector<float> values(size), gradients(size), first(size), second(size);
  train::initialise<float>(table, 42, values);

  tshift::shape const shape{batch, frames, channels}, of_logits{batch, 1, 2};
  std::vector<float> x(static_cast<std::size_t>(shape.size())), y(2 * batch), dy(2 * batch);
  tshift::tensor_view const in(x, shape), logits(y, of_logits), slopes(dy, of_logits);
  std::vector<float> saved = model.make_saved(shape), workspace = model.make_workspace(shape);
  std::vector<index_t> labels(batch);

  for (index_t step = 1; step <= 150; ++step) {
    draw(static_cast<std::uint64_t>(step), x, labels);
    model.pack(values);
    model.forward(in, logits, saved, workspace);
    train::cross_entropy<float>(logits, labels, {}, slopes);
    std::fill(gradients.begin(), gradients.end(), 0.0f);
    model.backward(in, saved, slopes, {}, gradients, workspace);  // {}: the gradient of x is not wanted
    double const factor = train::gradient_clipping<float>(table, gradients, 5).factor;
    train::adamw<float>(table, {.rate = 3e-3, .decay = 0.01}, step, {values, gradients, first, second}, factor);
  }
  // [/readme]

  index_t right = 0, all = 0;
  model.pack(values);
  for (std::uint64_t seed = 1000; seed < 1010; ++seed) {
    draw(seed, x, labels);
    model.forward(in, logits, saved, workspace);
    for (index_t n = 0; n < batch; ++n) {
      index_t const predicted = logits(n, 0, 1) > logits(n, 0, 0) ? 1 : 0;
      right += predicted == labels[static_cast<std::size_t>(n)] ? 1 : 0;
      ++all;
    }
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(all);
}

}  // namespace

int main() {
  double const with = learn({.n_div = 4, .towards = tshift::direction::both, .where = tshift::placement::both});
  double const without = learn({});
  std::printf("with a shift of half the channels: %.0f %% are right\nwithout: %.0f %%\n", with, without);
  return with > 90 && without < 60 ? 0 : 1;
}
