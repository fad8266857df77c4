// SPDX-License-Identifier: MIT
// A stream against the offline definition: every way of cutting a sequence gives the same bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/conformance.hpp>
#include <tshift/presets.hpp>
#include <tshift/reference.hpp>
#include <tshift/stream.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::direction;
using tshift::fold;
using tshift::index_t;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::shift_stream;
using tshift::strides;
using tshift::tensor_view;
namespace presets = tshift::presets;

constexpr index_t most = std::numeric_limits<index_t>::max();

using generator = std::mt19937;  // the same numbers everywhere, unlike the distributions

index_t below(generator& random, index_t n) { return static_cast<index_t>(random() % static_cast<unsigned>(n)); }

struct colour {
  std::uint8_t r, g, b;
};

template <class T>
T random_value(generator& random) {
  unsigned char bytes[sizeof(T)];
  for (unsigned char& b : bytes) b = static_cast<unsigned char>(random());
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

constexpr std::array layouts = {layout::ntcs, layout::ntsc, layout::ncts, layout::tncs};
constexpr std::array paddings = {padding::zero, padding::keep, padding::edge};

constexpr index_t channels = 19;

// Every preset, and what no preset does, in every padding that can be streamed.
std::vector<shift_plan> const& plans() {
  static std::vector<shift_plan> const list = [] {
    constexpr index_t C = channels;
    shift_plan const shapes[] = {presets::shiftser(C, 4),
                                 presets::shiftser(C, 4, direction::advance),
                                 presets::shiftser(C, 2, direction::both),
                                 presets::shiftser(C, 5, direction::both, 3),
                                 presets::tsm(C, 4),
                                 presets::tsm_online(C, 4),
                                 presets::paddle(C, 0.2f),
                                 presets::tps(C, 3),
                                 presets::rwkv(C),
                                 presets::shift_gcn(C),
                                 {C, {}},                          // nothing moves
                                 {C, {{0, C, 0}, {C, 0, -7}}},     // nothing either, and it must not wait
                                 {C, {{0, C, 1}}},                 // all channels
                                 {C, {{0, C, -2}}},                //
                                 {C, {{0, 9, 40}, {9, 10, -40}}},  // further than any sequence here
                                 {C, {{5, 3, -100}}},              //
                                 {C, {{12, 4, -4}, {0, 3, 2}, {7, 2, 6}, {3, 1, -1}}},  // out of order, with gaps
                                 {C, {{0, 5, -1}, {5, 5, -4}, {10, 5, -8}}},            // advances of different reach
                                 {C, {{0, 6, 1}, {6, 6, 1}, {12, 6, 3}}},               // neighbours that become one
                                 {C,
                                  {{0, 1, -8},
                                   {1, 1, -7},
                                   {2, 1, -6},
                                   {3, 1, -5},
                                   {4, 1, -4},
                                   {5, 1, -3},
                                   {6, 1, -2},
                                   {7, 1, -1},
                                   {8, 1, 1},
                                   {9, 1, 2},
                                   {10, 1, 3},
                                   {11, 1, 4},
                                   {12, 1, 5},
                                   {13, 1, 6},
                                   {14, 1, 7},
                                   {15, 1, 8}}}};
    std::vector<shift_plan> result;
    for (shift_plan const& plan : shapes) {
      for (padding const edge : paddings) result.emplace_back(C, plan.folds(), edge);
    }
    return result;
  }();
  return list;
}

std::string describe(shift_plan const& plan) {
  std::string text = std::string("padding ") + tshift::name_of(plan.edge()) + ", folds";
  for (fold const& f : plan.folds()) {
    text += " {" + std::to_string(f.begin) + ", " + std::to_string(f.count) + ", " + std::to_string(f.offset) + "}";
  }
  return text;
}

// The largest advance, worked out channel by channel.
index_t latency_of(shift_plan const& plan) {
  index_t most_ahead = 0;
  for (index_t c = 0; c < plan.channels(); ++c) {
    most_ahead = std::max(most_ahead, -tshift::reference::offset_of(plan, c));
  }
  return most_ahead;
}

template <class T>
struct tensor {
  shape dims;
  layout order;
  std::vector<T> memory;

  tensor(shape size, layout in) : dims(size), order(in), memory(count(size)) {}
  tensor(shape size, layout in, generator& random) : tensor(size, in) {
    for (T& value : memory) value = random_value<T>(random);
  }

  static std::size_t count(shape s) { return static_cast<std::size_t>(s.batch * s.time * s.channels * s.space); }
  tensor_view<T> view() { return {std::span<T>(memory), dims, order}; }
  tensor_view<T const> view() const { return {std::span<T const>(memory), dims, order}; }
};

template <class T>
tensor_view<T> frames(tensor_view<T> all, index_t first, index_t count) {
  shape dims = all.shape;
  dims.time = count;
  return {all.data + first * all.strides.time, dims, all.strides};
}

template <class T>
tensor<T> offline(tensor<T> const& x, shift_plan const& plan, T const& fill) {
  tensor<T> y(x.dims, layout::ntcs);
  tshift::reference::shift<T>(x.view(), y.view(), plan, fill);
  return y;
}

// "" where they are equal.
template <class T>
std::string difference(tensor<T> const& want, tensor<T>& got) {
  return tshift::conformance::compare<T>(want.view(), got.view()).message();
}

// Feeds a stream and keeps what comes out, one after the other; checks on the way every promise about counts, and that
// nothing but the frames due is written.
template <class T>
class recorder {
 public:
  recorder(shift_stream<T>& stream, tensor<T>& out, generator& random)
      : stream_(stream), out_(out.view()), random_(random), latency_(latency_of(stream.plan())) {}

  void push(tensor_view<T const> x) {
    index_t const k = x.shape.time;
    index_t const due = std::max<index_t>(0, received_ + k - latency_) - given_;
    expect(stream_.ready(k) == due, "ready");
    expect(stream_.ready(0) == 0, "ready(0)");
    receive(due, [&](tensor_view<T> y) { return stream_.push(x, y); });
    received_ += k;
    expect(stream_.pending() == received_ - given_, "pending");
    expect(stream_.latency() == latency_, "latency");
  }

  // Frames [first, last) of x in random chunks, among them empty ones.
  void push_cut(tensor_view<T const> x, index_t first, index_t last) {
    while (first < last) {
      index_t const k = std::min(below(random_, 5), last - first);
      push(frames(x, first, k));
      first += k;
    }
  }

  void flush() {
    index_t const due = received_ - given_;
    expect(stream_.pending() == due, "pending before flush");
    expect(due == std::min(received_, latency_), "pending is the latency");
    receive(due, [&](tensor_view<T> y) { return stream_.flush(y); });
    received_ = given_ = 0;
    expect(stream_.pending() == 0, "pending after flush");
  }

  // Goes on with another stream in the same state.
  recorder(recorder const& other, shift_stream<T>& stream, tensor<T>& out)
      : stream_(stream), out_(out.view()), random_(other.random_), latency_(other.latency_), received_(other.received_),
        given_(other.given_), kept_(other.kept_) {}

  std::string const& problem() const { return problem_; }

 private:
  template <class Call>
  void receive(index_t due, Call call) {
    shape dims = out_.shape;
    dims.time = due + below(random_, 3);  // room for more than is due
    tensor<T> y(dims, layouts[static_cast<std::size_t>(below(random_, 4))], random_);
    std::vector<T> const before = y.memory;
    expect(call(y.view()) == due, "return value");
    tensor_view<T const> const old(std::span<T const>(before), y.dims, y.order);
    auto const written = y.view();
    tshift::reference::for_each_element(dims, [&](index_t n, index_t t, index_t c, index_t s) {
      if (t >= due) {
        expect(std::memcmp(old.at(n, t, c, s), written.at(n, t, c, s), sizeof(T)) == 0, "frames after those due");
      } else if (kept_ + t < out_.shape.time) {
        std::memcpy(out_.at(n, kept_ + t, c, s), written.at(n, t, c, s), sizeof(T));
      } else {
        expect(false, "more frames than went in");
      }
    });
    kept_ += due;
    given_ += due;
  }

  void expect(bool holds, char const* what) {
    if (!holds && problem_.empty()) problem_ = std::string(what) + " after " + std::to_string(received_) + " frames";
  }

  shift_stream<T>& stream_;
  tensor_view<T> out_;
  generator& random_;
  index_t latency_, received_ = 0, given_ = 0, kept_ = 0;
  std::string problem_;
};

template <class T>
std::vector<std::byte> saved(shift_stream<T> const& stream) {
  std::vector<std::byte> bytes(stream.state().size());
  stream.save(bytes);
  return bytes;
}

bool same_bytes(std::span<std::byte const> a, std::span<std::byte const> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

TEMPLATE_TEST_CASE("Every way of cutting a sequence gives what the whole gives", "[stream]", std::int8_t, float, double,
                   colour) {
  generator random(1);
  std::size_t cases = 0;
  for (shift_plan const& plan : plans()) {
    for (index_t const T : {0, 1, 2, 6, 13}) {
      for (index_t N = 1; N <= 3; ++N) {
        for (index_t S = 1; S <= 3; ++S) {
          // Each plan meets each size in another layout: 45 sizes, 4 layouts.
          layout const order = layouts[cases % 4];
          INFO("N=" << N << " T=" << T << " S=" << S << ", layout " << static_cast<int>(order) << ", "
                    << describe(plan));
          shape const dims{N, T, channels, S};
          auto const fill = random_value<TestType>(random);
          tensor<TestType> const x(dims, order, random), other(dims, order, random);
          auto const want = offline(x, plan, fill), want_other = offline(other, plan, fill);
          shift_stream<TestType> stream(plan, dims, fill);
          auto const fresh = saved(stream);
          std::string problem;
          for (int way = 0; way < 4 && problem.empty(); ++way) {
            // What a flush ends, or a reset cuts off, leaves no trace: each round begins with a used stream.
            tensor<TestType> y(dims, layout::ntcs, random);
            recorder<TestType> to(stream, y, random);
            if (way == 0) {
              to.push(x.view());
            } else if (way == 1) {
              for (index_t t = 0; t < T; ++t) to.push(frames(x.view(), t, 1));
            } else {
              to.push_cut(way == 2 ? x.view() : other.view(), 0, T);
            }
            to.flush();
            problem = to.problem();
            if (problem.empty()) problem = difference(way == 3 ? want_other : want, y);
            if (problem.empty() && !same_bytes(stream.state(), fresh)) problem = "flush left something behind";
            if (way != 1 || !problem.empty()) continue;
            recorder<TestType> cut_off(stream, y, random);
            cut_off.push_cut(other.view(), 0, (T + 1) / 2);
            problem = cut_off.problem();
            stream.reset();
            if (problem.empty() && !same_bytes(stream.state(), fresh)) problem = "reset left something behind";
          }
          if (!problem.empty()) FAIL(problem);
          ++cases;
        }
      }
    }
  }
  std::cout << "stream: " << cases << " sequences of " << sizeof(TestType) << "-byte elements, each cut in four ways\n";
  REQUIRE(cases == 2700);
}

TEMPLATE_TEST_CASE("A stream can be saved, copied and moved between any two frames", "[stream]", std::int8_t, float,
                   colour) {
  generator random(2);
  constexpr index_t T = 11;
  std::size_t cuts = 0;
  for (shift_plan const& plan : plans()) {
    for (index_t cut = 0; cut <= T; ++cut) {
      INFO("cut at " << cut << ", " << describe(plan));
      shape const dims{1 + below(random, 3), T, channels, 1 + below(random, 3)};
      auto const fill = random_value<TestType>(random);
      tensor<TestType> const x(dims, layouts[static_cast<std::size_t>(below(random, 4))], random);
      auto const want = offline(x, plan, fill);
      tensor<TestType> y(dims, layout::ntcs, random);
      shift_stream<TestType> stream(plan, dims, fill);
      recorder<TestType> begun(stream, y, random);
      begun.push_cut(x.view(), 0, cut);
      std::string problem = begun.problem();

      // Saved bytes lie at an odd address; so does the memory of the stream that takes them over.
      std::size_t const size = stream.state().size();
      std::vector<std::byte> bytes(size + 1), memory(size + 8, std::byte{0x5a});
      std::span<std::byte> const kept = std::span(bytes).subspan(1);
      stream.save(kept);
      REQUIRE(same_bytes(kept, stream.state()));

      auto const goes_on = [&](shift_stream<TestType>& with, char const* how) {
        if (!problem.empty()) return;
        tensor<TestType> rest = y;
        recorder<TestType> to(begun, with, rest);
        to.push_cut(x.view(), cut, T);
        to.flush();
        problem = to.problem();
        if (problem.empty()) problem = difference(want, rest);
        if (!problem.empty()) problem = how + (": " + problem);
      };

      shift_stream<TestType> fresh(plan, dims, fill);
      fresh.restore(kept);
      goes_on(fresh, "restored");

      auto const offset = static_cast<std::size_t>(1 + 2 * below(random, 4));
      shift_stream<TestType> foreign(plan, dims, std::span(memory).subspan(offset, size), fill);
      tensor<TestType> none(dims, layout::ntcs);
      recorder<TestType>(foreign, none, random).push_cut(x.view(), 0, below(random, T));  // a past that is forgotten
      foreign.restore(kept);
      goes_on(foreign, "restored in the caller's memory");
      // The stream kept within its memory.
      for (std::size_t i = 0; i < memory.size(); ++i) {
        if ((i < offset || i >= offset + size) && memory[i] != std::byte{0x5a}) problem = "wrote outside its memory";
      }

      shift_stream<TestType> copy = stream;
      goes_on(copy, "copied");
      REQUIRE(same_bytes(kept, stream.state()));  // copies are independent
      copy = stream;
      goes_on(copy, "copy-assigned");
      shift_stream<TestType> moved = std::move(copy);
      shift_stream<TestType> const of_nothing = copy;  // NOLINT(bugprone-use-after-move): they can be copied,
      REQUIRE(of_nothing.state().empty());
      of_nothing.save({});  // there is nothing to save: no memmove from and to nowhere
      copy = stream;        // and assigned to
      goes_on(copy, "assigned after a move");
      moved = stream;
      shift_stream<TestType> moved_again = std::move(moved);
      goes_on(moved_again, "moved");
      fresh.restore(kept);
      moved = std::move(fresh);
      goes_on(moved, "move-assigned");
      goes_on(stream, "the stream itself");
      if (!problem.empty()) FAIL(problem);
      ++cuts;
    }
  }
  std::cout << "stream: saved, copied and moved at " << cuts << " places\n";
  REQUIRE(cuts == 720);
}

TEST_CASE("A stream that was moved from takes an assignment, and refuses frames", "[stream]") {
  shift_plan const plan(2, {{0, 1, 1}}), longer(2, {{0, 2, -5}});
  std::vector<float> const x = {1, 2, 3, 4};
  std::vector<float> y(4);
  shift_stream<float> stream(plan, {1, 1, 2}), other(longer, {1, 1, 2});
  // By construction, and by assignment, which must not leave it the other's smaller state.
  for (bool const assigned : {false, true}) {
    shift_stream<float> taken(plan, {1, 1, 2});
    if (assigned) {
      taken = std::move(other);
    } else {
      shift_stream<float> const moved = std::move(stream);
    }
    shift_stream<float>& empty = assigned ? other : stream;  // NOLINT(bugprone-use-after-move)
    CHECK(empty.state().empty());
    CHECK(empty.pending() == 0);
    empty.reset();
    auto const refused = [](char const* operation) {
      return std::string("shift_stream::") + operation +
             ": the stream was moved from, and has no state; assign another to it";
    };
    CHECK(message_of([&] { empty.push(std::span<float const>(x), std::span<float>(y)); }) == refused("push"));
    CHECK(message_of([&] { empty.flush(std::span<float>(y)); }) == refused("flush"));
    CHECK(message_of([&] { empty.prime(std::span<float const>(x)); }) == refused("prime"));
    CHECK(y == std::vector<float>(4));
    empty = shift_stream<float>(plan, {1, 1, 2});
    CHECK(empty.push(std::span<float const>(x), std::span<float>(y)) == 2);
    CHECK(y == std::vector<float>{0, 2, 1, 4});
    y.assign(4, 0);
  }
}

TEMPLATE_TEST_CASE("Priming gives a sequence a past", "[stream]", std::int8_t, double, colour) {
  generator random(3);
  std::size_t cases = 0;
  for (shift_plan const& plan : plans()) {
    for (index_t past = 0; past <= 12; past += 1 + past / 4) {
      for (index_t const T : {0, 1, 5, 12}) {
        INFO(past << " frames before " << T << ", " << describe(plan));
        shape const dims{1 + below(random, 3), past + T, channels, 1 + below(random, 3)};
        auto const fill = random_value<TestType>(random);
        tensor<TestType> const x(dims, layouts[static_cast<std::size_t>(below(random, 4))], random);
        auto const whole = offline(x, plan, fill);
        tensor<TestType> want({dims.batch, T, channels, dims.space}, layout::ntcs);
        tshift::reference::for_each_element(want.dims, [&](index_t n, index_t t, index_t c, index_t s) {
          std::memcpy(want.view().at(n, t, c, s), whole.view().at(n, past + t, c, s), sizeof(TestType));
        });

        shift_stream<TestType> stream(plan, dims, fill);
        std::string problem;
        for (int pieces = 1; pieces <= 2 && problem.empty(); ++pieces) {
          index_t const first = pieces == 1 ? past : below(random, past + 1);  // repeated: the same as at once
          stream.prime(frames(x.view(), 0, first));
          if (pieces == 2) stream.prime(frames(x.view(), first, past - first));
          REQUIRE(stream.pending() == 0);
          tensor<TestType> y(want.dims, layout::ntcs, random);
          recorder<TestType> to(stream, y, random);
          to.push_cut(x.view(), past, past + T);
          to.flush();
          problem = to.problem();
          if (problem.empty()) problem = difference(want, y);
        }
        if (!problem.empty()) FAIL(problem);
        ++cases;
      }
    }
  }
  std::cout << "stream: " << cases << " sequences with a past\n";
  REQUIRE(cases == 1920);
}

TEST_CASE("Spans are pushed as views of [N, k, C, S] are", "[stream]") {
  generator random(31);
  index_t streams = 0;
  for (shape const dims : {shape{1, 23, channels, 1}, shape{3, 11, channels, 2}}) {
    tensor<std::int16_t> const x(dims, layout::ntcs, random);
    for (shift_plan const& plan : plans()) {
      shift_stream<std::int16_t> by_spans(plan, dims), by_views(plan, dims);
      auto const per_frame = static_cast<std::size_t>(dims.batch * dims.channels * dims.space);
      auto const packed = [&](index_t first, index_t count) {
        tensor<std::int16_t> chunk({dims.batch, count, dims.channels, dims.space}, layout::ntcs);
        tshift::reference::shift<std::int16_t>(frames(x.view(), first, count), chunk.view(), {channels, {}});
        return chunk;
      };
      index_t received = 0;
      auto const past = packed(0, 2);
      by_spans.prime(past.memory);
      by_views.prime(past.view());
      while (received < dims.time) {
        index_t const k = std::min(below(random, 5), dims.time - received);
        auto const chunk = packed(received, k);
        index_t const due = by_spans.ready(k);
        // Room for more than is due, and not for whole frames: what is not due stays as it was.
        std::vector<std::int16_t> got(static_cast<std::size_t>(due) * per_frame + 3, 77);
        tensor<std::int16_t> want({dims.batch, due, dims.channels, dims.space}, layout::ntcs);
        REQUIRE(by_spans.push(chunk.memory, got) == due);
        REQUIRE(by_views.push(chunk.view(), want.view()) == due);
        want.memory.resize(got.size(), 77);
        REQUIRE(got == want.memory);
        received += k;
      }
      REQUIRE(std::ranges::equal(by_spans.state(), by_views.state()));
      index_t const last = by_spans.pending();
      std::vector<std::int16_t> got(static_cast<std::size_t>(last) * per_frame);
      tensor<std::int16_t> want({dims.batch, last, dims.channels, dims.space}, layout::ntcs);
      REQUIRE(by_spans.flush(got) == last);
      REQUIRE(by_views.flush(want.view()) == last);
      REQUIRE(got == want.memory);
      ++streams;
    }
  }
  REQUIRE(streams == 2 * static_cast<index_t>(plans().size()));
}

TEST_CASE("Spans that hold no whole frames, or too few, are refused", "[stream]") {
  std::vector<float> const x(36);
  std::vector<float> y(36, 5.0f);
  shift_stream<float> stream(shift_plan(4, {{0, 1, 1}, {1, 1, -1}}), {.batch = 3, .channels = 4});
  auto const part = [&](std::size_t size) { return std::span<float const>(x).first(size); };
  auto const room = [&](std::size_t size) { return std::span<float>(y).first(size); };
  REQUIRE(message_of([&] { stream.push(part(35), y); }) ==
          "shift_stream::push: x has 35 elements, must be a multiple of 12, those of a frame");
  REQUIRE(message_of([&] { stream.push(part(1), y); }) ==
          "shift_stream::push: x has 1 elements, must be a multiple of 12, those of a frame");
  REQUIRE(message_of([&] { stream.push(part(36), room(23)); }) ==
          "shift_stream::push: y has 23 elements, must have >= 24 for 2 frames");
  REQUIRE(message_of([&] { stream.prime(part(13)); }) ==
          "shift_stream::prime: x has 13 elements, must be a multiple of 12, those of a frame");
  REQUIRE(message_of([&] { stream.push(std::span<float const>(y).first(24), y); }) ==
          "shift_stream::push: x and y overlap in memory, must share no element");
  REQUIRE(y == std::vector<float>(36, 5.0f));
  REQUIRE(stream.push(part(36), room(24)) == 2);
  REQUIRE(message_of([&] { stream.flush(room(11)); }) ==
          "shift_stream::flush: y has 11 elements, must have >= 12 for 1 frames");
  REQUIRE(stream.push(std::span<float const>(), std::span<float>()) == 0);
  REQUIRE(stream.flush(room(12)) == 1);
  REQUIRE(stream.flush(std::span<float>()) == 0);

  // Frames of no elements: none can be counted in a span.
  shift_stream<float> nothing(shift_plan(0, {}), {.channels = 0});
  REQUIRE(nothing.push(std::span<float const>(), std::span<float>()) == 0);
  REQUIRE(message_of([&] { nothing.push(part(1), y); }) ==
          "shift_stream::push: x has 1 elements, must be a multiple of 0, those of a frame");
}

TEST_CASE("A plan's history is all the past that a stream needs", "[stream]") {
  generator random(4);
  constexpr index_t past = 10, T = 6;
  for (shift_plan const& plan : plans()) {
    if (plan.history() > past) continue;
    INFO(describe(plan));
    tensor<float> const x({2, past + T, channels, 1}, layout::ntc, random);
    tensor<float> all({2, T, channels, 1}, layout::ntc), last({2, T, channels, 1}, layout::ntc);
    shift_stream<float> a(plan, x.dims), b(plan, x.dims);
    a.prime(frames(x.view(), 0, past));
    b.prime(frames(x.view(), past - plan.history(), plan.history()));
    for (auto const& [stream, y] : {std::pair{&a, &all}, std::pair{&b, &last}}) {
      recorder<float> to(*stream, *y, random);
      to.push_cut(x.view(), past, past + T);
      to.flush();
      REQUIRE(to.problem() == "");
    }
    REQUIRE(difference(all, last) == "");
  }
}

TEST_CASE("Two streams one after the other are two shifts one after the other", "[stream]") {
  generator random(5);
  std::size_t pairs = 0;
  constexpr index_t T = 30;
  for (shift_plan const& first : plans()) {
    for (shift_plan const& second : plans()) {
      if (first.edge() != second.edge()) continue;
      INFO(describe(first) << ", then " << describe(second));
      tensor<std::int16_t> const x({1, T, channels, 1}, layout::ntc, random);
      auto const want = offline(offline(x, first, std::int16_t{7}), second, std::int16_t{9});
      tensor<std::int16_t> y(x.dims, layout::ntc, random), between(x.dims, layout::ntc);
      shift_stream<std::int16_t> a(first, x.dims, 7), b(second, x.dims, 9);
      index_t const latency = tshift::stacked_latency(first, second);
      REQUIRE(latency == a.latency() + b.latency());
      index_t given = 0;
      for (index_t t = 0; t < T;) {
        index_t const k = std::min(below(random, 4), T - t);
        index_t const ready = a.push(frames(x.view(), t, k), between.view());
        given += b.push(frames(between.view(), 0, ready), frames(y.view(), given, T - given));
        t += k;
        if (given != std::max<index_t>(0, t - latency)) FAIL("latency after " << t << " frames");
      }
      index_t const late = a.flush(between.view());
      given += b.push(frames(between.view(), 0, late), frames(y.view(), given, T - given));
      given += b.flush(frames(y.view(), given, T - given));
      REQUIRE(given == T);
      REQUIRE(difference(want, y) == "");
      ++pairs;
    }
  }
  std::cout << "stream: " << pairs << " pairs of streams\n";
  REQUIRE(pairs == 1200);
}

TEST_CASE("The bytes of a state can be reckoned by hand", "[stream]") {
  constexpr std::size_t header = 32;
  constexpr shape one{1, 0, 64, 1};
  // offset + latency frames of each segment of channels.
  STATIC_REQUIRE(shift_stream<float>::state_bytes(shift_plan(64, {}), one) == header);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::tsm_online(64), one) == header + 8 * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::rwkv(64), one) == header + 32 * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::shiftser(64, 16), one) == header + 4 * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::shiftser(64, 16, direction::advance), one) ==
                 header + 60 * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::tsm(64), one) == header + (2 * 8 + 1 * 48) * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::paddle(64), one) == header + (2 * 16 + 1 * 32) * 4);
  // keep: an advancing channel also remembers the frames that may turn out to be the last.
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::tps(64, 8), one) == header + (2 * 8 + 1 * 8 + 1 * 48) * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::shift_gcn(64), one) ==
                 header + (3 + 2 + 1 + 0 + 5 + 6 + 7 + 8) * 7 * 4 + 4 * 8 * 4);
  // Batch, space and the size of an element multiply.
  STATIC_REQUIRE(shift_stream<double>::state_bytes(presets::tsm(64), {3, 0, 64, 2}) ==
                 header + 3 * 2 * (2 * 8 + 1 * 48) * 8);
  STATIC_REQUIRE(shift_stream<colour>::state_bytes(presets::rwkv(6), {2, 0, 6, 5}) == header + 2 * 5 * 3 * 3);
  // The time of the frame does not count; a frame of nothing needs the header alone.
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::rwkv(64), {1, 99, 64, 1}) == header + 32 * 4);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::tsm(64), {0, 0, 64, 1}) == header);
  STATIC_REQUIRE(shift_stream<float>::state_bytes(presets::tsm(0), {1, 0, 0, 1}) == header);
  // Two advances, 4 the latency: by padding, {1 frame, 0 frames}, and more where the end of a sequence is padded.
  constexpr shape two{1, 0, 2, 1};
  STATIC_REQUIRE(shift_stream<char>::state_bytes({2, {{0, 1, -3}, {1, 1, -4}}}, two) == header + 1 + 0);
  STATIC_REQUIRE(shift_stream<char>::state_bytes({2, {{0, 1, -3}, {1, 1, -4}}, padding::edge}, two) == header + 1 + 1);
  STATIC_REQUIRE(shift_stream<char>::state_bytes({2, {{0, 1, -3}, {1, 1, -4}}, padding::keep}, two) == header + 3 + 4);

  STATIC_REQUIRE(presets::tsm(64).latency() == 1);
  STATIC_REQUIRE(presets::tsm_online(64).latency() == 0);
  STATIC_REQUIRE(presets::shift_gcn(64).latency() == 4);
  STATIC_REQUIRE(tshift::stacked_latency(presets::tsm(64), presets::tsm(64), presets::shift_gcn(64)) == 6);

  for (shift_plan const& plan : plans()) {
    shape const frame{2, 0, channels, 3};
    shift_stream<float> const stream(plan, frame);
    REQUIRE(stream.state().size() == shift_stream<float>::state_bytes(plan, frame));
    REQUIRE(stream.plan() == plan);
    REQUIRE(stream.frame() == frame);
  }
}

TEST_CASE("A stream does not depend on what its memory held", "[stream]") {
  generator random(6);
  for (shift_plan const& plan : plans()) {
    INFO(describe(plan));
    shape const dims{2, 9, channels, 1};
    tensor<float> const x(dims, layout::ntc, random);
    std::size_t const size = shift_stream<float>::state_bytes(plan, dims);
    std::vector<std::byte> blank(size, std::byte{0}), full(size, std::byte{0xff}), mixed(size);
    for (std::byte& b : mixed) b = static_cast<std::byte>(random());
    shift_stream<float> const own(plan, dims);
    for (std::vector<std::byte>* memory : {&blank, &full, &mixed}) {
      shift_stream<float> stream(plan, dims, *memory);
      REQUIRE(stream.state().data() == memory->data());
      REQUIRE(same_bytes(stream.state(), own.state()));
      tensor<float> y(dims, layout::ntc, random);
      recorder<float> to(stream, y, random);
      to.push(x.view());
      REQUIRE(same_bytes(*memory, blank));  // equal states are equal bytes
      if (memory == &blank) continue;
      to.flush();
      REQUIRE(to.problem() == "");
      REQUIRE(difference(offline(x, plan, 0.0f), y) == "");
      stream.push(x.view(), y.view());
    }
  }
}

TEST_CASE("Copies of a stream in the caller's memory are the same stream", "[stream]") {
  std::vector<float> x = {1, 2, 3, 4}, y(4);
  shift_plan const plan(1, {{0, 1, 1}});
  std::vector<std::byte> memory(shift_stream<float>::state_bytes(plan, {1, 0, 1}) + 5, std::byte{0x33});
  shift_stream<float> stream(plan, {1, 0, 1}, memory, 9.0f);
  REQUIRE(stream.state().size() == memory.size() - 5);  // more memory than is needed may be given
  shift_stream<float> copy = stream;
  REQUIRE(copy.state().data() == stream.state().data());
  REQUIRE(stream.push(tensor_view<float>(x.data(), {1, 2, 1}), tensor_view<float>(y.data(), {1, 2, 1})) == 2);
  REQUIRE(copy.push(tensor_view<float>(x.data() + 2, {1, 2, 1}), tensor_view<float>(y.data() + 2, {1, 2, 1})) == 2);
  REQUIRE(y == std::vector<float>{9, 1, 2, 3});
  for (std::size_t i = memory.size() - 5; i < memory.size(); ++i) REQUIRE(memory[i] == std::byte{0x33});
}

TEST_CASE("Streams of nothing give nothing", "[stream]") {
  for (shape const dims : {shape{0, 3, 4, 2}, shape{2, 3, 4, 0}, shape{2, 3, 0, 2}}) {
    shift_plan const plan(dims.channels, {{0, dims.channels, -1}});
    shift_stream<float> stream(plan, dims);
    tensor_view<float> const none(static_cast<float*>(nullptr), dims);
    // Counted all the same: what is counted is frames.
    REQUIRE(stream.push(none, none) == (dims.channels == 0 ? 3 : 2));
    REQUIRE(stream.flush(none) == (dims.channels == 0 ? 0 : 1));
  }
}

// --- what is refused ------------------------------------------------------------------------------------------------

TEST_CASE("A stream that cannot be is refused", "[stream]") {
  auto const made = [](shift_plan const& plan, shape const& frame) {
    std::string const message = message_of([&] { shift_stream<float>(plan, frame); });
    // All three ways to ask say the same.
    REQUIRE(message == message_of([&] { shift_stream<float>::state_bytes(plan, frame); }));
    REQUIRE(message == message_of([&] { shift_stream<float>(plan, frame, std::span<std::byte>()); }));
    return message;
  };
  REQUIRE(made({8, {{0, 4, 1}}, padding::circular}, {1, 0, 8}) ==
          "shift_stream: padding circular needs the end of a sequence before its beginning, and cannot be streamed");
  REQUIRE(made({8, {}, padding::circular}, {1, 0, 8}) ==
          "shift_stream: padding circular needs the end of a sequence before its beginning, and cannot be streamed");
  REQUIRE(made({8, {{0, 4, 1}}}, {1, 0, 6}) == "shift_stream: plan has 8 channels, frame has 6");
  // Sizes and offsets for which no memory would be enough.
  constexpr char const* too_large = "shift_stream: the state must fit in 2^63 - 1 bytes";
  REQUIRE(made({8, {{0, 4, most}}}, {1, 0, 8}) == too_large);
  REQUIRE(made({8, {{0, 4, -most}}}, {1, 0, 8}) == too_large);
  REQUIRE(made({8, {{0, 4, -most}, {4, 4, most}}}, {1, 0, 8}) == too_large);
  REQUIRE(made({8, {{0, 4, 2}, {4, 4, 1 - most}}}, {1, 0, 8}) == too_large);
  REQUIRE(made({1, {{0, 1, most / 4}}}, {1, 0, 1}) == too_large);  // by the header alone
  REQUIRE(made({1, {{0, 1, index_t{1} << 40}}}, {index_t{1} << 10, 0, 1, index_t{1} << 11}) == too_large);
  REQUIRE(made({1, {{0, 1, -most}}, padding::keep}, {1, 0, 1}) == too_large);
  REQUIRE(message_of([] { shift_stream<char>({1, {{0, 1, most}}}, {1, 0, 1}); }) == too_large);
  // What fits is reckoned, however large.
  STATIC_REQUIRE(shift_stream<char>::state_bytes({1, {{0, 1, most - 32}}}, {1, 0, 1}) ==
                 static_cast<std::size_t>(most));
  STATIC_REQUIRE(shift_stream<char>::state_bytes({1, {{0, 1, -most}}}, {1, 0, 1}) == 32);
  // An advance alone needs no memory, so it may reach as far as it wants: outputs come with the flush only.
  std::array<char, 3> x = {1, 2, 3}, y = {};
  shift_stream<char> patient({1, {{0, 1, -most}}, padding::edge}, {1, 0, 1});
  REQUIRE(patient.push(tensor_view<char>(x.data(), {1, 3, 1}), tensor_view<char>(y.data(), {1, 0, 1})) == 0);
  REQUIRE(patient.flush(tensor_view<char>(y.data(), {1, 3, 1})) == 3);
  REQUIRE(y == std::array<char, 3>{3, 3, 3});

  std::vector<std::byte> memory(1000);
  REQUIRE(message_of([&] {
            shift_stream<float>(presets::tsm(64), {1, 0, 64}, std::span(memory).first(287));
          }) == "shift_stream: memory has 287 bytes, must be >= 288");
  REQUIRE(message_of([&] {
            shift_stream<float>(presets::tsm(64), {1, 0, 64}, std::span<std::byte>());
          }) == "shift_stream: memory has 0 bytes, must be >= 288");
  REQUIRE(memory == std::vector<std::byte>(1000));
}

TEST_CASE("A wrong chunk is refused, and the stream stays as it was", "[stream]") {
  // Advance by one and delay by one; two sequences of four channels and two places in space.
  shift_plan const plan(4, {{0, 1, -1}, {1, 1, 1}});
  shape const frame{2, 0, 4, 2};
  shift_stream<float> stream(plan, frame);
  std::vector<float> x(64, 1.0f), y(64, 7.0f);
  index_t const lengths[] = {1, 1};
  auto const in = [&](shape dims) { return tensor_view<float const>(x.data(), dims); };
  auto const out = [&](shape dims) { return tensor_view<float>(y.data(), dims); };
  stream.push(in({2, 2, 4, 2}), out({2, 1, 4, 2}));
  REQUIRE(stream.pending() == 1);
  auto const before = saved(stream);
  auto const y_before = y;

  int refusals = 0;
  auto const refused = [&](auto call) {
    std::string const message = message_of(call);
    REQUIRE(same_bytes(before, stream.state()));
    REQUIRE(y == y_before);
    REQUIRE(x == std::vector<float>(64, 1.0f));
    ++refusals;
    return message;
  };
  auto const push = [&](tensor_view<float const> from, tensor_view<float> to) {
    return refused([&] { stream.push(from, to); });
  };
  auto const flush = [&](tensor_view<float> to) { return refused([&] { stream.flush(to); }); };
  auto const prime = [&](tensor_view<float const> from) { return refused([&] { stream.prime(from); }); };
  shape const good{2, 3, 4, 2};

  REQUIRE(push(in({1, 3, 4, 2}), out(good)) == "shift_stream::push: x has batch 1, the stream has 2");
  REQUIRE(push(in({2, 3, 3, 2}), out(good)) == "shift_stream::push: x has channels 3, the stream has 4");
  REQUIRE(push(in({2, 3, 4, 1}), out(good)) == "shift_stream::push: x has space 1, the stream has 2");
  REQUIRE(push(in(good), out({3, 2, 4, 2})) == "shift_stream::push: y has batch 3, the stream has 2");
  REQUIRE(push(in(good), out({2, 3, 5, 1})) == "shift_stream::push: y has channels 5, the stream has 4");
  REQUIRE(push(in(good), out({2, 3, 4, 1})) == "shift_stream::push: y has space 1, the stream has 2");
  REQUIRE(push(in(good), out({2, 2, 4, 2})) == "shift_stream::push: y has time 2, must be >= 3");
  REQUIRE(push(in(good), out({2, 0, 4, 2})) == "shift_stream::push: y has time 0, must be >= 3");
  REQUIRE(push(tensor_view<float const>(x.data(), {2, 3, 4, 2}, layout::ntc, lengths), out(good)) ==
          "shift_stream::push: x has lengths; the sequences of one stream advance together");
  REQUIRE(push(in(good), tensor_view<float>(y.data(), good, layout::ntc, lengths)) ==
          "shift_stream::push: y has lengths; the sequences of one stream advance together");
  REQUIRE(push(tensor_view<float const>(x.data(), good, layout::ntc, std::span(lengths).first(1)), out(good)) ==
          "shift_stream::push: x has 1 lengths, must be one for each of 2 sequences");
  REQUIRE(push(tensor_view<float const>(nullptr, good), out(good)) ==
          "shift_stream::push: x has no data, must have 48 elements");
  REQUIRE(push(in(good), tensor_view<float>(nullptr, good)) ==
          "shift_stream::push: y has no data, must have 48 elements");
  REQUIRE(push(in(good), tensor_view<float>(y.data(), good, strides{24, 0, 2, 1})) ==
          "shift_stream::push: y has stride 0 along time, must be at least 1 or elements would share memory");
  REQUIRE(push(in(good), tensor_view<float>(y.data(), good, strides{8, 8, 2, 1})) ==
          "shift_stream::push: y has stride 8 along batch, must be at least 24 or elements would share memory");

  REQUIRE(flush(out({1, 3, 4, 2})) == "shift_stream::flush: y has batch 1, the stream has 2");
  REQUIRE(flush(out({2, 3, 2, 2})) == "shift_stream::flush: y has channels 2, the stream has 4");
  REQUIRE(flush(out({2, 3, 4, 1})) == "shift_stream::flush: y has space 1, the stream has 2");
  REQUIRE(flush(out({2, 0, 4, 2})) == "shift_stream::flush: y has time 0, must be >= 1");
  REQUIRE(flush(tensor_view<float>(y.data(), good, layout::ntc, lengths)) ==
          "shift_stream::flush: y has lengths; the sequences of one stream advance together");
  REQUIRE(flush(tensor_view<float>(nullptr, good)) == "shift_stream::flush: y has no data, must have 48 elements");

  REQUIRE(prime(in(good)) ==
          "shift_stream::prime: frames were pushed already; prime before the first push or after reset");
  REQUIRE(prime(in({2, 3, 3, 2})) == "shift_stream::prime: x has channels 3, the stream has 4");
  REQUIRE(prime(tensor_view<float const>(x.data(), good, layout::ntc, lengths)) ==
          "shift_stream::prime: x has lengths; the sequences of one stream advance together");
  REQUIRE(prime(tensor_view<float const>(nullptr, good)) ==
          "shift_stream::prime: x has no data, must have 48 elements");
  REQUIRE(refusals == 25);

  // And it goes on as if nothing had happened.
  REQUIRE(stream.push(in(good), out(good)) == 3);
  REQUIRE(stream.flush(out(good)) == 1);
  stream.prime(in(good));
}

TEST_CASE("Input and output of a push must share no element", "[stream]") {
  constexpr char const* message = "shift_stream::push: x and y overlap in memory, must share no element";
  shift_plan const delay(4, {{0, 2, 1}}), advance(4, {{0, 2, -1}});
  std::vector<float> memory(64);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
  auto const untouched = memory;
  auto const at = [&](std::size_t i, index_t frames_there) {
    return tensor_view<float>(memory.data() + i, {1, frames_there, 4});
  };
  for (std::size_t const offset : {0u, 4u, 8u, 11u, 1u, 3u}) {
    shift_stream<float> stream(delay, {1, 0, 4});
    auto const before = saved(stream);
    REQUIRE(message_of([&] { stream.push(at(0, 3), at(offset, 3)); }) == message);
    REQUIRE(message_of([&] { stream.push(at(offset, 3), at(0, 3)); }) == message);
    REQUIRE(same_bytes(before, stream.state()));
    REQUIRE(memory == untouched);
  }
  // Side by side, and interleaved, they share nothing.
  shift_stream<float> stream(delay, {1, 0, 4});
  REQUIRE(stream.push(at(0, 3), at(12, 3)) == 3);
  strides const by_eight{64, 8, 1, 1};
  REQUIRE(stream.push(tensor_view<float>(memory.data(), {1, 3, 4}, by_eight),
                      tensor_view<float>(memory.data() + 4, {1, 3, 4}, by_eight)) == 3);
  // Only the frames that are written count: here the first of them lies in front of x, and the next are not due.
  shift_stream<float> late(advance, {1, 0, 4});
  REQUIRE(late.push(at(4, 2), at(0, 3)) == 1);
  REQUIRE(late.push(at(4, 0), at(0, 3)) == 0);
  // More frames come in than go out: the last of x, and x from the beginning.
  shift_stream<float> longer(advance, {1, 0, 4});
  auto const now = memory;
  REQUIRE(message_of([&] { longer.push(at(0, 3), at(8, 2)); }) == message);
  REQUIRE(message_of([&] { longer.push(at(4, 3), at(0, 2)); }) == message);
  REQUIRE(message_of([&] { longer.push(at(0, 3), at(0, 3)); }) == message);
  REQUIRE(memory == now);
  REQUIRE(longer.push(at(0, 3), at(12, 2)) == 2);
}

TEST_CASE("A state that does not fit is refused, and nothing changes", "[stream]") {
  shift_plan const plan(4, {{0, 2, 1}, {2, 1, -1}});
  shape const frame{1, 0, 4, 2};
  std::vector<float> x(24, 2.0f), y(24);
  auto const used = [&] {
    shift_stream<float> stream(plan, frame);
    stream.push(tensor_view<float>(x.data(), {1, 3, 4, 2}), tensor_view<float>(y.data(), {1, 3, 4, 2}));
    return stream;
  };
  shift_stream<float> stream = used();
  auto const good = saved(stream);
  // 2 frames of 2 channels, no frame of 1 and one frame of 1, of 2 floats each.
  REQUIRE(good.size() == 32 + (2 * 2 + 1) * 2 * 4);

  int refusals = 0;
  auto const restored = [&](std::span<std::byte const> from) {
    auto const before = saved(stream);
    std::string const message = message_of([&] { stream.restore(from); });
    REQUIRE(same_bytes(before, stream.state()));
    ++refusals;
    return message;
  };
  REQUIRE(restored(std::span(good).first(3)) == "shift_stream::restore: saved state has 3 bytes, must have 72");
  REQUIRE(restored({}) == "shift_stream::restore: saved state has 0 bytes, must have 72");
  auto longer = good;
  longer.push_back({});
  REQUIRE(restored(longer) == "shift_stream::restore: saved state has 73 bytes, must have 72");
  REQUIRE(message_of([&] { stream.save(longer); }) == "shift_stream::save: memory has 73 bytes, must have 72");
  REQUIRE(message_of([&] { stream.save({}); }) == "shift_stream::save: memory has 0 bytes, must have 72");

  // States of as many bytes, of streams that differ in one thing.
  constexpr char const* other = "shift_stream::restore: saved state is of another plan, frame or element size";
  auto const state_of = [&](auto const& from) {
    REQUIRE(from.state().size() == good.size());
    return saved(from);
  };
  REQUIRE(restored(state_of(shift_stream<float>({4, {{1, 2, 1}, {3, 1, -1}}}, frame))) == other);
  REQUIRE(restored(state_of(shift_stream<float>({4, {{0, 1, 1}, {1, 1, 1}, {2, 1, -1}}}, frame))) == other);
  REQUIRE(restored(state_of(shift_stream<float>({5, {{0, 2, 1}, {2, 2, -1}}}, {1, 0, 5, 2}))) == other);
  REQUIRE(restored(state_of(shift_stream<float>(plan, {2, 0, 4, 1}))) == other);
  REQUIRE(restored(state_of(shift_stream<double>(plan, {1, 0, 4, 1}))) == other);
  REQUIRE(restored(state_of(shift_stream<std::int16_t>(plan, {1, 0, 4, 4}))) == other);
  shift_plan const delay(4, {{0, 2, 1}}), delay_edge(4, {{0, 2, 1}}, padding::edge);
  auto const zero_padded = saved(shift_stream<float>(delay, frame));
  shift_stream<float> edge_padded(delay_edge, frame);
  REQUIRE(message_of([&] { edge_padded.restore(zero_padded); }) == other);
  // Another fill value is another stream's own affair.
  auto const other_fill = state_of(shift_stream<float>(plan, frame, 5.0f));
  stream.restore(other_fill);
  REQUIRE(same_bytes(stream.state(), other_fill));
  stream.restore(good);

  // The header: identity, received, emitted, started, 8 bytes each.
  auto const damaged = [&](std::size_t field, std::int64_t value) {
    auto bytes = good;
    std::memcpy(bytes.data() + 8 * field, &value, 8);
    return restored(bytes);
  };
  REQUIRE(damaged(0, 0) == other);
  REQUIRE(damaged(1, -1) == "shift_stream::restore: saved state is damaged: -1 frames received, 2 emitted");
  REQUIRE(damaged(1, 1) == "shift_stream::restore: saved state is damaged: 1 frames received, 2 emitted");
  REQUIRE(damaged(1, 4) == "shift_stream::restore: saved state is damaged: 4 frames received, 2 emitted");
  REQUIRE(damaged(2, -1) == "shift_stream::restore: saved state is damaged: 3 frames received, -1 emitted");
  REQUIRE(damaged(2, 1) == "shift_stream::restore: saved state is damaged: 3 frames received, 1 emitted");
  REQUIRE(damaged(2, 4) == "shift_stream::restore: saved state is damaged: 3 frames received, 4 emitted");
  REQUIRE(damaged(3, 2) == "shift_stream::restore: saved state is damaged: 3 frames received, 2 emitted");
  REQUIRE(damaged(3, -1) == "shift_stream::restore: saved state is damaged: 3 frames received, 2 emitted");
  REQUIRE(refusals == 18);
}

TEST_CASE("A stream counts frames up to 2^63 - 1 and refuses more", "[stream]") {
  // One frame repeated: stride 0 along time, no memory after it.
  char x = 5, y[2] = {};
  auto const repeated = [&](index_t frames_of_x) {
    return tensor_view<char const>(&x, {1, frames_of_x, 1}, strides{0, 0, 0, 0});
  };
  shift_stream<char> stream({1, {{0, 1, 1}}}, {1, 0, 1});
  stream.prime(repeated(most - 1));
  REQUIRE(stream.ready(1) == 1);
  REQUIRE(message_of([&] {
            stream.push(repeated(2), tensor_view<char>(y, {1, 2, 1}));
          }) == "shift_stream::push: 2 frames after 9223372036854775806, must stay below 2^63");
  x = 6;
  REQUIRE(stream.push(repeated(1), tensor_view<char>(y, {1, 2, 1})) == 1);
  REQUIRE(y[0] == 5);
  REQUIRE(message_of([&] {
            stream.push(repeated(1), tensor_view<char>(y, {1, 2, 1}));
          }) == "shift_stream::push: 1 frames after 9223372036854775807, must stay below 2^63");
  REQUIRE(stream.push(repeated(0), tensor_view<char>(y, {1, 2, 1})) == 0);
  REQUIRE(stream.ready(most) == most);

  stream.reset();
  stream.prime(repeated(most));
  REQUIRE(message_of([&] { stream.prime(repeated(1)); }) ==
          "shift_stream::prime: 1 frames after 9223372036854775807, must stay below 2^63");
}
