// SPDX-License-Identifier: MIT
// From other people's shifts to this one: each beside plain loops that do what the other code does, and how to run a
// network under the other order of folds by moving its weights. The text to it is porting.md.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <vector>

#include <tshift/nn/linear.hpp>
#include <tshift/tshift.hpp>

namespace {

using tshift::index_t;
using floats = std::vector<float>;
using view = tshift::tensor_view<float>;

floats zeros(index_t size) { return floats(static_cast<std::size_t>(size)); }

/// Whole numbers in [-4, 4]: sums of their products are exact in any order.
floats numbers(index_t size, unsigned seed) {
  floats result = zeros(size);
  for (float& value : result) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 16U & 0x7fffU);
    value = std::fmod(value, 9.0f) - 4.0f;
  }
  return result;
}

/// Prints a claim and whether it holds; returns how many do not.
int check(char const* what, bool right) {
  std::printf("%-64s %s\n", what, right ? "yes" : "NO");
  return right ? 0 : 1;
}

/// What shifts are elsewhere: one loop that asks each channel which frame it reads; frames outside are zero.
floats by_hand(view const& x, std::function<index_t(index_t t, index_t c)> const& source) {
  auto const& [batch, time, channels, space] = x.shape;
  floats result;
  for (index_t n = 0; n < batch; ++n)
    for (index_t t = 0; t < time; ++t)
      for (index_t c = 0; c < channels; ++c)
        for (index_t s = 0; s < space; ++s) {
          index_t const from = source(t, c);
          result.push_back(from < 0 || from >= time ? 0.0f : x(n, from, c, s));
        }
  return result;
}

/// The first fold of channels reads the frame `first` before its own, the second `second` before.
auto folds(index_t fold, index_t first, index_t second) {
  return [=](index_t t, index_t c) {
    if (c < fold) return t - first;
    return c < 2 * fold ? t - second : t;
  };
}

int video() {
  constexpr index_t clips = 2, frames = 8, height = 3, width = 5;
  floats memory = numbers(clips * frames * 64 * height * width, 1),
         result = zeros(clips * frames * 64 * height * width);
  float* const input = memory.data();
  float* const output = result.data();

  // [tsm]
  // PyTorch's [clips * frames, 64, height, width], contiguous: no reshape, no copy.
  tshift::shape const video{.batch = clips, .time = frames, .channels = 64, .space = height * width};
  tshift::tensor_view const x(input, video, tshift::layout::ntcs);
  tshift::tensor_view const y(output, video, tshift::layout::ntcs);

  tshift::shift(x, y, tshift::presets::tsm(64, 8));
  // [/tsm]

  floats const want = by_hand(x, folds(8, -1, +1));
  int wrong = check("TSM, MMAction2: [0, 8) from the future, [8, 16) from the past", result == want);

  // [paddle]
  tshift::shift(x, y, tshift::presets::paddle(64, 0.125f));  // shift_ratio; seg_num is the shape's time
  // [/paddle]

  wrong += check("Paddle: [0, 8) from the past, [8, 16) from the future", result == by_hand(x, folds(8, +1, -1)));

  // [in_place]
  tshift::shift_inplace(x, tshift::presets::tsm(64, 8));  // only where nobody reads x as it was
  // [/in_place]
  return wrong + check("the same in place", memory == want);
}

int online() {
  constexpr index_t frames = 6, space = 4;
  constexpr tshift::shape whole{.time = frames, .channels = 16, .space = space};
  floats memory = numbers(whole.size(), 2), result = zeros(whole.size());
  view const video(memory.data(), whole, tshift::layout::ntcs), shifted(result.data(), whole, tshift::layout::ntcs);

  // [tsm_online]
  // One of these for each layer that shifts; it is the layer's cache, and begins with zeros.
  tshift::shift_stream<float> cache(tshift::presets::tsm_online(16, 8), {.channels = 16, .space = space});

  for (index_t t = 0; t < frames; ++t) {
    // A delay has no latency: a frame in, a frame out.
    cache.push(video.slice_frames(t, 1), shifted.slice_frames(t, 1));
  }
  // [/tsm_online]

  return check("TSM's online demo: frame by frame, [0, 2) from the cache", result == by_hand(video, folds(2, +1, 0)));
}

int speech() {
  constexpr index_t utterances = 2, frames = 9, channels = 48;
  constexpr tshift::shape dims{.batch = utterances, .time = frames, .channels = channels};
  floats memory = numbers(dims.size(), 3), branch = numbers(dims.size(), 4), result = zeros(dims.size());
  view const x(memory.data(), dims), f_x(branch.data(), dims), y(result.data(), dims);

  auto const plus_branch = [&](floats sum) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += branch[i];
    return sum;
  };

  // [shiftser]
  // --ndiv 16, [utterances, frames, channels]; f_x holds what the block's layers made of x.
  tshift::shift_add(x, f_x, y, tshift::presets::shiftser(channels, 16));  // y = S x + f(x)
  // [/shiftser]

  int wrong =
      check("ShiftSER, residual: the skip connection is shifted", result == plus_branch(by_hand(x, folds(3, +1, 0))));

  // [shiftser_both]
  tshift::shift(x, y, tshift::presets::shiftser(channels, 4, tshift::direction::both));  // --ndiv 4 --bidirectional
  // [/shiftser_both]

  wrong += check("ShiftSER, bidirectional: [0, 12) past, [12, 24) future", result == by_hand(x, folds(12, +1, -1)));

  // [roll]
  // torch.roll(x[..., :12], +1, dims=1), the other channels as they are.
  tshift::shift(x, y,
                tshift::shift_plan(channels, {{.begin = 0, .count = 12, .offset = +1}}, tshift::padding::circular));
  // [/roll]

  wrong += check("torch.roll of twelve channels by one frame",
                 result == by_hand(x, [](index_t t, index_t c) { return c < 12 ? (t + frames - 1) % frames : t; }));

  // [rwkv]
  tshift::shift(x, y, tshift::presets::rwkv(channels));  // version 1: half of the channels
  // [/rwkv]

  wrong += check("RWKV, version 1", result == by_hand(x, folds(24, +1, 0)));

  floats const mu(static_cast<std::size_t>(channels), 0.25f);
  // [rwkv_mix]
  // Later versions: x mu + (1 - mu) times the token before, mu for each channel. Nothing is copied first.
  auto const before = tshift::shifted(x, tshift::shift_plan(channels, {{.begin = 0, .count = channels, .offset = +1}}));
  for (index_t n = 0; n < utterances; ++n) {
    for (index_t t = 0; t < frames; ++t) {
      for (index_t c = 0; c < channels; ++c) {
        float const m = mu[static_cast<std::size_t>(c)];
        y(n, t, c) = m * x(n, t, c) + (1 - m) * before(n, t, c);
      }
    }
  }
  // [/rwkv_mix]

  floats mixed = by_hand(x, folds(channels, +1, 0));
  for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] = 0.25f * memory[i] + 0.75f * mixed[i];
  return wrong + check("RWKV, later: all channels delayed, and mixed", result == mixed);
}

// --- a network under the other order of folds -------------------------------------------------------------------------

/// Weights as PyTorch has them: [outputs, inputs].
struct weights {
  index_t outputs, inputs;
  floats w, bias;
};

weights make(index_t outputs, index_t inputs, unsigned seed) {
  return {outputs, inputs, numbers(outputs * inputs, seed), numbers(outputs, seed + 1)};
}

// [permute]
/// Channel c of the new order is channel other(c) of the old one: the two folds have changed places.
index_t other(index_t c, index_t fold) { return c < fold ? c + fold : c < 2 * fold ? c - fold : c; }

/// For the layers that write the channels a shift moves: rows and bias.
weights permute_outputs(weights const& a, index_t fold) {
  weights b = a;
  for (index_t o = 0; o < a.outputs; ++o) {
    auto const to = static_cast<std::size_t>(o), from = static_cast<std::size_t>(other(o, fold));
    auto const inputs = static_cast<std::size_t>(a.inputs);
    for (std::size_t i = 0; i < inputs; ++i) b.w[to * inputs + i] = a.w[from * inputs + i];
    b.bias[to] = a.bias[from];
  }
  return b;
}

/// For the layers that read them: columns. A convolution's taps move with their channel.
weights permute_inputs(weights const& a, index_t fold) {
  weights b = a;
  for (index_t o = 0; o < a.outputs; ++o) {
    for (index_t i = 0; i < a.inputs; ++i) {
      auto const row = static_cast<std::size_t>(o * a.inputs);
      b.w[row + static_cast<std::size_t>(i)] = a.w[row + static_cast<std::size_t>(other(i, fold))];
    }
  }
  return b;
}
// [/permute]

/// y = w x + bias; x may be read through a shift.
floats apply(weights const& a, tshift::nn::input<float> const& x) {
  floats result = zeros(x.shape().batch * x.shape().time * a.outputs);
  tshift::nn::linear<float> const layer(a.inputs, a.outputs, a.w, a.bias);
  layer.forward(x, view(result.data(), {.batch = x.shape().batch, .time = x.shape().time, .channels = a.outputs}));
  return result;
}

constexpr index_t seen = 12, inner = 16, fold = 4;
constexpr tshift::shape clip{.batch = 2, .time = 7, .channels = seen};
constexpr tshift::shape hidden{.batch = 2, .time = 7, .channels = inner};

/// second(S(first(x))).
floats branch(weights const& first, weights const& second, view const& x, tshift::shift_plan const& plan) {
  floats h = apply(first, x);
  return apply(second, tshift::shifted(view(h.data(), hidden), plan));
}

/// head(h + block(S h)) with h = stem(x): TSM's residual block, whose shift reads what the identity carries.
floats residual(weights const& stem, weights const& block, weights const& head, view const& x,
                tshift::shift_plan const& plan) {
  floats h = apply(stem, x);
  floats const f = apply(block, tshift::shifted(view(h.data(), hidden), plan));
  for (std::size_t i = 0; i < h.size(); ++i) h[i] += f[i];
  return apply(head, view(h.data(), hidden));
}

int other_order() {
  floats memory = numbers(clip.size(), 5);
  view const x(memory.data(), clip);
  weights const stem = make(inner, seen, 10), block = make(inner, inner, 20), head = make(3, inner, 30);

  constexpr auto trained = tshift::presets::tsm(inner, 4);          // the future first
  constexpr auto deployed = tshift::presets::paddle(inner, 0.25f);  // the past first

  floats const want = branch(stem, head, x, trained);
  // [branch]
  // Only this branch sees the shifted channels: its writer and its reader change.
  floats const got = branch(permute_outputs(stem, fold), permute_inputs(head, fold), x, deployed);
  // [/branch]
  int wrong = check("TSM's weights under Paddle's order, between two layers", want == got);
  wrong += check("... and not so without permuting: the trap", want != branch(stem, head, x, deployed));

  floats const want_residual = residual(stem, block, head, x, trained);
  // [residual]
  // The identity carries the same channels, so every layer that writes or reads them changes.
  floats const got_residual = residual(permute_outputs(stem, fold), permute_outputs(permute_inputs(block, fold), fold),
                                       permute_inputs(head, fold), x, deployed);
  // [/residual]
  return wrong + check("TSM's weights under Paddle's order, a residual block", want_residual == got_residual);
}

}  // namespace

int main() {
  int const wrong = video() + online() + speech() + other_order();
  return wrong == 0 ? 0 : 1;
}
