// SPDX-License-Identifier: MIT
// streamed: every way of cutting a sequence, with the state saved and restored at every cut, gives offline's bits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <tshift/nn/chain.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/streamed.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::direction;
using tshift::padding;
using tshift::placement;
using tshift::tensor_view;
namespace nn = tshift::nn;

template <class T>
nn::linear<T> layer(index_t in, index_t out, random_bits& random) {
  return {in, out, uniform<T>(in * out, random, 1 / static_cast<double>(in)), uniform<T>(out, random)};
}
template <class T>
nn::layer_norm<T> norm(index_t channels, random_bits& random) {
  return {uniform<T>(channels, random), uniform<T>(channels, random)};
}
template <class T>
nn::depthwise_conv1d<T> filter(index_t channels, random_bits& random) {
  index_t const taps = 2 * random.in(0, 3) + 1;
  return {channels, taps, uniform<T>(channels * taps, random), uniform<T>(channels, random)};
}
template <class T>
nn::conv1d<T> conv(index_t in, index_t out, random_bits& random) {
  tshift::conv1d_options o{.inputs = in, .outputs = out, .taps = random.in(1, 6), .stride = random.in(1, 3)};
  o.padding = random.in(0, o.taps);
  return nn::conv1d<T>(o, uniform<T>(in * out * o.taps, random, 0.2), uniform<T>(out, random));
}
template <class T>
nn::lstm<T> recurrent(index_t in, index_t hidden, random_bits& random) {
  return {in,
          hidden,
          {uniform<T>(4 * hidden * in, random, 0.3), uniform<T>(4 * hidden * hidden, random, 0.3),
           uniform<T>(4 * hidden, random), uniform<T>(4 * hidden, random)}};
}

/// Any shift that can be streamed, of any reach.
tshift::shift_plan draw_plan(index_t channels, random_bits& random) {
  padding const edges[] = {padding::zero, padding::keep, padding::edge};
  index_t const first = random.in(0, channels), second = random.in(0, channels - first);
  return {channels, {{0, first, random.in(-4, 4)}, {first, second, random.in(-4, 4)}}, edges[random.in(0, 2)]};
}
placement draw_placement(random_bits& random) { return static_cast<placement>(random.in(0, 3)); }

/// What a step makes of a whole sequence.
template <class T>
struct tensor {
  std::vector<T> values;
  tshift::shape dims;

  tensor_view<T const> view() const { return {values.data(), dims}; }
};
template <class T, class Step>
tensor<T> offline(Step const& step, tensor<T> const& x) {
  nn::stream_step const how = nn::step_of<T>(step);
  tensor<T> y{{}, {x.dims.batch, how.window.count(x.dims.time), how.outputs}};
  y.values.resize(static_cast<std::size_t>(y.dims.size()));
  auto workspace = step.make_workspace(x.dims);
  step.forward(x.view(), tensor_view<T>(y.values.data(), y.dims), workspace);
  return y;
}
template <class T, class First, class... Rest>
tensor<T> offline(tensor<T> const& x, First const& first, Rest const&... rest) {
  if constexpr (sizeof...(Rest) == 0) {
    return offline<T>(first, x);
  } else {
    return offline<T>(offline<T>(first, x), rest...);
  }
}

/// Feeds x in chunks of any size, from one copy of the network to the next.
template <class T, class Live>
std::vector<T> fed(Live& live, tensor<T> const& x, index_t frames, random_bits& random, index_t most) {
  index_t const N = x.dims.batch, time = x.dims.time, outputs = live.outputs();
  std::vector<T> all(static_cast<std::size_t>(N * frames * outputs + 1), T(-7));
  tensor_view<T> const y(all.data(), {N, frames, outputs});
  Live other = live;
  std::vector<std::byte> state(live.state_bytes());
  index_t made = 0;
  bool good = true;
  auto const room = [&](index_t count) {
    tensor_view<T> some = y;
    some.data += made * outputs;
    some.shape.time = count;
    return some;
  };
  for (index_t first = 0; first < time;) {
    index_t const some = std::min(random.in(0, most), time - first);
    tensor_view<T const> chunk = x.view();
    chunk.data += first * x.dims.channels;
    chunk.shape.time = some;
    index_t const due = live.ready(some);
    good = good && live.received() == first && made + due <= frames;
    good = good && live.push(chunk, room(due)) == due;
    made += due;
    first += some;
    live.save(state);
    if (random.chance(3)) other.reset();
    if (random.chance(2)) {
      other.restore(state);  // over what it has from frames before
      std::swap(live, other);
    }
  }
  index_t const rest = live.pending();
  good = good && live.flush(room(rest)) == rest && live.received() == 0;
  made += rest;
  std::vector<T> result;
  for (index_t n = 0; n < N; ++n) {
    for (index_t t = 0; t < made; ++t) {
      for (index_t c = 0; c < outputs; ++c) result.push_back(y(n, t, c));
    }
  }
  if (!good || all.back() != T(-7)) result.clear();
  return result;
}

template <class T, class... Steps>
void check_one(summary& sum, random_bits& random, char const* what, index_t sequences, index_t time,
               Steps const&... steps) {
  auto live = nn::stream<T>(sequences, steps...);
  tensor<T> x{{}, {sequences, time, live.inputs()}};
  x.values = uniform<T>(x.dims.size(), random);
  tensor<T> const want = offline<T>(x, steps...);
  for (index_t const most : {1, 5, 200}) {
    std::vector<T> const got = fed<T>(live, x, want.dims.time, random, most);
    bool const same =
        got.size() == want.values.size() && same_bytes(got.data(), want.values.data(), got.size() * sizeof(T));
    sum.count(same, [&] {
      return std::string(what) + ": N " + std::to_string(sequences) + ", T " + std::to_string(time) + ", chunks of " +
             std::to_string(most);
    });
  }
}

template <class T>
void check_networks(std::uint64_t seed) {
  random_bits random(seed);
  summary sum;
  for (int again = 0; again < 40; ++again) {
    index_t const N = random.in(1, 3), C = random.in(1, 20), D = random.in(1, 20);
    index_t const time = again < 12 ? again : again < 36 ? random.in(1, 60) : random.in(100, 300);
    auto const residual = [&] {
      return nn::wrap<T>(layer<T>(C, C, random), draw_placement(random), draw_plan(C, random));
    };
    nn::chain const conv_block(filter<T>(C, random), norm<T>(C, random),
                               nn::mlp<T>(layer<T>(C, D, random), layer<T>(D, C, random)));
    auto const shifted_block = nn::wrap<T>(conv_block, draw_placement(random), draw_plan(C, random));
    auto const norm_block = nn::wrap<T>(norm<T>(C, random), draw_placement(random), draw_plan(C, random));
    check_one<T>(sum, random, "residual blocks", N, time, residual(), norm<T>(C, random), residual());
    check_one<T>(sum, random, "ShiftCNN's blocks", N, time, shifted_block, norm_block, filter<T>(C, random));
    check_one<T>(sum, random, "convolutions", N, time, conv<T>(C, D, random), layer<T>(D, C, random),
                 conv<T>(C, D, random));
    check_one<T>(sum, random, "layers that remember", N, time, residual(), recurrent<T>(C, D, random),
                 recurrent<T>(D, C, random), conv<T>(C, 2, random));
  }
  sum.print("streamed networks", type_name<T>());
  REQUIRE_ALL(sum, 480);
}

}  // namespace

TEST_CASE("streamed: every partition gives offline's bits", "[nn][streamed]") {
  check_networks<float>(7001);
  check_networks<double>(7002);
}

TEST_CASE("streamed: the state of a stream is what it has taken, whatever the chunks", "[nn][streamed]") {
  random_bits random(7003);
  constexpr index_t C = 5, time = 90;
  auto const x = uniform<float>(2 * time * C, random);
  auto one =
      nn::stream<float>(2, conv<float>(C, C, random),
                        nn::wrap<float>(layer<float>(C, C, random), placement::both, {C, {{0, 2, 3}, {2, 2, -2}}}),
                        recurrent<float>(C, 3, random));
  auto other = one;
  std::vector<float> room(static_cast<std::size_t>(2 * time * 3));
  std::vector<std::byte> states[2];
  tensor_view<float const> const from(x.data(), {2, time, C});
  for (index_t t = 0; t < time; ++t) {
    one.push(from.slice_frames(t, 1), tensor_view<float>(room.data(), {2, time, 3}));
  }
  other.push(from, tensor_view<float>(room.data(), {2, time, 3}));
  for (auto& state : states) state.resize(one.state_bytes());
  one.save(states[0]);
  other.save(states[1]);
  CHECK(states[0] == states[1]);
  one.reset();
  other.flush(tensor_view<float>(room.data(), {2, time, 3}));
  one.save(states[0]);
  other.save(states[1]);
  CHECK(states[0] == states[1]);
  CHECK(one.received() == 0);
  // A second sequence knows nothing of the first.
  std::vector<float> again(room.size(), 1.f), fresh(room.size(), 1.f);
  index_t const due = other.push(from, tensor_view<float>(again.data(), {2, time, 3}));
  CHECK(due == one.push(from, tensor_view<float>(fresh.data(), {2, time, 3})));
  CHECK(again == fresh);
}

TEST_CASE("streamed: any executor gives the same bits, and nothing is allocated", "[nn][streamed]") {
  random_bits random(7004);
  constexpr index_t C = 40, time = 300;
  auto const x = uniform<float>(3 * time * C, random);
  nn::chain const block(nn::depthwise_conv1d<float>(C, 5, uniform<float>(C * 5, random), uniform<float>(C, random)),
                        norm<float>(C, random),
                        nn::mlp<float>(layer<float>(C, 90, random), layer<float>(90, C, random)));
  auto one = nn::stream<float>(3, nn::wrap<float>(block, placement::branch, {C, {{0, 9, 1}, {9, 9, -1}}}),
                               recurrent<float>(C, 20, random));
  auto other = one;
  std::vector<float> a(static_cast<std::size_t>(3 * time * 20)), b(a.size());
  tensor_view<float const> const from(x.data(), {3, time, C});
  tensor_view<float> const to(a.data(), {3, time, 20}), beside(b.data(), {3, time, 20});
  std::vector<std::byte> state(one.state_bytes());
  index_t due = 0;
  CHECK(allocations_in([&] {
          due = one.push(from.slice_frames(0, 200), to.slice_frames(0, 197));
          due += one.push(from.slice_frames(200, 100), to.slice_frames(197, 100));
          one.save(state);
          one.restore(state);
          due += one.flush(to.slice_frames(297, 3));
        }) == 0);
  CHECK(due == 300);
  CHECK(other.push(thread_executor{3}, from, beside) == 297);
  CHECK(other.flush(reversed_executor(), beside.slice_frames(297, 3)) == 3);
  CHECK(a == b);
}

TEST_CASE("streamed: what it waits for, and how much it holds", "[nn][streamed]") {
  random_bits random(7005);
  tshift::shift_plan const ahead(4, {{0, 1, 2}, {1, 2, -3}});
  nn::depthwise_conv1d<float> const five(4, 5, std::vector<float>(20), {});
  nn::linear<float> const one(4, 4, std::vector<float>(16));
  nn::conv1d<float> const halves({.inputs = 4, .outputs = 4, .taps = 3, .stride = 2, .padding = 1},
                                 std::vector<float>(48));
  CHECK(five.history() == 2);
  CHECK(five.latency() == 2);
  CHECK(one.history() == 0);
  CHECK(one.latency() == 0);
  struct reach {
    placement where;
    index_t history, latency;
  };
  for (reach const& want :
       {reach{placement::none, 2, 2}, {placement::skip, 2, 3}, {placement::branch, 4, 5}, {placement::both, 4, 5}}) {
    auto const block = nn::wrap<float>(five, want.where, ahead);
    CHECK(block.history() == want.history);
    CHECK(block.latency() == want.latency);
  }
  auto live = nn::stream<float>(2, halves, nn::wrap<float>(five, placement::branch, ahead), halves);
  CHECK(live.latency() == 1 + 2 * 5 + 2 * 1);
  CHECK(live.inputs() == 4);
  CHECK(live.outputs() == 4);
  CHECK(live.ready(13) == 0);
  CHECK(live.ready(14) == 1);
  CHECK(live.ready(17) == 1);
  CHECK(live.ready(18) == 2);
  CHECK(live.pending() == 0);
  // Of the first convolution two frames of four channels are kept, of the block nine, of the last two; twice.
  CHECK(live.state_bytes() == 16 + 2 * 4 * 4 * (2 + 9 + 2));
  CHECK(live.memory_bytes() < 20000);
  std::vector<float> const x(8 * 14);
  std::vector<float> y(8);
  CHECK(live.push(tensor_view<float const>(x.data(), {2, 14, 4}), tensor_view<float>(y.data(), {2, 1, 4})) == 1);
  CHECK(live.pending() == 3);
}

TEST_CASE("streamed refuses what does not fit, and has changed nothing", "[nn][streamed][errors]") {
  random_bits random(7006);
  nn::linear<float> const one = layer<float>(3, 4, random);
  nn::lstm<float> const both(
      3, 2, {std::vector<float>(24), std::vector<float>(16), std::vector<float>(8), std::vector<float>(8)},
      {std::vector<float>(24), std::vector<float>(16), std::vector<float>(8), std::vector<float>(8)});
  CHECK(message_of([&] { nn::stream<float>(1, one, one); }) == "streamed: step 1 reads 3 channels, step 0 makes 4");
  CHECK(message_of([&] { nn::stream<float>(-1, one); }) == "streamed: a size is -1, must be >= 0");
  CHECK(message_of([&] { nn::stream<float>(1, both); }) ==
        "lstm: the backward direction begins with the last frame of a sequence, and cannot be streamed");
  tshift::shift_plan const round(3, {{0, 1, 1}}, padding::circular);
  auto const square = layer<float>(3, 3, random);
  CHECK(message_of([&] { nn::stream<float>(1, nn::wrap<float>(square, placement::branch, round)); }) ==
        "wrap: padding circular needs the end of a sequence before its beginning, and cannot be streamed");
  CHECK(message_of([&] { nn::stream<float>(1, nn::wrap<float>(square, placement::none, round)); }).empty());

  auto live = nn::stream<float>(2, one);
  std::vector<float> x(60), y(80);
  index_t const lengths[] = {2, 3};
  auto const push = [&](tshift::shape const& in, tshift::shape const& out, bool ragged = false) {
    return message_of([&] {
      live.push(tensor_view<float const>(x.data(), in, tshift::layout::ntc,
                                         ragged ? std::span<index_t const>(lengths) : std::span<index_t const>()),
                tensor_view<float>(y.data(), out));
    });
  };
  CHECK(push({2, 3, 4}, {2, 3, 4}) == "streamed::push: x has 4 channels, must have 3");
  CHECK(push({1, 3, 3}, {2, 3, 4}) == "streamed::push: x has batch 1, the stream has 2");
  CHECK(push({2, 3, 3}, {1, 3, 4}) == "streamed::push: y has batch 1, the stream has 2");
  CHECK(push({2, 3, 3}, {2, 3, 3}) == "streamed::push: y has 3 channels, must have 4");
  CHECK(push({2, 3, 3}, {2, 2, 4}) == "streamed::push: y has time 2, must be >= 3");
  CHECK(push({2, 3, 3}, {2, 3, 4}, true) ==
        "streamed::push: x has lengths; the sequences of one stream advance together");
  CHECK(message_of([&] {
          live.push(tensor_view<float const>(y.data(), {2, 3, 3}), tensor_view<float>(y.data() + 5, {2, 3, 4}));
        }) == "streamed::push: x and y overlap in memory, must share no element");
  CHECK(live.received() == 0);
  CHECK(message_of([&] {
          live.flush(tensor_view<float>(y.data(), {2, 0, 3}));
        }) == "streamed::flush: y has 3 channels, must have 4");
  std::vector<std::byte> state(live.state_bytes());
  CHECK(message_of([&] { live.save(std::span(state).first(3)); }) ==
        "streamed::save: memory has 3 bytes, must have 16");
  live.save(state);
  auto other = nn::stream<float>(2, square);
  CHECK(message_of([&] { other.restore(state); }) == "streamed::restore: this is the state of another network");
  CHECK(message_of([&] { other.restore(std::span(state).first(8)); }) ==
        "streamed::restore: memory has 8 bytes, must have 16");
  state.back() = std::byte{0x80};  // fewer than no frames
  CHECK(message_of([&] { live.restore(state); }) == "streamed::restore: this is the state of another network");
  auto taken = std::move(live);
  CHECK(push({2, 3, 3}, {2, 3, 4}) ==  // NOLINT(bugprone-use-after-move): a stream says so
        "streamed::push: the stream was moved from, and has no state; assign another to it");
  live = taken;
  CHECK(push({2, 3, 3}, {2, 3, 4}).empty());
}
