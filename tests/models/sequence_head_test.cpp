// SPDX-License-Identifier: MIT
// Heads behind encoders: sequence_head against plain loops, speech_classifier against encoder and head one after the
// other, ragged and masked batches, what is refused.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/models/sequence_head.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/speech_classifier.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded_speech.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::frame_rule;
using tshift::layout;
using tshift::models::hidden_states;
using tshift::models::sequence_head;
using tshift::models::speech_classifier;
using tshift::models::speech_encoder;
using tshift::weights::state_dict;

constexpr index_t width = 24, middle = 10, classes = 5;

/// A head's tensors. @param states  of layer_weights, 0: none
template <class T>
state_dict head_tensors(bool regression, index_t states = 0) {
  state_dict weights;
  auto const add = [&weights](std::string const& name, std::vector<index_t> const& shape) {
    weights.add_owned(name, shape, seeded<T>(name, shape, 3));
  };
  std::string const one = regression ? "classifier.dense" : "projector",
                    two = regression ? "classifier.out_proj" : "classifier";
  add(one + ".weight", {middle, width});
  add(one + ".bias", {middle});
  add(two + ".weight", {classes, middle});
  add(two + ".bias", {classes});
  if (states > 0) add("layer_weights", {states});
  return weights;
}

/// As transformers computes it: every frame is projected, then the mean is taken; audeering's takes the mean first.
template <class T>
std::vector<long double> define(state_dict const& weights, bool regression, tensor_view<T const> const& x) {
  auto const read = [&weights](std::string const& name) { return tshift::weights::read_as<T>(*weights.find(name)); };
  std::string const one = regression ? "classifier.dense" : "projector",
                    two = regression ? "classifier.out_proj" : "classifier";
  auto const w1 = read(one + ".weight"), b1 = read(one + ".bias"), w2 = read(two + ".weight"), b2 = read(two + ".bias");
  std::vector<long double> y;
  for (index_t n = 0; n < x.shape.batch; ++n) {
    std::vector<long double> pooled(static_cast<std::size_t>(middle), 0.0L);
    for (index_t t = 0; t < x.length(n); ++t) {
      for (index_t j = 0; j < middle; ++j) {
        long double sum = b1[j];
        for (index_t c = 0; c < width; ++c) sum += static_cast<long double>(w1[j * width + c]) * x(n, t, c);
        pooled[static_cast<std::size_t>(j)] += sum / static_cast<long double>(x.length(n));
      }
    }
    for (index_t k = 0; k < classes; ++k) {
      long double sum = b2[k];
      for (index_t j = 0; j < middle; ++j) {
        long double const v = pooled[static_cast<std::size_t>(j)];
        sum += static_cast<long double>(w2[k * middle + j]) * (regression ? std::tanh(v) : v);
      }
      y.push_back(sum);
    }
  }
  return y;
}

template <class T>
void check_heads() {
  random_bits random(641);
  index_t ran = 0;
  for (bool const regression : {false, true}) {
    state_dict const weights = head_tensors<T>(regression);
    sequence_head<T> const head(weights, width);
    CHECK(head.regression() == regression);
    CHECK(head.classes() == classes);
    CHECK(head.layer_weights().empty());
    for (index_t const time : {1, 7, 50}) {
      std::vector<T> const values = uniform<T>(3 * time * width, random);
      index_t const lengths[] = {time, 1, (time + 1) / 2};
      for (bool const ragged : {false, true}) {
        tensor_view<T const> x(values.data(), {3, time, width});
        if (ragged) x.lengths = lengths;
        std::vector<T> y(static_cast<std::size_t>(3 * classes));
        exact_workspace<T> workspace(head.workspace_size(x.shape));
        head.forward(x, tensor_view<T>(y.data(), {3, 1, classes}), workspace);
        std::vector<long double> const want = define<T>(weights, regression, x);
        for (std::size_t i = 0; i < y.size(); ++i) {
          CHECK(std::fabs(static_cast<double>(y[i] - want[i])) < (sizeof(T) == 4 ? 2e-6 : 1e-14));
          ++ran;
        }
      }
    }
  }
  REQUIRE(ran == 2 * 3 * 2 * 3 * classes);
  sequence_head<T> const sum(head_tensors<T>(false, 4), width);
  CHECK(sum.layer_weights().size() == 4);
}

speech_sizes small() {
  speech_sizes s;
  s.channels = {8, 9, 8, 8, 8, 8, 8};
  s.kernels = {10, 3, 3, 3, 3, 2, 2};
  s.strides = {5, 2, 2, 2, 2, 2, 2};
  s.width = width;
  s.layers = 3;
  s.heads = 4;
  s.hidden = 40;
  s.taps = 16;
  s.groups = 2;
  return s;
}

template <class T>
speech_encoder<T> encoder_of() {
  speech_sizes const s = small();
  return {tshift::weights::speech_encoder_weights(seeded_speech<T>(s, 9)), {s.heads, s.first, s.strides, s.eps, 800}};
}

/// The head behind what the encoder gives, by hand.
template <class T, class Head>
void check_classifier(speech_encoder<T> const& encoder, speech_encoder<T> const& giving, Head const& head,
                      bool masked) {
  random_bits random(642);
  index_t const N = 3, S = 4100, lengths[] = {4100, 400, 2222};
  std::vector<T> const samples = uniform<T>(N * S, random);
  tensor_view<T const> const x(samples.data(), {N, S, 1}, layout::ntc, lengths);
  speech_classifier const model(encoder, head);
  std::vector<T> y(static_cast<std::size_t>(N * model.classes())), want = y, alone = y;
  tensor_view<T> const to(y.data(), {N, 1, model.classes()});
  {
    exact_workspace<T> workspace(model.workspace_size(x.shape));
    CHECK(allocations_in([&] { model.forward(x, to, workspace); }) == 0);
  }
  std::vector<T> workspace = model.make_workspace(x.shape);
  index_t const frames = giving.frames(S);
  std::vector<T> states(static_cast<std::size_t>(N * frames * width));
  std::vector<index_t> own;
  for (index_t const length : lengths) own.push_back(giving.frames(length));
  std::vector<T> room = giving.make_workspace(x.shape);
  giving.forward(x, tensor_view<T>(states.data(), {N, frames, width}), room);
  tensor_view<T const> const seen(states.data(), {N, frames, width}, layout::ntc, own);
  room = head.make_workspace(seen.shape);
  head.forward(seen, tensor_view<T>(want.data(), to.shape), room);
  CHECK(y == want);
  thread_executor exec{2};
  model.forward(exec, x, tensor_view<T>(alone.data(), to.shape), workspace);
  CHECK(y == alone);
  for (index_t n = 0; n < N && !masked; ++n) {
    model.forward(tensor_view<T const>(x.at(n, 0, 0), {1, lengths[n], 1}),
                  tensor_view<T>(alone.data(), {1, 1, model.classes()}), workspace);
    CHECK(std::equal(alone.begin(), alone.begin() + model.classes(), y.begin() + n * model.classes()));
  }
}

template <class T>
void check_classifiers() {
  speech_encoder<T> const encoder = encoder_of<T>(), masked = encoder.with_mask(frame_rule::conv);
  sequence_head<T> const plain(head_tensors<T>(true), width), sum(head_tensors<T>(false, 4), width);
  auto const summed = hidden_states<T>::weighted_sum(sum.layer_weights());
  check_classifier<T>(encoder, encoder, plain, false);
  check_classifier<T>(encoder, encoder.with(summed), sum, false);
  check_classifier<T>(masked, masked, plain, true);
  check_classifier<T>(masked, masked.with(summed), sum, true);
  tshift::models::shift_cnn<T> const cnn(seeded_weights<T>({"cnn", "none", width, 0, 4}, 5));
  check_classifier<T>(encoder, encoder, cnn, false);
  check_classifier<T>(encoder.with(hidden_states<T>::one(1)), encoder.with(hidden_states<T>::one(1)), cnn, false);
}

template <class T>
void check_errors() {
  auto const refused = [](state_dict const& weights, index_t channels = width) {
    return message_of([&] { sequence_head<T>(weights, channels); });
  };
  auto const without = [](state_dict const& from, std::string const& name) {
    state_dict some;
    for (tshift::weights::tensor const& each : from) {
      if (each.name != name) some.add(each);
    }
    return some;
  };
  state_dict const logits = head_tensors<T>(false, 4), values = head_tensors<T>(true);
  CHECK(refused({}) == "sequence_head: no head is known that has no tensors");
  CHECK(refused(without(logits, "projector.weight")) ==
        "sequence_head: no head is known that has projector.bias, classifier.weight, classifier.bias, layer_weights");
  CHECK(refused(without(values, "classifier.out_proj.weight")) ==
        "sequence_head: no head is known that has classifier.dense.weight, classifier.dense.bias, "
        "classifier.out_proj.bias");
  CHECK(refused(without(values, "classifier.out_proj.bias")) == "sequence_head: no tensor classifier.out_proj.bias");
  // The names that a checkpoint of a custom class has: not guessed.
  state_dict other = without(without(values, "classifier.out_proj.weight"), "classifier.out_proj.bias");
  other.add_owned("classifier.output.weight", {classes, middle}, std::vector<T>(classes * middle));
  other.add_owned("classifier.output.bias", {classes}, std::vector<T>(classes));
  CHECK(refused(other).starts_with("sequence_head: no head is known that has classifier.dense.weight"));
  state_dict more = logits;
  more.add_owned("classifier.scale", {1}, std::vector<T>(1));
  CHECK(refused(more) == "sequence_head: tensor classifier.scale is not part of the model");
  CHECK(refused(logits, width + 1) == "sequence_head: projector.weight is [10, 24], must be [10, 25]");
  state_dict both = logits;
  for (tshift::weights::tensor const& each : values) both.add(each);
  CHECK(refused(both).ends_with(" and 3 more"));

  state_dict none = without(logits, "classifier.weight");
  none = without(none, "classifier.bias");
  none.add_owned("classifier.weight", {0, middle}, std::vector<T>());
  none.add_owned("classifier.bias", {0}, std::vector<T>());
  CHECK(refused(none) == "sequence_head: 10 channels and 0 classes, must be one or more of each");

  speech_encoder<T> const encoder = encoder_of<T>();
  tshift::models::shiftformer<T> const short_head(seeded_weights<T>({"transformer", "absolute", width, 5, 4}, 5), {},
                                                  {}, 12);
  speech_classifier const short_model(encoder, short_head);
  {
    std::vector<T> wave(4000), logits_of_it(4), room = short_model.make_workspace({1, 4000, 1});
    CHECK(message_of([&] {
            short_model.forward(tensor_view<T const>(wave.data(), {1, 4000, 1}),
                                tensor_view<T>(logits_of_it.data(), {1, 1, 4}), room);
          }) == "speech_classifier: sequence 0 has 12 frames, the head's positions serve at most 5");
  }
  sequence_head<T> const good(values, width), sum(logits, width), three(head_tensors<T>(false, 3), width);
  CHECK(message_of([&] { speech_classifier(encoder, three); }) ==
        "hidden_states: 3 weights, must be one for each of the 4 states");
  CHECK(message_of([&] { speech_classifier(encoder.with(hidden_states<T>::all()), good); }) ==
        "speech_classifier: the encoder gives all states, must give one");
  tshift::models::shift_cnn<T> const cnn(seeded_weights<T>({"cnn", "none", 12, 0, 4}, 5));
  CHECK(message_of([&] { speech_classifier(encoder, cnn); }) ==
        "speech_classifier: the head reads 12 channels, the encoder has 24");
  speech_classifier const model(encoder, good);
  std::vector<T> samples(900), y(10), workspace = model.make_workspace({2, 450, 1});
  CHECK(message_of([&] {
          model.forward(tensor_view<T const>(samples.data(), {2, 399, 1}), tensor_view<T>(y.data(), {2, 1, 5}),
                        workspace);
        }) == "speech_encoder: sequence 0 has 399 samples, must have >= 400");
  CHECK(message_of([&] {
          model.forward(tensor_view<T const>(samples.data(), {2, 450, 1}), tensor_view<T>(y.data(), {2, 1, 4}),
                        workspace);
        }) == "speech_classifier: y has 4 channels, must have 5");
}

}  // namespace

TEST_CASE("sequence_head: mean and two layers, as transformers and audeering have them", "[models][speech]") {
  check_heads<float>();
  check_heads<double>();
}

TEST_CASE("speech_classifier: a head behind an encoder, one sequence at a time", "[models][speech]") {
  check_classifiers<float>();
  check_classifiers<double>();
}

TEST_CASE("sequence_head and speech_classifier refuse what does not fit", "[models][speech][errors]") {
  check_errors<float>();
  check_errors<double>();
}
