// SPDX-License-Identifier: MIT
// train/checkpoint.hpp: values from a checkpoint and into one, for every model; refusals; and a batch that is learned by
// heart from it.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/clip.hpp>
#include <tshift/train/loss.hpp>
#include <tshift/train/optimiser.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/seeded.hpp"

namespace {

using test_support::message_of;
using test_support::model_sizes;
using tshift::index_t;
using tshift::tensor_view;
using tshift::weights::state_dict;
namespace train = tshift::train;

constexpr index_t width = 12, classes = 3, longest = 9;

/// Of every kind; relative_key_query is the Transformer with a table of distances.
std::vector<model_sizes> all_models() {
  return {{"cnn", "none", width, 0, classes},
          {"lstm", "none", width, 0, classes},
          {"shift_lstm", "none", width, 0, classes},
          {"shiftformer", "none", width, 0, classes},
          {"shiftformer", "absolute", width, longest, classes},
          {"transformer", "absolute", width, longest, classes},
          {"transformer", "relative_key_query", width, longest, classes}};
}

/// body(trained model, its table) for what a checkpoint holds.
template <class Body>
void with_model(model_sizes const& of, state_dict const& weights, Body const& body) {
  train::parameter_table table;
  tshift::model_shift const shift{.n_div = 4, .towards = tshift::direction::both, .where = tshift::placement::both};
  if (of.kind == "cnn") {
    train::shift_cnn<float> model(table, train::shift_cnn_sizes_of(weights), shift);
    return body(model, table);
  }
  if (of.kind == "lstm" || of.kind == "shift_lstm") {
    train::shift_lstm<float> model(table, train::shift_lstm_sizes_of(weights), shift);
    return body(model, table);
  }
  train::shiftformer<float> model(table, train::shiftformer_sizes_of(weights), shift);
  body(model, table);
}

}  // namespace

TEST_CASE("checkpoints: values come from one and go into one", "[train][checkpoint]") {
  std::size_t tensors = 0;
  for (model_sizes const& of : all_models()) {
    CAPTURE(of.kind, of.position);
    auto const weights = test_support::seeded_weights<float>(of, 5);
    with_model(of, weights, [&](auto&, train::parameter_table const& table) {
      std::vector<float> values(static_cast<std::size_t>(table.size()));
      train::read_values<float>(table, weights, values);
      state_dict const back = train::state_dict_of<float>(table, values);
      REQUIRE(back.size() == table.count());
      for (auto const& each : back) {
        auto const* const from = weights.find(each.name);
        REQUIRE(from != nullptr);
        CHECK(each.shape == from->shape);
        CHECK(std::ranges::equal(each.bytes, from->bytes));
        ++tensors;
      }
    });
  }
  CHECK(tensors == 120);
}

TEST_CASE("checkpoints: what does not fit is refused, and nothing is written", "[train][checkpoint]") {
  model_sizes const of = all_models()[0];
  auto const weights = test_support::seeded_weights<float>(of, 5);
  with_model(of, weights, [&](auto&, train::parameter_table const& table) {
    std::vector<float> values(static_cast<std::size_t>(table.size()), 7.0f);
    auto const refuses = [&](state_dict const& from, std::string const& sentence) {
      CHECK(message_of([&] { train::read_values<float>(table, from, values); }).find(sentence) != std::string::npos);
      CHECK(std::ranges::all_of(values, [](float v) { return v == 7.0f; }));
    };
    state_dict less, more, other;
    for (auto const& each : weights) {
      if (each.name != "head.bias") less.add(each);
      more.add(each);
      tshift::weights::tensor changed = each;
      if (each.name == "head.bias") changed.shape = {1, classes};
      other.add(changed);
    }
    more.add_owned("extra.weight", {1}, std::vector<float>{1});
    refuses(less, "head.bias");
    refuses(more, "extra.weight");
    refuses(other, "head.bias");
    std::vector<float> few(3);
    CHECK(message_of([&] {
            train::read_values<float>(table, weights, few);
          }).starts_with("read_values: values has 3 elements"));
  });
  state_dict const none;
  CHECK_THROWS_AS(train::shift_cnn_sizes_of(none), tshift::shape_error);
  CHECK_THROWS_AS(train::shift_lstm_sizes_of(none), tshift::shape_error);
  CHECK_THROWS_AS(train::shiftformer_sizes_of(none), tshift::shape_error);
}

TEST_CASE("a batch is learned by heart", "[train][checkpoint]") {
  constexpr index_t batch = 6, frames = 8;
  auto const x = test_support::seeded<float>("x", {batch, frames, width}, 3);
  std::vector<index_t> const lengths{8, 3, 8, 1, 5, 8}, labels{0, 1, 2, 2, 1, 0};
  tensor_view<float const> const in(x.data(), {batch, frames, width}, tshift::layout::ntc, lengths);
  std::size_t models = 0;
  for (model_sizes const& of : all_models()) {
    CAPTURE(of.kind, of.position);
    auto const weights = test_support::seeded_weights<float>(of, 5);
    with_model(of, weights, [&](auto& model, train::parameter_table const& table) {
      auto const size = static_cast<std::size_t>(table.size());
      std::vector<float> values(size), gradients(size), first(size), second(size), y(batch * classes), dy(y.size());
      train::read_values<float>(table, weights, values);
      tensor_view<float> const logits(y.data(), {batch, 1, classes}), slopes(dy.data(), logits.shape);
      auto saved = model.make_saved(in.shape), workspace = model.make_workspace(in.shape);
      double loss = 0;
      for (index_t step = 1; step <= 300; ++step) {
        model.pack(values);
        model.forward(in, logits, saved, workspace);
        loss = train::cross_entropy<float>(logits, labels, {}, slopes);
        std::ranges::fill(gradients, 0.0f);
        model.backward(in, saved, tensor_view<float const>(slopes), {}, gradients, workspace);
        double const factor = train::gradient_clipping<float>(table, gradients, 5).factor;
        train::adamw<float>(table, {.rate = 5e-3}, step, {values, gradients, first, second}, factor);
      }
      CHECK(loss < 1e-3);
      ++models;
    });
  }
  CHECK(models == 7);
}
