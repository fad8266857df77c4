// SPDX-License-Identifier: MIT
// Speech encoders beside what golden/golden_speech_test.cpp proves: ragged batches, threads, memory, choices of states,
// strided samples, what is refused.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <tshift/models/speech_encoder.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded_speech.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::frame_rule;
using tshift::layout;
using tshift::speech_encoder_options;
using tshift::models::hidden_states;
using tshift::models::speech_encoder;

/// base in small; `large` has the other value of every switch, and WavLM's positions.
speech_sizes small(bool large) {
  speech_sizes s;
  s.channels = {16, 20, 16, 16, 16, 16, 24};
  s.kernels = {10, 3, 3, 3, 3, 2, 2};
  s.strides = {5, 2, 2, 2, 2, 2, 2};
  s.norm_every = s.bias = s.first = large;
  s.projection_norm = true;
  s.width = 24;
  s.layers = 3;
  s.heads = 4;
  s.hidden = 40;
  s.taps = 16;
  s.groups = 2;
  s.buckets = large ? 16 : 0;
  s.distance = 12;
  return s;
}

speech_encoder_options options_of(speech_sizes const& s) { return {s.heads, s.first, s.strides, s.eps, s.distance}; }

template <class T>
speech_encoder<T> make(speech_sizes const& s, std::uint64_t seed = 7) {
  return {tshift::weights::speech_encoder_weights(seeded_speech<T>(s, seed)), options_of(s)};
}

template <class T>
std::vector<T> forward(speech_encoder<T> const& encoder, tensor_view<T const> const& x) {
  tshift::shape const out{x.shape.batch * encoder.states().copies(), encoder.frames(x.shape.time), encoder.channels()};
  std::vector<T> y(static_cast<std::size_t>(out.size()), T(-3));
  exact_workspace<T> workspace(encoder.workspace_size(x.shape));
  encoder.forward(x, tensor_view<T>(y.data(), out), workspace);
  return y;
}

/// With frames of more than one piece, and with lengths of every kind: the bits of each sequence alone, and zeros.
template <class T>
void check_ragged(bool large, hidden_states<T> const& states) {
  random_bits random(631);
  speech_encoder<T> const encoder = make<T>(small(large)).with(states);
  index_t const N = 5, S = 43000, lengths[] = {400, 43000, 719, 2345, 41100};
  std::vector<T> const samples = uniform<T>(N * S, random);
  tensor_view<T const> const x(samples.data(), {N, S, 1}, layout::ntc, lengths);
  std::vector<T> const y = forward<T>(encoder, x);
  index_t const time = encoder.frames(S), D = encoder.channels();
  index_t ran = 0;
  for (index_t n = 0; n < N; ++n) {
    std::vector<T> const alone = forward<T>(encoder, {x.at(n, 0, 0), {1, lengths[n], 1}});
    index_t const made = encoder.frames(lengths[n]);
    for (index_t k = 0; k < encoder.states().copies(); ++k, ++ran) {
      T const* const row = y.data() + (k * N + n) * time * D;
      CHECK(same_bytes(row, alone.data() + k * made * D, static_cast<std::size_t>(made * D) * sizeof(T)));
      CHECK(std::all_of(row + made * D, row + time * D, [](T v) { return v == T(0); }));
    }
  }
  REQUIRE(ran == N * encoder.states().copies());
}

/// The convolutions alone: zeros behind a sequence, and the bits of each alone.
template <class T>
void check_features(bool large) {
  random_bits random(634);
  speech_sizes const s = small(large);
  auto const checkpoint = tshift::weights::speech_encoder_weights(seeded_speech<T>(s, 7));
  tshift::weights::state_reader<T> reader("features", checkpoint.encoder);
  tshift::models::speech_features<T> const features(reader, checkpoint.sizes, s.strides);
  index_t const N = 3, S = 2345, C = features.outputs(), lengths[] = {0, 2345, 720};
  std::vector<T> const samples = uniform<T>(N * S, random);
  tensor_view<T const> const x(samples.data(), {N, S, 1}, layout::ntc, lengths);
  tshift::shape const out{N, features.frames(S), C};
  std::vector<T> y(static_cast<std::size_t>(out.size()), T(-3));
  exact_workspace<T> workspace(features.workspace_size(x.shape));
  features.forward(x, tensor_view<T>(y.data(), out), workspace);
  for (index_t n = 0; n < N; ++n) {
    index_t const made = features.frames(lengths[n]);
    std::vector<T> alone(static_cast<std::size_t>(made * C));
    features.forward({x.at(n, 0, 0), {1, lengths[n], 1}}, tensor_view<T>(alone.data(), {1, made, C}), workspace);
    T const* const row = y.data() + n * out.time * C;
    CHECK(same_bytes(row, alone.data(), alone.size() * sizeof(T)));
    CHECK(std::all_of(row + made * C, row + out.time * C, [](T v) { return v == T(0); }));
  }
}

template <class T>
void check_states(bool large) {
  random_bits random(632);
  speech_encoder<T> const encoder = make<T>(small(large));
  index_t const S = 3000, D = encoder.channels(), L = encoder.layers();
  std::vector<T> const samples = uniform<T>(2 * S, random);
  tensor_view<T const> const x(samples.data(), {2, S, 1});
  std::vector<T> const all = forward(encoder.with(hidden_states<T>::all()), x);
  auto const size = static_cast<std::ptrdiff_t>(2 * encoder.frames(S) * D);
  for (index_t k = 0; k <= L; ++k) {
    std::vector<T> const one = forward(encoder.with(hidden_states<T>::one(k)), x);
    CHECK(std::equal(one.begin(), one.end(), all.begin() + k * size, all.begin() + (k + 1) * size));
  }
  std::vector<T> const last = forward(encoder, x);
  CHECK(std::equal(last.begin(), last.end(), all.end() - size, all.end()));
  // A sum whose weights pick one state is that state, and all equal ones give the mean.
  std::vector<double> weights(static_cast<std::size_t>(L + 1), 0.0);
  std::vector<T> const mean = forward(encoder.with(hidden_states<T>::weighted_sum(weights)), x);
  weights[1] = 1000;
  std::vector<T> const second = forward(encoder.with(hidden_states<T>::weighted_sum(weights)), x);
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    double sum = 0;
    for (index_t k = 0; k <= L; ++k) sum += static_cast<double>(all[static_cast<std::size_t>(i + k * size)]);
    worst = std::max(
        worst, std::fabs(sum / static_cast<double>(L + 1) - static_cast<double>(mean[static_cast<std::size_t>(i)])));
  }
  CHECK(worst < (sizeof(T) == 4 ? 1e-5 : 1e-13));
  CHECK(std::equal(second.begin(), second.end(), all.begin() + size, all.begin() + 2 * size));
}

template <class T>
void check_threads(bool large, bool masked) {
  random_bits random(633);
  speech_encoder<T> encoder = make<T>(small(large));
  if (masked) encoder = encoder.with_mask(frame_rule::conv);
  index_t const S = 50000, lengths[] = {50000, 20000};
  std::vector<T> const samples = uniform<T>(2 * S, random);
  tensor_view<T const> const x(samples.data(), {2, S, 1}, layout::ntc, lengths);
  std::vector<T> const want = forward(encoder, x);
  tshift::shape const out{2, encoder.frames(S), encoder.channels()};
  std::vector<index_t> parts;
  for (any_executor const& exec : {any_executor(thread_executor{2}), any_executor(thread_executor{3}),
                                   any_executor(reversed_executor{}), any_executor(recording_executor{parts})}) {
    std::vector<T> y(want.size(), T(-3));
    exact_workspace<T> workspace(encoder.workspace_size(x.shape));
    encoder.forward(exec, x, tensor_view<T>(y.data(), out), workspace);
    CHECK(same_bytes(y.data(), want.data(), want.size() * sizeof(T)));
  }
  CHECK(std::any_of(parts.begin(), parts.end(), [](index_t n) { return n > 1; }));
}

/// Samples of two channels side by side, or backwards; nothing allocated.
template <class T>
void check_memory() {
  random_bits random(634);
  for (bool const large : {false, true}) {
    speech_encoder<T> const encoder = make<T>(small(large));
    index_t const S = 2000;
    std::vector<T> const samples = uniform<T>(S, random);
    std::vector<T> const want = forward<T>(encoder, {samples.data(), {1, S, 1}});
    std::vector<T> wide(2 * static_cast<std::size_t>(S), std::numeric_limits<T>::quiet_NaN()),
        turned(samples.rbegin(), samples.rend());
    for (std::size_t i = 0; i < samples.size(); ++i) wide[2 * i] = samples[i];
    CHECK(forward<T>(encoder, {wide.data(), {1, S, 1}, {2 * S, 2, 1, 1}}) == want);
    CHECK(forward<T>(encoder, {turned.data() + S - 1, {1, S, 1}, {S, -1, 1, 1}}) == want);

    tensor_view<T const> const x(samples.data(), {1, S, 1});
    std::vector<T> y(want.size()), workspace = encoder.make_workspace(x.shape);
    tensor_view<T> const to(y.data(), {1, encoder.frames(S), encoder.channels()});
    CHECK(allocations_in([&] { encoder.forward(x, to, workspace); }) == 0);
    CHECK(y == want);
    // A copy is the same weights.
    CHECK(forward<T>(speech_encoder<T>(encoder), x) == want);
    // From a minute on the convolutions need no more, and what the layers need is a few rows of each activation.
    index_t const minute = encoder.workspace_size({1, 960000, 1}), two = encoder.workspace_size({1, 1920000, 1});
    CHECK(two - minute < 30 * encoder.channels() * encoder.frames(960000));
    CHECK(encoder.workspace_size({8, 960000, 1}) == minute);
  }
}

template <class T>
void check_errors() {
  speech_sizes const s = small(false), wavlm = small(true);
  auto const checkpoint = tshift::weights::speech_encoder_weights(seeded_speech<T>(s, 1));
  auto const gated = tshift::weights::speech_encoder_weights(seeded_speech<T>(wavlm, 1));
  auto const refused = [](auto const& from, auto const& change, speech_sizes const& sizes) {
    speech_encoder_options options = options_of(sizes);
    change(options);
    return message_of([&] { speech_encoder<T>(from, options); });
  };
  using how = speech_encoder_options;
  CHECK(refused(
            checkpoint, [](how& o) { o.heads = 5; }, s) == "speech_encoder: 5 heads, must divide the 24 channels");
  CHECK(refused(
            checkpoint, [](how& o) { o.heads = 0; }, s) == "speech_encoder: 0 heads, must divide the 24 channels");
  CHECK(refused(
            gated, [](how& o) { o.heads = 2; }, wavlm) ==
        "speech_encoder: 2 heads, must be the 4 of the table of positions");
  CHECK(refused(
            gated, [](how& o) { o.max_distance = 4; }, wavlm) ==
        "bucketed_distances: max_distance = 4, must be in [5, 2^20]");
  CHECK(refused(
            checkpoint, [](how& o) { o.eps = 0; }, s) == "speech_encoder: eps = 0, must be > 0 and finite");
  CHECK(refused(
            checkpoint, [](how& o) { o.strides.pop_back(); }, s) ==
        "speech_encoder: 6 strides, must be one for each of the 7 convolutions, two or more");
  CHECK(refused(
            checkpoint, [](how& o) { o.strides = std::vector<index_t>(7, 1 << 20); }, s) ==
        "speech_encoder: a frame of more than 1099511627776 samples, by its strides");
  CHECK(refused(
            checkpoint, [](how& o) { o.strides[3] = 0; }, s) ==
        "speech_encoder: stride = 0 of convolution 3, must be >= 1");
  CHECK(refused(
            checkpoint, [](how& o) { o.strides[0] = 0; }, s) ==
        "speech_encoder: stride = 0 of convolution 0, must be >= 1");

  speech_encoder<T> const good(checkpoint, options_of(s));
  CHECK(good.shortest() == 400);
  CHECK(good.layers() == 3);
  CHECK(good.frames(399) == 0);
  CHECK(good.frames(16000) == 49);
  CHECK(good.frames(120000) == 374);
  CHECK(good.frames(60000, 120000, frame_rule::conv) == 187);
  CHECK(good.frames(60000, 120000, frame_rule::reshape) == 188);
  CHECK(good.frames(120000, 120000, frame_rule::reshape) == 374);
  CHECK(message_of([&] { (void)good.with(hidden_states<T>::one(4)); }) == "hidden_states: state 4, must be <= 3");
  CHECK(message_of([&] { (void)hidden_states<T>::one(-1); }) == "hidden_states: state -1, must be >= 0");
  double const three[] = {1, 2, 3}, broken[] = {1, std::numeric_limits<double>::quiet_NaN()};
  CHECK(message_of([&] { (void)good.with(hidden_states<T>::weighted_sum(three)); }) ==
        "hidden_states: 3 weights, must be one for each of the 4 states");
  CHECK(message_of([&] { (void)hidden_states<T>::weighted_sum({}); }) ==
        "hidden_states: no weights, must be one for each state");
  CHECK(message_of([&] { (void)hidden_states<T>::weighted_sum(broken); }).starts_with("hidden_states: a weight is "));
  CHECK(message_of([&] { (void)good.with_mask(static_cast<frame_rule>(7)); }) ==
        "speech_encoder: rule = 7, must be a named frame_rule");

  std::vector<T> samples(2000, T(0.5)), y(200, T(9)),
      workspace(static_cast<std::size_t>(good.workspace_size({2, 800, 1})));
  auto const call = [&](tensor_view<T const> const& x, tensor_view<T> const& to) {
    return message_of([&] { good.forward(x, to, workspace); });
  };
  tensor_view<T> const two(y.data(), {2, 2, 24});
  index_t const lengths[] = {800, 399};
  CHECK(call({samples.data(), {2, 399, 1}}, {y.data(), {2, 0, 24}}) ==
        "speech_encoder: sequence 0 has 399 samples, must have >= 400");
  CHECK(call({samples.data(), {2, 0, 1}}, {y.data(), {2, 0, 24}}) ==
        "speech_encoder: sequence 0 has 0 samples, must have >= 400");
  CHECK(call({samples.data(), {2, 800, 1}, layout::ntc, lengths}, two) ==
        "speech_encoder: sequence 1 has 399 samples, must have >= 400");
  CHECK(call({samples.data(), {2, 800, 2}}, two) == "speech_encoder: x has 2 channels, must have 1");
  CHECK(call({samples.data(), {2, 800, 1}}, {y.data(), {2, 2, 25}}) ==
        "speech_encoder: y has 25 channels, must have 24");
  CHECK(call({samples.data(), {2, 800, 1}}, {y.data(), {2, 3, 24}}) == "speech_encoder: y is [2, 3], must be [2, 2]");
  CHECK(call({samples.data(), {2, 800, 1}}, {samples.data(), {2, 2, 24}}) ==
        "speech_encoder: x and y overlap in memory, must share no element");
  CHECK(message_of([&] {
          good.with(hidden_states<T>::all()).forward(tensor_view<T const>(samples.data(), {2, 800, 1}), two, workspace);
        }) == "speech_encoder: y is [2, 2], must be [8, 2]");
  CHECK(message_of([&] {
          good.forward(tensor_view<T const>(samples.data(), {2, 800, 1}), two, std::span(workspace).subspan(1));
        }) == "speech_encoder: workspace has " + std::to_string(workspace.size() - 1) +
                  " elements, must be >= " + std::to_string(workspace.size()));
  CHECK(std::all_of(y.begin(), y.end(), [](T v) { return v == T(9); }));
  CHECK(call({samples.data(), {0, 800, 1}}, {y.data(), {0, 2, 24}}).empty());
  CHECK(call({samples.data(), {2, 800, 1}}, two).empty());
}

}  // namespace

TEST_CASE("speech_encoder: a ragged batch is its sequences one by one", "[models][speech]") {
  check_ragged<float>(false, hidden_states<float>::all());
  check_ragged<float>(true, hidden_states<float>::last());
  check_ragged<double>(true, hidden_states<double>::all());
}

TEST_CASE("speech_features: a ragged batch is its sequences one by one", "[models][speech]") {
  for (bool const large : {false, true}) {
    check_features<float>(large);
    check_features<double>(large);
  }
}

TEST_CASE("speech_encoder: states one by one, all, and sums of them", "[models][speech]") {
  for (bool const large : {false, true}) {
    check_states<float>(large);
    check_states<double>(large);
  }
}

TEST_CASE("speech_encoder: the bits of one thread for any executor", "[models][speech]") {
  for (bool const large : {false, true}) {
    for (bool const masked : {false, true}) check_threads<float>(large, masked);
  }
  check_threads<double>(true, false);
}

TEST_CASE("speech_encoder: memory for a long sequence is enough for a shorter one in fewer parts", "[models][speech]") {
  // 32 frames are four parts of 8 for the perceptron, 25 are three of up to 16.
  speech_sizes s = small(false);
  s.channels = std::vector<index_t>(7, 8);
  s.width = 96;
  s.hidden = 768;
  random_bits random(635);
  speech_encoder<float> const encoder = make<float>(s);
  index_t const S = 10320, lengths[] = {10320, 8080};
  REQUIRE(encoder.frames(S) == 32);
  REQUIRE(encoder.frames(8080) == 25);
  std::vector<float> const samples = uniform<float>(2 * S, random);
  tensor_view<float const> const x(samples.data(), {2, S, 1}, layout::ntc, lengths);
  std::vector<float> const want = forward(encoder, x);
  std::vector<float> y(want.size());
  exact_workspace<float> workspace(encoder.workspace_size(x.shape));
  encoder.forward(reversed_executor{}, x, tensor_view<float>(y.data(), {2, 32, 96}), workspace);
  CHECK(y == want);
}

TEST_CASE("speech_encoder: samples anywhere in memory, and none allocated", "[models][speech]") {
  check_memory<float>();
  check_memory<double>();
}

TEST_CASE("speech_encoder refuses what does not fit", "[models][speech][errors]") {
  check_errors<float>();
  check_errors<double>();
}
