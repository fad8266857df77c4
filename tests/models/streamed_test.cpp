// SPDX-License-Identifier: MIT
// streamed models: whatever the chunks, and with the state saved and restored at every cut, the frames that leave are
// offline's bit for bit, and the logits are those of their mean.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/streamed.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/distance.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded.hpp"
#include "../support/seeded_neighbours.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::direction;
using tshift::model_shift;
using tshift::padding;
using tshift::placement;
using tshift::summary_kind;
using tshift::tensor_view;
using tshift::models::crnn;
using tshift::models::shift_cnn;
using tshift::models::shift_lstm;
using tshift::models::shiftformer;
using tshift::models::streamed;
using tshift::weights::state_dict;
namespace nn = tshift::nn;

constexpr index_t D = 12, classes = 4;

model_sizes sizes(std::string const& kind, std::string const& position = "none", index_t longest = 0) {
  return {kind, position, D, longest, classes};
}

/// A ShiftLSTM of one direction, or of two.
template <class T>
state_dict recurrent(std::uint64_t seed, bool both = false) {
  model_sizes of = sizes("shift_lstm");
  of.one_way = !both;
  return seeded_weights<T>(of, seed);
}

/// The frames that a model pools offline, [N, T, D]: they stay in the first or the second half of its activations.
template <class T, class Model>
std::vector<std::vector<T>> pooled_offline(Model const& model, tensor_view<T const> const& x, std::vector<T>& logits) {
  auto workspace = model.make_workspace(x.shape);
  logits.assign(static_cast<std::size_t>(x.shape.batch * classes), T(7));
  model.forward(x, tensor_view<T>(logits.data(), {x.shape.batch, 1, classes}), workspace);
  std::vector<std::vector<T>> halves;
  auto const size = x.size();
  for (index_t begin = 0; begin + size <= static_cast<index_t>(workspace.size()) && begin <= size; begin += size) {
    halves.emplace_back(workspace.begin() + begin, workspace.begin() + begin + size);
    if (size == 0) break;
  }
  return halves;
}

/// The `frames` frames [N, frames, outputs] that leave a model which is fed x in chunks; nothing if there are others.
template <class T, class Model>
std::vector<T> pooled_live(Model const& model, std::vector<nn::stream_step> const& steps, tensor_view<T const> const& x,
                           index_t frames, index_t most, random_bits& random) {
  index_t const N = x.shape.batch, outputs = steps.back().outputs;
  nn::arena<T> counting("test");
  model.layout_steps(counting, {N, nn::kernel::frames_at_once, 0, x.shape.space});
  nn::kernel::pipeline<T> pipe("test", N, steps, counting.most());
  std::vector<T> all(static_cast<std::size_t>(N * frames * outputs));
  tensor_view<T> const y(all.data(), {N, frames, outputs});
  auto const run = [&model](index_t step, nn::stream_frames<T> const& in, tensor_view<T> const& to, nn::arena<T> a) {
    tshift::detail::run_here exec;
    model.make_frames(exec, step, in, to, a);
  };
  index_t made = 0;
  auto const room = [&y, &made](index_t count) { return y.slice_frames(made, count); };
  auto const done = [&made](tensor_view<T> const& some) { made += some.shape.time; };
  for (index_t first = 0; first < x.shape.time;) {
    index_t const some = std::min(random.in(0, most), x.shape.time - first);
    pipe.push(x.slice_frames(first, some), run, room, done);
    first += some;
  }
  pipe.flush(run, room, done);
  return made == frames ? all : std::vector<T>();
}

/// Logits of frames, by the definition of their mean.
template <class T, class Model>
std::vector<T> answer_of(Model const& model, std::vector<T> const& frames, index_t N, index_t time, index_t first) {
  std::vector<T> mean, y(static_cast<std::size_t>(N * classes));
  for (index_t n = 0; n < N; ++n) {
    for (index_t c = 0; c < D; ++c) {
      long double sum = 0;
      for (index_t t = 0; t < first; ++t) {
        sum += static_cast<long double>(frames[static_cast<std::size_t>((n * time + t) * D + c)]);
      }
      mean.push_back(first > 0 ? static_cast<T>(sum / static_cast<long double>(first))
                               : std::numeric_limits<T>::quiet_NaN());
    }
  }
  tshift::detail::run_here exec;
  model.answer(exec, tensor_view<T const>(mean.data(), {N, 1, D}), tensor_view<T>(y.data(), {N, 1, classes}),
               nn::arena<T>("test", {}));
  return y;
}

template <class T>
bool close(std::vector<T> const& a, std::vector<T> const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (!(std::abs(a[i] - b[i]) <= 8 * std::numeric_limits<T>::epsilon() * std::max(T(1), std::abs(b[i]))))
      return false;
  }
  return a.size() == b.size();
}

template <class T, class Model>
void check_model(summary& sum, random_bits& random, std::string const& what, Model const& model, index_t N,
                 index_t time) {
  std::vector<T> const values = uniform<T>(N * time * D, random);
  tensor_view<T const> const x(values.data(), {N, time, D});
  std::vector<T> logits;
  auto const halves = pooled_offline<T>(model, x, logits);
  for (index_t const most : {1, 7, 150}) {
    std::vector<T> const frames = pooled_live<T>(model, model.stream_steps(), x, time, most, random);
    bool const same = std::any_of(halves.begin(), halves.end(), [&frames](std::vector<T> const& half) {
      return half.size() == frames.size() && same_bytes(half.data(), frames.data(), half.size() * sizeof(T));
    });
    streamed<Model> live(model, N), other(model, N);
    std::vector<std::byte> state(live.state_bytes());
    std::vector<T> y(static_cast<std::size_t>(N * classes));
    tensor_view<T> const to(y.data(), {N, 1, classes});
    index_t const latency = live.latency();
    bool good = true;
    for (index_t first = 0; first < time;) {
      index_t const some = std::min(random.in(0, most), time - first);
      index_t const before = live.answered();
      index_t const left = live.push(x.slice_frames(first, some), to);
      first += some;
      good = good && live.received() == first && live.answered() == std::max<index_t>(0, first - latency) &&
             left == live.answered() - before;
      good = good && close(y, answer_of<T>(model, frames, N, time, live.answered()));
      live.save(state);
      if (random.chance(2)) {
        other.restore(state);
        std::swap(live, other);
      }
    }
    good = good && live.flush(to) == time - std::max<index_t>(0, time - latency) && live.received() == 0;
    good = good && close(y, answer_of<T>(model, frames, N, time, time));
    bool const near = time == 0 || relative_distance<T>(y, logits) < (sizeof(T) == 4 ? 2e-6 : 1e-14);
    sum.count(same && good && near, [&] {
      return what + ": N " + std::to_string(N) + ", T " + std::to_string(time) + ", chunks of " + std::to_string(most) +
             (same ? "" : ": other frames") + (good ? "" : ": other answers") + (near ? "" : ": far from offline's");
    });
  }
}

model_shift draw_shift(random_bits& random) {
  model_shift shift;
  shift.n_div = random.in(2, 6);
  shift.towards = static_cast<direction>(random.in(0, 2));
  shift.stride = random.in(1, 4);
  shift.where = static_cast<placement>(random.in(0, 3));
  shift.edge = static_cast<padding>(random.in(0, 2));
  return shift;
}

template <class T>
void check_models(std::uint64_t seed) {
  random_bits random(seed);
  summary sum;
  state_dict const cnn = seeded_weights<T>(sizes("cnn"), 1), former = seeded_weights<T>(sizes("shiftformer"), 2);
  state_dict const placed = seeded_weights<T>(sizes("shiftformer", "absolute", 200), 3), lstm = recurrent<T>(4);
  for (int again = 0; again < 30; ++again) {
    index_t const N = random.in(1, 3), time = again < 10 ? again : again < 28 ? random.in(1, 50) : random.in(150, 200);
    model_shift shift = draw_shift(random);
    check_model<T>(sum, random, "shift_cnn", shift_cnn<T>(cnn, shift), N, time);
    check_model<T>(sum, random, "shiftformer", shiftformer<T>(former, shift), N, time);
    check_model<T>(sum, random, "with positions", shiftformer<T>(placed, shift), N, time);
    if (shift.where == placement::skip) shift.where = placement::both;
    check_model<T>(sum, random, "shift_lstm", shift_lstm<T>(lstm, shift), N, time);
  }
  sum.print("streamed models", type_name<T>());
  REQUIRE_ALL(sum, 360);
}

template <class T>
void check_crnn(summary& sum, random_bits& random, index_t time) {
  crnn_sizes sizes;
  sizes.channels = random.in(1, 3);
  sizes.band_taps = random.in(1, 4);
  sizes.filters = random.one_of({3, 4, 20});
  sizes.widths = {random.in(1, 9)};
  if (random.chance(2)) sizes.widths.push_back(random.one_of({2, 5, 33}));
  sizes.body.clear();
  for (index_t i = random.in(0, 3); i > 0; --i) sizes.body.push_back(random.one_of({2, 5, 18}));
  sizes.body_taps = {random.in(1, 6), random.one_of({1, 3, 3, 4})};
  sizes.pool = {random.in(1, 3), random.in(1, 4)};
  sizes.bands = sizes.pool[1] * random.in(1, 4) + random.in(0, sizes.pool[1] - 1);
  sizes.frame = random.chance(3) ? 0 : random.in(1, 20);
  sizes.hidden = random.in(1, 20);
  sizes.directions = 1;
  sizes.attention = random.chance(2) ? random.in(1, 9) : 0;
  sizes.head = 6;
  sizes.norm = random.chance(2);
  tshift::crnn_options options;
  options.image.pool_time = {sizes.pool[0], random.in(1, 4), 0, 0};
  options.image.pool_bands = nn::pooled(sizes.pool[1]);
  if (!sizes.body.empty()) {
    options.image.shift = draw_shift(random);
    if (options.image.shift.where == placement::skip) options.image.shift.where = placement::branch;
  }
  options.summary = {summary_kind::last, summary_kind::mean, summary_kind::max, summary_kind::std};
  if (sizes.attention > 0) options.summary.push_back(summary_kind::attention);
  sizes.summaries = static_cast<index_t>(options.summary.size());
  crnn<T> const model(seeded_neighbour<T>(sizes, 5), options);

  index_t const N = random.in(1, 3);
  tshift::shape const dims{N, time, sizes.channels, sizes.bands};
  std::vector<T> const values = uniform<T>(dims.size(), random);
  tensor_view<T const> const x(values.data(), dims, tshift::layout::ntsc);
  std::vector<T> want(static_cast<std::size_t>(N * sizes.classes)), y(want.size());
  tensor_view<T> const to(y.data(), {N, 1, sizes.classes});
  auto workspace = model.make_workspace(dims);
  model.forward(x, tensor_view<T>(want.data(), {N, 1, sizes.classes}), workspace);
  index_t const made = model.frames(time), size = N * made * sizes.hidden;
  nn::arena<T> arena("test", workspace);
  T const* const outputs = model.layout(arena, dims).outputs;
  for (index_t const most : {1, 7, 150}) {
    auto const frames = pooled_live<T>(model, model.stream_steps(sizes.bands), x, made, most, random);
    bool const same =
        static_cast<index_t>(frames.size()) == size && same_bytes(frames.data(), outputs, frames.size() * sizeof(T));
    streamed live(model, N, sizes.bands), other(model, N, sizes.bands);
    std::vector<std::byte> state(live.state_bytes());
    for (index_t first = 0; first < time;) {
      index_t const some = std::min(random.in(0, most), time - first);
      live.push(x.slice_frames(first, some));
      first += some;
      live.save(state);
      if (random.chance(2)) {
        other.restore(state);
        std::swap(live, other);
      }
    }
    bool const all = live.answered() <= made && live.answered() + live.flush(to) == made;
    bool const near = made == 0 ? std::isnan(y[0]) : relative_distance(y, want) < (sizeof(T) == 4 ? 4e-6 : 1e-13);
    sum.worst =
        std::max(sum.worst,
                 made == 0 ? 0. : relative_distance(y, want) / static_cast<double>(std::numeric_limits<T>::epsilon()));
    sum.count(same && all && near, [&] {
      return "crnn: N " + std::to_string(N) + ", T " + std::to_string(time) + ", chunks of " + std::to_string(most) +
             (same ? "" : ": other frames") + (all ? "" : ": other numbers of them") +
             (near ? "" : ": far from offline's, " + std::to_string(relative_distance(y, want)));
    });
  }
}

template <class T>
void check_crnns(std::uint64_t seed) {
  random_bits random(seed);
  summary sum;
  for (int again = 0; again < 60; ++again) {
    check_crnn<T>(sum, random, again < 12 ? again : again < 57 ? random.in(1, 60) : random.in(150, 200));
  }
  sum.print("streamed crnn", type_name<T>());
  REQUIRE_ALL(sum, 180);
}

}  // namespace

TEST_CASE("streamed crnn: every partition gives offline's frames, and a summary near offline's", "[models][streamed]") {
  check_crnns<float>(7104);
  check_crnns<double>(7105);
}

TEST_CASE("streamed models: every partition gives offline's frames, and the logits of their mean",
          "[models][streamed]") {
  check_models<float>(7101);
  check_models<double>(7102);
}

TEST_CASE("streamed models: what they wait for is known before they run", "[models][streamed]") {
  constexpr auto former = tshift::presets::shiftser(D, 4, direction::both);
  static_assert(shiftformer<float>::stream_latency(2, former, placement::both) == 2);
  static_assert(shiftformer<float>::stream_latency(2, former, placement::none) == 0);
  static_assert(shift_cnn<float>::stream_latency(2, 7, tshift::presets::shiftser(D, 16), placement::skip) == 6);
  static_assert(shift_cnn<float>::stream_latency(2, 7, tshift::presets::shiftser(D, 4, direction::advance, 5),
                                                 placement::skip) == 3 + 5);
  static_assert(shift_cnn<float>::stream_latency(2, 7, tshift::presets::shiftser(D, 4, direction::advance, 5),
                                                 placement::both) == 3 + 3 + 5);
  static_assert(
      shift_lstm<float>::stream_latency(tshift::presets::shiftser(D, 4, direction::both, 2), placement::both) == 2);
  CHECK(streamed(shiftformer<float>(seeded_weights<float>(sizes("shiftformer"), 1))).latency() == 2);
  CHECK(streamed(shift_cnn<float>(seeded_weights<float>(sizes("cnn"), 1))).latency() == 6);
  CHECK(streamed(shift_lstm<float>(recurrent<float>(1))).latency() == 0);
  model_shift const ahead{4, direction::advance, 5, placement::both, padding::zero};
  CHECK(streamed(shift_cnn<float>(seeded_weights<float>(sizes("cnn"), 1), ahead)).latency() == 11);
}

TEST_CASE("streamed models: no memory after construction, any executor, answers without a push", "[models][streamed]") {
  random_bits random(7103);
  constexpr index_t time = 120;
  auto const values = uniform<float>(2 * time * D, random);
  tensor_view<float const> const x(values.data(), {2, time, D});
  shift_cnn<float> const model(seeded_weights<float>(sizes("cnn"), 1));
  streamed live(model, 2), other(model, 2);
  std::vector<float> a(2 * classes), b(2 * classes);
  tensor_view<float> const y(a.data(), {2, 1, classes}), z(b.data(), {2, 1, classes});
  live.answer(y);
  CHECK(std::all_of(a.begin(), a.end(), [](float value) { return std::isnan(value); }));
  CHECK(allocations_in([&] {
          live.push(x, y);
          live.answer(y);
          live.flush(y);
        }) == 0);
  live.push(x.slice_frames(0, 50));
  live.flush(z);
  live.push(x);  // knows nothing of the sequence before
  live.flush(z);
  CHECK(a == b);
  std::fill(b.begin(), b.end(), 7.f);
  CHECK(other.push(thread_executor{3}, x) == time - 6);
  CHECK(other.flush(z) == 6);
  CHECK(a == b);
  CHECK(live.memory_bytes() < 300000);
  CHECK(live.state_bytes() == 16 + 4 * 2 * D * (6 + 6) + 8 + 8 * 4 * 2 * D);
}

TEST_CASE("streamed models refuse what needs the end, and what does not fit", "[models][streamed][errors]") {
  auto const refused = [](auto const& make) { return message_of([&make] { streamed live(make()); }); };
  CHECK(refused([] { return shiftformer<float>(seeded_weights<float>(sizes("transformer", "absolute", 50), 1)); }) ==
        "shiftformer: attention needs the whole sequence, and cannot be streamed");
  CHECK(refused([] { return shift_lstm<float>(recurrent<float>(1, true)); }) ==
        "shift_lstm: the backward direction begins with the last frame of a sequence, and cannot be streamed");
  model_shift const round{4, direction::delay, 1, placement::both, padding::circular};
  std::string const circular =
      ": padding circular needs the end of a sequence before its beginning, and cannot be streamed";
  CHECK(refused([&] { return shift_cnn<float>(seeded_weights<float>(sizes("cnn"), 1), round); }) ==
        "shift_cnn" + circular);
  CHECK(refused([&] { return shiftformer<float>(seeded_weights<float>(sizes("shiftformer"), 1), round); }) ==
        "shiftformer" + circular);
  CHECK(refused([&] { return shift_lstm<float>(recurrent<float>(1), round); }) == "shift_lstm" + circular);

  streamed live(shiftformer<float>(seeded_weights<float>(sizes("shiftformer", "absolute", 20), 1)));
  std::vector<float> const x(21 * D);
  std::vector<float> y(classes);
  tensor_view<float const> const frames(x.data(), {1, 21, D});
  tensor_view<float> const to(y.data(), {1, 1, classes});
  CHECK(live.push(frames.slice_frames(0, 15), to) == 13);
  CHECK(message_of([&] { live.push(frames.slice_frames(0, 6), to); }) ==
        "shiftformer: 6 frames after 15, the model's positions serve at most 20");
  CHECK(live.push(frames.slice_frames(0, 5)) == 5);
  CHECK(live.flush(to) == 2);
  CHECK(message_of([&] {
          live.push(tensor_view<float const>(x.data(), {1, 3, D - 1}), to);
        }) == "shiftformer: x has 11 channels, must have 12");
  CHECK(message_of([&] {
          live.push(frames.slice_frames(0, 3), tensor_view<float>(y.data(), {1, 1, 3}));
        }) == "shiftformer: y has 3 channels, must have 4");
  CHECK(message_of([&] {
          live.flush(tensor_view<float>(y.data(), {1, 0, classes}));
        }) == "shiftformer: flush gives y [1, 1], it is [1, 0]");
  CHECK(live.received() == 0);
  std::vector<std::byte> state(live.state_bytes());
  live.save(state);
  streamed other(shiftformer<float>(seeded_weights<float>(sizes("shiftformer"), 1)));
  CHECK(message_of([&] { other.restore(state); }) == "shiftformer: this is the state of another network");
  live.push(frames.slice_frames(0, 5));
  live.save(state);
  state[live.state_bytes() - 8 * (1 + 4 * D)] = std::byte{9};  // frames in the sum
  CHECK(message_of([&] { live.restore(state); }) == "shiftformer: this is the state of another network");
  live.reset();
  CHECK(message_of([&] { other.save(std::span(state).first(5)); }).starts_with("shiftformer: memory has 5 bytes"));
  auto const taken = std::move(live);
  CHECK(message_of([&] { live.answer(to); }) ==  // NOLINT(bugprone-use-after-move): a stream says so
        "shiftformer: the stream was moved from, and has no state; assign another to it");
  CHECK(taken.received() == 0);
}
