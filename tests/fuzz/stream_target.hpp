// SPDX-License-Identifier: MIT
// Bytes are read as a small network, its sequences, and what is done to its stream: frames pushed in chunks of any size, states
// saved, damaged and restored, a reset. Either a network is refused, with a shape_error of one line; or the frames that leave
// are offline's bits, and a state that is damaged in its head is refused and changes nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/residual.hpp>
#include <tshift/nn/streamed.hpp>

#include "support.hpp"

namespace fuzz {

namespace nn = tshift::nn;

/// Small numbers of a pattern that no shift maps onto itself.
inline std::vector<float> pattern(index_t count, unsigned seed) {
  std::vector<float> all(static_cast<std::size_t>(count));
  std::uint32_t state = seed * 2654435761u + 12345u;
  for (float& each : all) {
    state = state * 1664525u + 1013904223u;
    each = static_cast<float>(static_cast<std::int32_t>(state >> 8)) * 0x1p-23f - 1.0f;
  }
  return all;
}

inline tshift::shift_plan small_plan(byte_source& from, index_t channels) {
  index_t const first = from.below(channels + 1), second = from.below(channels - first + 1);
  auto const offset = [&from] { return from.below(11) - 5; };
  index_t const one = offset(), two = offset();
  return {channels, {{0, first, one}, {first, second, two}}, static_cast<tshift::padding>(from.below(4))};
}

inline nn::linear<float> drawn_linear(index_t inputs, index_t outputs, tshift::stored how) {
  std::vector<float> const weight = pattern(outputs * inputs, 1);
  return {inputs, outputs, {weight, how}, pattern(outputs, 2)};
}

inline nn::conv1d<float> drawn_conv(byte_source& from, index_t inputs, index_t outputs, tshift::stored how) {
  tshift::conv1d_options o{
      .inputs = inputs, .outputs = outputs, .taps = 1 + from.below(6), .stride = 1 + from.below(3)};
  o.padding = from.below(8);
  std::vector<float> const weight = pattern(outputs * inputs * o.taps, 3);
  return nn::conv1d<float>(o, {weight, how}, pattern(outputs, 4));
}

inline nn::lstm<float> drawn_lstm(byte_source& from, index_t inputs, index_t hidden, tshift::stored how) {
  std::vector<float> const ih = pattern(4 * hidden * inputs, 5), hh = pattern(4 * hidden * hidden, 6);
  std::vector<float> const one = pattern(4 * hidden, 7), other = pattern(4 * hidden, 8);
  nn::lstm_weights<float> const w{{ih, how}, {hh, how}, one, other};
  if (from.one_in(16)) return {inputs, hidden, w, w};  // which cannot be streamed
  return {inputs, hidden, w};
}

/// y of all steps, and frames of it.
struct whole {
  std::vector<float> values;
  tshift::shape dims;
};

template <class Step>
void apply(Step const& step, whole& x) {
  nn::stream_step const how = nn::step_of<float>(step);
  whole y{{}, {x.dims.batch, how.window.count(x.dims.time), how.outputs}};
  y.values.resize(static_cast<std::size_t>(y.dims.size()));
  auto workspace = step.make_workspace(x.dims);
  step.forward(tshift::tensor_view<float const>(x.values.data(), x.dims),
               tshift::tensor_view<float>(y.values.data(), y.dims), workspace);
  x = std::move(y);
}

template <class... Steps>
void stream_against_whole(byte_source& from, Steps const&... steps) {
  index_t const N = from.below(3), time = from.below(40);
  index_t const inputs = nn::step_of<float>(std::get<0>(std::tie(steps...))).inputs;
  whole x{pattern(N * time * inputs, 9), {N, time, inputs}};
  std::vector<float> const given = x.values;
  auto live = nn::stream<float>(N, steps...);
  auto other = live;
  (apply(steps, x), ...);
  std::vector<float> made(x.values.size() + 1, 7.0f);
  tshift::tensor_view<float> const y(made.data(), x.dims);
  tshift::tensor_view<float const> const all(given.data(), {N, time, inputs});
  index_t done = 0;
  std::vector<std::byte> state(live.state_bytes()), before(live.state_bytes());
  for (index_t first = 0; first < time;) {
    index_t const some = std::min(from.below(9), time - first), due = live.ready(some);
    require(done + due <= x.dims.time, "more frames leave than there are");
    require(live.push(all.slice_frames(first, some), y.slice_frames(done, due)) == due, "push gives other than ready");
    done += due;
    first += some;
    require(live.received() == first, "frames are miscounted");
    live.save(state);
    switch (from.below(6)) {
      case 0: other.reset(); [[fallthrough]];
      case 1:
        other.restore(state);
        std::swap(live, other);
        break;
      case 2: {  // its first bytes say which network it is of, and how many frames it has seen
        std::vector<std::byte> damaged = state;
        auto const at = static_cast<std::size_t>(from.below(16));
        damaged[at] ^= static_cast<std::byte>(1u << from.below(8));
        bool const kept = refused([&] { other.restore(damaged); });
        require(kept || at >= 8, "the state of another network is taken");
        if (!kept) {  // of another number of frames, which it may have seen: it goes on from there
          require(other.received() != first, "a state says other than its bytes");
          other.reset();
        }
        live.save(before);
        require(before == state, "a state that was refused changed something");
        break;
      }
      case 3:
        require(refused([&] { live.restore(std::span(state).first(state.size() - 1)); }), "half a state is taken");
        break;
      default: break;
    }
    if (some == 0 && from.empty()) {  // the rest at once
      index_t const rest = time - first, last = live.ready(rest);
      (void)live.push(all.slice_frames(first, rest), y.slice_frames(done, last));
      done += last;
      first = time;
    }
  }
  require(live.pending() == x.dims.time - done, "other frames are held back than are missing");
  (void)live.flush(y.slice_frames(done, x.dims.time - done));
  require(live.received() == 0, "a sequence goes on after its end");
  bool const same = x.values.empty() || std::memcmp(made.data(), x.values.data(), x.values.size() * sizeof(float)) == 0;
  require(same, "other bits than of the whole");
  require(made.back() == 7.0f, "a frame too many");
}

inline void stream_input(std::span<std::uint8_t const> bytes) {
  byte_source from(bytes);
  index_t const channels = 1 + from.below(9), hidden = 1 + from.below(9);
  tshift::stored const how = from.one_in(3) ? tshift::stored::bf16 : tshift::stored::full;
  index_t const kind = from.below(5);
  (void)refused([&] {
    switch (kind) {
      case 0: {
        auto const block = nn::wrap<float>(drawn_linear(channels, channels, how),
                                           static_cast<tshift::placement>(from.below(4)), small_plan(from, channels));
        return stream_against_whole(from, block);
      }
      case 1:
        return stream_against_whole(from, drawn_conv(from, channels, hidden, how), drawn_conv(from, hidden, 3, how));
      case 2: return stream_against_whole(from, drawn_lstm(from, channels, hidden, how));
      case 3: {
        nn::mlp<float> const mlp(drawn_linear(channels, hidden, how), drawn_linear(hidden, channels, how));
        auto const first =
            nn::wrap<float>(mlp, static_cast<tshift::placement>(from.below(4)), small_plan(from, channels));
        auto const second =
            nn::wrap<float>(mlp, static_cast<tshift::placement>(from.below(4)), small_plan(from, channels));
        return stream_against_whole(from, first, nn::layer_norm<float>(pattern(channels, 3), pattern(channels, 4)),
                                    second);
      }
      default: {
        nn::conv1d<float> const conv = drawn_conv(from, channels, hidden, how);
        auto const block = nn::wrap<float>(drawn_linear(hidden, hidden, how),
                                           static_cast<tshift::placement>(from.below(4)), small_plan(from, hidden));
        return stream_against_whole(from, conv, block, drawn_lstm(from, hidden, 3, how));
      }
    }
  });
}

}  // namespace fuzz
