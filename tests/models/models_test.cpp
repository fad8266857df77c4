// SPDX-License-Identifier: MIT
// Models beside what golden/golden_models_test.cpp proves: memory, ragged batches, threads.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <latch>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/presets.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/edge_buffer.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded.hpp"

namespace {

using namespace test_support;
using tshift::model_shift;
using tshift::placement;
using tshift::tensor_view;
using tshift::models::shift_cnn;
using tshift::models::shift_lstm;
using tshift::models::shiftformer;
using tshift::weights::state_dict;

// Frames of the longest sequence; 2 x 97 rows are more than a block of them.
constexpr index_t longest = 97;

model_sizes sizes(std::string const& kind, std::string const& position = "none") {
  return {kind, position, 12, position == "none" ? 0 : longest, 4};
}

/// Calls body(name, model) with a model of every kind, each with its paper's shift, or with one at a placement.
/// @param weights  weights(sizes, seed) gives a checkpoint
template <class T, class Body, class Weights>
void for_each_model(Body const& body, Weights const& weights) {
  model_shift const anywhere{3, tshift::direction::both, 2, placement::both, tshift::padding::edge};
  body("shift_cnn", shift_cnn<T>(weights(sizes("cnn"), 1)));
  body("shift_lstm", shift_lstm<T>(weights(sizes("shift_lstm"), 2)));
  body("lstm", shift_lstm<T>(weights(sizes("lstm"), 3)));
  body("shiftformer", shiftformer<T>(weights(sizes("shiftformer"), 4)));
  for (char const* kind : {"absolute", "relative_key_query"}) {
    body(kind, shiftformer<T>(weights(sizes("transformer", kind), 5), anywhere));
  }
}

template <class T, class Body>
void for_each_model(Body const& body) {
  for_each_model<T>(body, [](model_sizes const& kind, std::uint64_t seed) { return seeded_weights<T>(kind, seed); });
}

template <class T>
struct example {
  std::vector<index_t> lengths = {longest, 40};
  std::vector<T> x = seeded<T>("x", {2, longest, 12}, 9);
  tensor_view<T const> view() const { return {x.data(), {2, longest, 12}, tshift::layout::ntc, lengths}; }
};

template <class T, class Model>
std::vector<T> logits(Model const& model, tensor_view<T const> const& x, std::span<T> workspace) {
  std::vector<T> y(static_cast<std::size_t>(x.shape.batch * model.classes()), T(7));
  model.forward(x, tensor_view<T>(y.data(), {x.shape.batch, 1, model.classes()}), workspace);
  return y;
}

template <class T, class Model>
std::vector<T> logits(Model const& model, tensor_view<T const> const& x) {
  exact_workspace<T> workspace(model.workspace_size(x.shape));  // full of NaN
  return logits<T>(model, x, workspace);
}

template <class T>
void check_memory(index_t& ran) {
  example<T> const one;
  for_each_model<T>([&](char const* name, auto const& model) {
    INFO(name);
    auto const want = logits<T>(model, one.view());
    CHECK(std::none_of(want.begin(), want.end(), [](T v) { return std::isnan(v); }));
    index_t const size = model.workspace_size(one.view().shape);
    std::vector<T> workspace(static_cast<std::size_t>(size), T(3)), y(8, T(7));
    tensor_view<T> const out(y.data(), {2, 1, 4});
    CHECK(allocations_in([&] { model.forward(one.view(), out, workspace); }) == 0);
    CHECK(y == want);
    // One element less is refused, before a write.
    std::fill(y.begin(), y.end(), T(7));
    std::fill(workspace.begin(), workspace.end(), T(3));
    auto const text = message_of([&] { model.forward(one.view(), out, std::span(workspace).subspan(1)); });
    CHECK(text.ends_with(": workspace has " + std::to_string(size - 1) +
                         " elements, must be >= " + std::to_string(size)));
    CHECK(std::all_of(y.begin(), y.end(), [](T v) { return v == T(7); }));
    CHECK(std::all_of(workspace.begin(), workspace.end(), [](T v) { return v == T(3); }));
    ++ran;
  });
}

/// Input, output, workspace and every tensor of the checkpoint against closed pages.
template <class T>
void check_edges(index_t& ran) {
  example<T> const one;
  std::vector<std::vector<T>> want;
  for_each_model<T>([&](char const*, auto const& model) { want.push_back(logits<T>(model, one.view())); });
  for (side const where : sides) {
    std::vector<std::unique_ptr<edge_buffer<T>>> kept;
    auto const weights = [&](model_sizes const& kind, std::uint64_t seed) {
      state_dict placed;
      for (auto const& [name, shape] : tensors_of(kind)) {
        auto const values = seeded<T>(name, shape, seed);
        kept.push_back(std::make_unique<edge_buffer<T>>(std::span<T const>(values), where));
        placed.add(name, shape, kept.back()->span());
      }
      if (kind.position == "absolute") {
        placed.add_owned("position_ids", {1, kind.length}, std::vector<std::int64_t>(count_of({kind.length})));
      }
      return placed;
    };
    edge_buffer<T> const x(std::span<T const>(one.x), where);
    tensor_view<T const> const input(x.data(), one.view().shape, tshift::layout::ntc, one.lengths);
    std::size_t at = 0;
    auto const check = [&](char const* name, auto const& model) {
      INFO(name);
      edge_buffer<T> const y(8, T(7), where);
      edge_buffer<T> const work(static_cast<std::size_t>(model.workspace_size(input.shape)), around_inputs<T>, where);
      model.forward(input, tensor_view<T>(y.data(), {2, 1, 4}), work.span());
      CHECK(same_bytes(y.data(), want[at++].data(), 8 * sizeof(T)));
      ++ran;
    };
    for_each_model<T>(check, weights);
  }
}

/// A number that fits no integer, which an exponential may be tempted to make of it, infinity or NaN in one sequence:
/// nothing undefined happens, and the other sequence keeps its bits.
template <class T>
void check_poison(index_t& ran) {
  example<T> const one;
  using limits = std::numeric_limits<T>;
  for_each_model<T>([&](char const* name, auto const& model) {
    auto const want = logits<T>(model, one.view());
    for (T const value : {limits::max() / 8, -limits::max() / 8, limits::infinity(), limits::quiet_NaN()}) {
      INFO(name << " with " << value);
      auto x = one.x;
      x[7 * 12 + 3] = value;
      tensor_view<T const> poisoned = one.view();
      poisoned.data = x.data();
      auto const got = logits<T>(model, poisoned);
      CHECK(same_bytes(got.data() + 4, want.data() + 4, 4 * sizeof(T)));
      CHECK((!std::isnan(value) || std::all_of(got.begin(), got.begin() + 4, [](T v) { return std::isnan(v); })));
      ++ran;
    }
  });
}

/// Padding full of NaN, sequences of no frames, strided memory: a sequence's logits stay what they are alone.
template <class T>
void check_ragged(index_t& ran) {
  example<T> const one;
  auto x = one.x;
  std::fill(x.begin() + (longest + 40) * 12, x.end(), std::numeric_limits<T>::quiet_NaN());
  for_each_model<T>([&](char const* name, auto const& model) {
    INFO(name);
    auto const want = logits<T>(model, one.view());
    tensor_view<T const> padded = one.view();
    padded.data = x.data();
    CHECK(logits<T>(model, padded) == want);
    auto const alone = logits<T>(model, tensor_view<T const>(one.view().at(1, 0, 0), {1, 40, 12}));
    CHECK(std::equal(alone.begin(), alone.end(), want.begin() + 4));
    // As released: the padding counts.
    CHECK(tshift::models::as_released(one.view()).lengths.empty());
    CHECK(logits<T>(model, tshift::models::as_released(one.view())) != want);
    index_t const none[] = {0, longest};
    auto const empty =
        logits<T>(model, tensor_view<T const>(one.x.data(), {2, longest, 12}, tshift::layout::ntc, none));
    CHECK(std::all_of(empty.begin(), empty.begin() + 4, [](T v) { return std::isnan(v); }));
    CHECK(std::none_of(empty.begin() + 4, empty.end(), [](T v) { return std::isnan(v); }));
    CHECK(logits<T>(model, tensor_view<T const>(nullptr, {0, 5, 12})).empty());
    ++ran;
  });
}

}  // namespace

TEST_CASE("Models: no allocation, exactly the workspace they ask for, nothing read before it is written", "[models]") {
  index_t ran = 0;
  check_memory<float>(ran);
  check_memory<double>(ran);
  REQUIRE(ran == 12);
}

TEST_CASE("Models: nothing touches the pages around weights, input, output and workspace", "[models][pages]") {
  index_t ran = 0;
  check_edges<float>(ran);
  check_edges<double>(ran);
  REQUIRE(ran == 24);
}

TEST_CASE("Models: exponents of numbers that fit no integer, infinities and NaN", "[models]") {
  index_t ran = 0;
  check_poison<float>(ran);
  check_poison<double>(ran);
  REQUIRE(ran == 48);
}

TEST_CASE("Models: ragged batches", "[models]") {
  index_t ran = 0;
  check_ragged<float>(ran);
  check_ragged<double>(ran);
  REQUIRE(ran == 12);
}

TEST_CASE("Models: a batch padded beyond the table of positions, whose sequences are not", "[models]") {
  auto const x = seeded<float>("x", {2, longest + 30, 12}, 9);
  index_t const lengths[] = {longest, 40};
  tensor_view<float const> const batch(x.data(), {2, longest + 30, 12}, tshift::layout::ntc, lengths);
  for (char const* kind : {"absolute", "relative_key", "relative_key_query"}) {
    INFO(kind);
    shiftformer<float> const model(seeded_weights<float>(sizes("transformer", kind), 5));
    auto const together = logits<float>(model, batch);
    for (index_t n = 0; n < 2; ++n) {
      auto const alone = logits<float>(model, tensor_view<float const>(batch.at(n, 0, 0), {1, lengths[n], 12}));
      CHECK(std::equal(alone.begin(), alone.end(), together.begin() + n * 4));
    }
  }
}

TEST_CASE("Models: eight threads share one and its input, bit for bit what one thread gives", "[models][threads]") {
  constexpr int count = 8, runs = 5;
  example<float> const one;
  int compared = 0;
  for_each_model<float>([&](char const* name, auto const& model) {
    INFO(name);
    auto const want = logits<float>(model, one.view());
    std::vector<int> same(count);
    std::latch together(count);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(one.view().shape)));
        together.arrive_and_wait();
        for (int run = 0; run < runs; ++run) {
          auto const got = logits<float>(model, one.view(), workspace);
          same[i] += got.size() == want.size() && same_bytes(got.data(), want.data(), want.size() * sizeof(float));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int const n : same) compared += n;
    CHECK(same == std::vector<int>(count, runs));
  });
  std::cout << "models, " << count << " threads: " << compared << " results compared\n";
  REQUIRE(compared == 6 * count * runs);
}

TEST_CASE("shift_cnn: at full size the workspace is at most three of its widest activations", "[models]") {
  state_dict weights;
  for (auto const& [name, shape] : tensors_of({"cnn", "none", 768, 0, 4})) {
    weights.add_owned(name, shape, std::vector<float>(count_of(shape)));
  }
  index_t const size = shift_cnn<float>(weights).workspace_size({1, 374, 768});
  std::cout << "shift_cnn at [1, 374, 768]: workspace of " << size << " elements\n";
  CHECK(size <= 3 * 374 * 3072);
}

TEST_CASE("Models: n_div 0 is the baseline, bit for bit, and a shift is another model", "[models]") {
  example<float> const one;
  auto const check = [&]<class Model>(std::type_identity<Model>, model_sizes const& kind) {
    auto const weights = seeded_weights<float>(kind, 6);
    model_shift none = Model::paper, some = Model::paper;
    none.n_div = 0;
    some.n_div = 4;  // 1/16 of 12 channels would be none
    auto const plain = logits<float>(Model(weights, Model::baseline), one.view());
    CHECK(logits<float>(Model(weights, none), one.view()) == plain);
    CHECK(logits<float>(Model(weights, some), one.view()) != plain);
  };
  check(std::type_identity<shift_cnn<float>>(), sizes("cnn"));
  check(std::type_identity<shift_lstm<float>>(), sizes("shift_lstm"));
  check(std::type_identity<shiftformer<float>>(), sizes("shiftformer"));
  check(std::type_identity<shiftformer<float>>(), sizes("transformer", "relative_key_query"));
}

TEST_CASE("shift_cnn: the shift stands in the last block, and nowhere else", "[models]") {
  // Blocks whose second pointwise convolution is zero leave their skip connection, shifted once.
  state_dict weights;
  for (auto const& [name, shape] : tensors_of(sizes("cnn"))) {
    bool const zero = name.find(".sequential.6.") != name.npos;
    weights.add_owned(name, shape, zero ? std::vector<float>(count_of(shape)) : seeded<float>(name, shape, 8));
  }
  auto const values = [&](char const* name) { return tshift::weights::read_as<float>(*weights.find(name)); };
  example<float> const one;
  std::vector<float> moved(one.x.size()), mean(24), want(8);
  tensor_view<float> const z(moved.data(), {2, longest, 12}, tshift::layout::ntc, one.lengths);
  tensor_view<float> const pooled(mean.data(), {2, 1, 12});
  tshift::shift(one.view(), z, tshift::presets::shiftser(12, 4));
  tshift::nn::layer_norm<float>(values("norm.weight"), values("norm.bias")).forward(z, z);
  tshift::nn::mean_pool<float>(z, pooled);
  tshift::nn::linear<float>(12, 4, values("head.weight"), values("head.bias"))
      .forward(pooled, tensor_view<float>(want.data(), {2, 1, 4}));
  shift_cnn<float> const model(weights, {4, tshift::direction::delay, 1, placement::skip});
  CHECK(logits<float>(model, one.view()) == want);
}

TEST_CASE("Models read their sizes off the tensors", "[models]") {
  shiftformer<float> const relative(seeded_weights<float>(sizes("transformer", "relative_key"), 7));
  shiftformer<float> const absolute(seeded_weights<float>(sizes("transformer", "absolute"), 7));
  shiftformer<float> const plain(seeded_weights<float>(sizes("shiftformer"), 7));
  CHECK(relative.attends());
  CHECK(relative.longest() == longest);
  CHECK(absolute.longest() == longest);
  CHECK_FALSE(plain.attends());
  CHECK(plain.longest() == -1);
  CHECK(plain.channels() == 12);
  CHECK(plain.classes() == 4);
  // One direction only, and a hidden size of its own.
  state_dict weights;
  for (auto const& [name, shape] :
       std::vector<std::pair<std::string, std::vector<index_t>>>{{"rnn.weight_ih_l0", {20, 7}},
                                                                 {"rnn.weight_hh_l0", {20, 5}},
                                                                 {"rnn.bias_ih_l0", {20}},
                                                                 {"rnn.bias_hh_l0", {20}},
                                                                 {"norm.weight", {5}},
                                                                 {"norm.bias", {5}},
                                                                 {"head.weight", {3, 5}},
                                                                 {"head.bias", {3}}}) {
    weights.add_owned(name, shape, seeded<float>(name, shape, 8));
  }
  shift_lstm<float> const single(weights);
  CHECK(single.channels() == 7);
  CHECK(single.classes() == 3);
}
