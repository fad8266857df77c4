// SPDX-License-Identifier: MIT
// train::crnn, and its halves: widths, even ones among them, with and without a body and a frame layer, every summary,
// activations, shifts, one direction and two, sequences of which the pool leaves nothing, more sequences than go
// through the LSTM together; a checkpoint whose norms are folded.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/crnn.hpp>
#include <tshift/train/crnn_checkpoint.hpp>

#include "../support/catch.hpp"
#include "../support/seeded_neighbours.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;
using tshift::activation;
using tshift::crnn_options;
using tshift::direction;
using kind = tshift::summary_kind;

struct setting {
  tshift::train::crnn_sizes sizes{.channels = 2,
                                  .bands = 9,
                                  .widths = {3},
                                  .width_bands = 3,
                                  .filters = {4},
                                  .body = {5},
                                  .body_frames = {3},
                                  .body_bands = {3},
                                  .frame = 6,
                                  .hidden = 3,
                                  .both_ways = true,
                                  .attention = 0,
                                  .head = 5,
                                  .classes = 3};
  crnn_options options;
};

setting with(void (*change)(setting&)) {
  setting how;
  how.options.image.f = activation::elu(1);
  change(how);
  return how;
}

std::vector<setting> settings() {
  return {
      with([](setting&) {}),
      with([](setting& s) {
        s.sizes.widths = {1, 4, 5}, s.sizes.filters = {2, 1, 3};
      }),
      with([](setting& s) { s.sizes.body = {}, s.sizes.body_frames = {}, s.sizes.body_bands = {}; }),
      with([](setting& s) {
        s.sizes.body = {4, 6}, s.sizes.body_frames = {2, 5}, s.sizes.body_bands = {1, 4};
      }),
      with([](setting& s) { s.sizes.frame = 0; }),
      with([](setting& s) { s.sizes.frame = 0, s.sizes.body = {}, s.sizes.body_frames = {}, s.sizes.body_bands = {}; }),
      with([](setting& s) {
        s.sizes.both_ways = false, s.options.summary = {kind::last, kind::std};
      }),
      with([](setting& s) { s.sizes.attention = 4; }),
      with([](setting& s) {
        s.sizes.attention = 3, s.options.scorer = tshift::attention_scorer::tanh;
        s.options.summary = {kind::mean, kind::attention, kind::max, kind::last};
      }),
      with([](setting& s) { s.options.image.f = activation::leaky_relu(); }),
      with([](setting& s) { s.options.image.f = activation::relu(); }),
      with([](setting& s) { s.options.image.f = activation::gelu(); }),
      with([](setting& s) { s.options.image.f = {}; }),
      with([](setting& s) {
        s.options.image.pool_time = {3, 2, 0, 0};  // windows that overlap, and leave bands out
        s.options.image.pool_bands = {2, 4, 0, 0};
      }),
      with([](setting& s) {
        s.options.image.shift = {2, direction::both, 1, placement::branch};
      }),
      with([](setting& s) {
        s.sizes.body = {4, 6}, s.sizes.body_frames = {3, 3}, s.sizes.body_bands = {3, 3};
        s.options.image.shift = {4, direction::delay, 2, placement::both, tshift::padding::edge};
        s.options.image.shifted = {2};
      }),
      with([](setting& s) {
        s.options.image.shift = {2, direction::advance, 1, placement::both, tshift::padding::circular};
      }),
  };
}

auto model_of(setting const& how) {
  return [how]<class T>(T, parameter_table& table) { return tshift::train::crnn<T>(table, how.sizes, how.options); };
}

/// A pool has a largest pixel, and that may be another one a little further on.
train_draw drawn(tshift::shape const& dims) {
  return {.dims = dims, .shifts = false, .allowed_slope = 1e-5, .allowed_float = 1e-4, .bends = true};
}

template <class T>
void check_inference(setting const& how, double allowed, index_t& ran) {
  parameter_table table;
  auto model = model_of(how)(T(), table);
  random_bits random(7);
  auto const values = uniform<T>(table.size(), random, 0.3);
  model.pack(std::span<T const>(values));
  index_t const lengths[] = {20, 1, 11, 0}, N = 4, K = how.sizes.classes;
  tshift::shape const dims{N, 20, how.sizes.channels, how.sizes.bands};
  auto const x = uniform<T>(dims.size(), random);
  tensor_view<T const> const in(x, dims, dense, lengths);
  std::vector<T> y(static_cast<std::size_t>(N * K)), saved = model.make_saved(dims), room = model.make_workspace(dims);
  model.forward(any_executor(thread_executor{2}), in, tensor_view<T>(y, {N, 1, K}), saved, room);
  tshift::models::crnn<T> const inference(tshift::train::state_dict_of<T>(table, values), how.options);
  std::vector<T> want(y.size()), space = inference.make_workspace(dims);
  inference.forward(in, tensor_view<T>(want, {N, 1, K}), space);
  for (std::size_t i = 0; i < y.size(); ++i) {
    index_t const n = static_cast<index_t>(i) / K;
    bool const none = model.steps(lengths[n]) == 0;
    CHECK(std::isnan(y[i]) == none);
    CHECK(std::isnan(want[i]) == none);
    if (none) y[i] = want[i] = T(0);
  }
  CHECK(relative_distance(y, want) <= allowed);
  ++ran;
}

}  // namespace

TEST_CASE("train::crnn: gradients are slopes, and bits depend on nothing", "[train][crnn]") {
  train_totals sum;
  std::uint64_t seed = 11;
  for (setting const& how : settings()) {
    check_training(model_of(how), drawn({3, 19, how.sizes.channels, how.sizes.bands}), seed++, sum);
  }
  check_training(model_of(settings()[0]), drawn({35, 5, 2, 9}), seed++, sum);  // more than go through it together
  sum.print("crnn");
  REQUIRE(sum.cases == 18);
  REQUIRE(sum.gradients == 344);
}

TEST_CASE("train::crnn: its halves", "[train][crnn]") {
  train_totals sum;
  std::uint64_t seed = 51;
  auto const all = settings();
  // All of them are in the case above; of each half those that are of other layers.
  for (std::size_t const i : {0U, 1U, 5U, 13U, 15U}) {
    auto const frames = [&how = all[i]]<class T>(T, parameter_table& table) {
      return tshift::train::crnn_frames<T>(table, how.sizes, how.options.image);
    };
    check_training(frames, drawn({3, 19, all[i].sizes.channels, all[i].sizes.bands}), seed++, sum);
  }
  for (std::size_t const i : {0U, 6U, 7U, 8U, 11U}) {
    auto const head = [&how = all[i]]<class T>(T, parameter_table& table) {
      return tshift::train::crnn_head<T>(table, 7, how.sizes, how.options);
    };
    train_draw of_head = drawn({3, 19, 7});
    of_head.shifts = true;
    check_training(head, of_head, seed++, sum);
  }
  sum.print("crnn, halves");
  REQUIRE(sum.cases == 10);
  REQUIRE(sum.gradients == 7 + 11 + 3 + 7 + 9 + 13 + 9 + 16 + 16 + 13);
}

TEST_CASE("train::crnn: the bits of inference, or its numbers", "[train][crnn]") {
  index_t ran = 0;
  for (setting const& how : settings()) {
    check_inference<float>(how, 0, ran);
    check_inference<double>(how, 0, ran);
  }
  // Of many channels inference has a faster algorithm for the body.
  auto const wide = with([](setting& s) { s.sizes.filters = {20}, s.sizes.body = {24}; });
  check_inference<float>(wide, 2e-6, ran);
  check_inference<double>(wide, 1e-14, ran);
  REQUIRE(ran == 36);
}

TEST_CASE("train::crnn: images that are too short", "[train][crnn]") {
  parameter_table table;
  auto const model = model_of(settings()[0])(float(), table);
  tshift::shape const dims{2, 1, 2, 9};
  std::vector<float> const x(36, 1.0F), dy(6, 1.0F);
  std::vector<float> y(6), dx(36, around_outputs<float>), gradients(static_cast<std::size_t>(table.size()), 7.0F);
  auto saved = model.make_saved(dims), room = model.make_workspace(dims);
  CHECK(model.steps(1) == 0);
  model.forward(tensor_view<float const>(x, dims, dense), tensor_view<float>(y, {2, 1, 3}), saved, room);
  CHECK(std::all_of(y.begin(), y.end(), [](float v) { return std::isnan(v); }));
  model.backward(tensor_view<float const>(x, dims, dense), saved, tensor_view<float const>(dy, {2, 1, 3}),
                 tensor_view<float>(dx, dims, dense), gradients, room);
  CHECK(dx == std::vector<float>(36, 0.0F));
  CHECK(gradients == std::vector<float>(gradients.size(), 7.0F));
}

TEST_CASE("train::crnn: a checkpoint's norms are folded", "[train][crnn]") {
  test_support::crnn_sizes of_file;
  of_file.channels = 2, of_file.bands = 9, of_file.filters = 3, of_file.frame = 6, of_file.hidden = 3;
  of_file.attention = 4, of_file.head = 5, of_file.classes = 3, of_file.summaries = 1, of_file.norm = true;
  of_file.widths = {3, 4}, of_file.body = {5}, of_file.body_taps = {3, 3};
  auto const checkpoint = seeded_neighbour<double>(of_file, 3);
  auto const sizes = tshift::train::crnn_sizes_of(checkpoint);
  CHECK(sizes.widths == std::vector<index_t>{3, 4});
  CHECK(sizes.filters == std::vector<index_t>{3, 3});
  CHECK(sizes.bands == 8);
  CHECK(sizes.attention == 4);
  parameter_table table;
  tshift::train::crnn<double> model(table, sizes);
  std::vector<double> values(static_cast<std::size_t>(table.size()));
  auto const folded = tshift::train::crnn_without_norms<double>(checkpoint);
  tshift::train::read_values<double>(table, folded, values);
  model.pack(std::span<double const>(values));
  random_bits random(3);
  tshift::shape const dims{2, 14, 2, 9};
  auto const x = uniform<double>(dims.size(), random);
  tensor_view<double const> const in(x, dims, dense);
  std::vector<double> y(6), want(6), saved = model.make_saved(dims), room = model.make_workspace(dims);
  model.forward(here_for<double>(), in, tensor_view<double>(y, {2, 1, 3}), saved, room);
  tshift::models::crnn<double> const inference(checkpoint);
  std::vector<double> space = inference.make_workspace(dims);
  inference.forward(in, tensor_view<double>(want, {2, 1, 3}), space);
  CHECK(relative_distance(y, want) <= 1e-14);
}

TEST_CASE("train::crnn: refuses", "[train][crnn]") {
  auto const refused = [](void (*change)(setting&)) {
    return message_of([&] {
      parameter_table table;
      model_of(with(change))(float(), table);
    });
  };
  CHECK(refused([](setting&) {}) == "");
  std::string const lists = "crnn: a list of sizes has too few or too many, must be one for each convolution";
  CHECK(refused([](setting& s) { s.sizes.filters = {4, 5}; }) == lists);
  CHECK(refused([](setting& s) { s.sizes.widths = {}, s.sizes.filters = {}; }) == lists);
  CHECK(refused([](setting& s) { s.sizes.body_bands = {}; }) == lists);
  CHECK(refused([](setting& s) {
          s.options.image.shift = {2, direction::both, 1, placement::skip};
        }) == "crnn: placement = skip, but there is no skip connection; must be none, branch or both");
  CHECK(refused([](setting& s) { s.options.image.shifted = {2}; }) ==
        "crnn: shift before convolution 2, the body has 1 of them, counted from 1");
  CHECK(refused([](setting& s) { s.options.summary = {kind::attention}; }) ==
        "summary: attention of width 0, must be >= 1");

  parameter_table table;
  auto const model = model_of(settings()[0])(float(), table);
  tshift::shape const dims{1, 8, 2, 7};
  std::vector<float> x(static_cast<std::size_t>(dims.size())), y(3), saved(9999), room(9999);
  CHECK(message_of([&] {
          model.forward(tensor_view<float>(x, dims, dense), tensor_view<float>(y, {1, 1, 3}), saved, room);
        }) == "crnn: x has 7 bands, which are pooled to 1, must be 2");
  tensor_view<float const> const in(x, {1, 7, 2, 8}, dense);
  CHECK(message_of([&] {
          model.forward(tshift::shifted(in, shift_plan(2, {{0, 1, 1}})), tensor_view<float>(y, {1, 1, 3}), saved, room);
        }) == "crnn: x is shifted; a model has its own shift");
}
