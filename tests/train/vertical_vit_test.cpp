// SPDX-License-Identifier: MIT
// train::vertical_vit: students and teachers, features and logits, patches of several columns and of some rows, one
// head without a projection, mean pooling, shifts, more images than go through it together; images without columns.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/models/vertical_vit.hpp>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/vertical_vit.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;
using tshift::direction;
using tshift::model_shift;
using tshift::vertical_vit_options;
using tshift::train::vertical_vit_sizes;

constexpr index_t high = 6;

struct setting {
  vertical_vit_sizes sizes{
      .rows = high, .width = 8, .layers = 2, .inner = 6, .hidden = 10, .classes = 3, .projects = true, .stem = {}};
  vertical_vit_options options{.heads = 3};
};

setting with(void (*change)(setting&)) {
  setting how;
  change(how);
  return how;
}

auto model_of(setting const& how) {
  return [how]<class T>(T, parameter_table& table) {
    return tshift::train::vertical_vit<T>(table, how.sizes, how.options);
  };
}
auto trunk_of(setting const& how) {
  return [how]<class T>(T, parameter_table& table) {
    return tshift::train::vertical_vit_trunk<T>(table, how.sizes, how.options);
  };
}

std::vector<setting> students() {
  return {
      setting(),
      with([](setting& s) { s.options.mean = true; }),
      with([](setting& s) { s.options.patch_width = 2; }),
      with([](setting& s) { s.options.patch_height = 2; }),
      with([](setting& s) { s.options.patch_width = 2, s.options.patch_height = 3, s.options.mean = true; }),
      with([](setting& s) { s.options.heads = 1, s.sizes.inner = 8, s.sizes.projects = false; }),
      with([](setting& s) { s.options.heads = 1, s.sizes.inner = 5; }),
      with([](setting& s) { s.sizes.layers = 0; }),
      with([](setting& s) {
        s.options.shift = {4, direction::both, 1, placement::branch};
      }),
      with([](setting& s) {
        s.options.shift = {4, direction::delay, 2, placement::skip};
      }),
      with([](setting& s) {
        s.options.shift = {2, direction::both, 1, placement::both, tshift::padding::circular};
      }),
      with([](setting& s) {
        s.options.shift = {4, direction::both, 1, placement::both, tshift::padding::edge};
      }),
  };
}

std::vector<setting> teachers() {
  auto const teacher = [](setting& s) { s.sizes.stem = {3, 4, 1}; };
  std::vector<setting> all(5);
  for (setting& each : all) teacher(each);
  all[1].options.mean = true;
  all[2].options.patch_width = 2;
  all[3].options.patch_width = 2, all[3].options.patch_height = 3;
  all[4].options.coordinates = tshift::pixel_coordinates::corrected, all[4].sizes.stem = {1};
  return all;
}

train_draw drawn(setting const& how, index_t batch, index_t columns) {
  return {.dims = {batch, columns, high},
          .shifts = false,
          .zero_slope = how.sizes.layers == 0 && !how.options.mean,  // token 0 sees no column
          .allowed_slope = 1e-5,
          .allowed_float = 1e-4,
          .unit = how.options.patch_width,
          .shortest = how.sizes.stem.empty() ? 1 : 2,  // of a teacher's images
          .rounding_from = "conv_stem.",
          .rounding = ".bias"};  // the norm behind it takes it away again
}

/// What a checkpoint of a model says of its sizes.
vertical_vit_sizes sizes_from(setting const& how, index_t rows, vertical_vit_options const& options = {}) {
  parameter_table table;
  model_of(how)(float(), table);
  std::vector<float> const values(static_cast<std::size_t>(table.size()));
  return tshift::train::vertical_vit_sizes_of(tshift::train::state_dict_of<float>(table, values), options, rows);
}

/// Logits and features of inference from the same values.
template <class T>
void check_inference(setting const& how, double allowed, index_t& ran) {
  parameter_table table;
  auto model = model_of(how)(T(), table);
  random_bits random(7);
  auto const values = uniform<T>(table.size(), random, 0.3);
  model.pack(std::span<T const>(values));
  index_t const lengths[] = {8, 2, 4}, N = 3, K = how.sizes.classes, D = how.sizes.width;
  tshift::shape const dims{N, 8, high};
  auto const x = uniform<T>(dims.size(), random);
  tensor_view<T const> const in(x, dims, tshift::layout::ntc, lengths);
  std::vector<T> y(static_cast<std::size_t>(N * K)), saved = model.make_saved(dims), room = model.make_workspace(dims);
  model.forward(here_for<T>(), in, tensor_view<T>(y, {N, 1, K}), saved, room);
  tshift::models::vertical_vit<T> const inference(tshift::train::state_dict_of<T>(table, values), how.options);
  std::vector<T> want(y.size()), feature(static_cast<std::size_t>(N * D)), space = inference.make_workspace(dims);
  inference.forward_both(in, tensor_view<T>(feature, {N, 1, D}), tensor_view<T>(want, {N, 1, K}), space);
  tensor_view<T const> const kept = model.feature(dims, saved);
  std::vector<T> const got(kept.data, kept.data + kept.size());
  CHECK(relative_distance(y, want) <= allowed);
  CHECK(relative_distance(got, feature) <= allowed);
  CHECK(std::all_of(y.begin(), y.end(), [](T v) { return std::isfinite(v); }));
  ++ran;
}

}  // namespace

TEST_CASE("train::vertical_vit: gradients are slopes, and bits depend on nothing", "[train][vertical_vit]") {
  train_totals sum;
  std::uint64_t seed = 11;
  for (setting const& how : students()) check_training(model_of(how), drawn(how, 4, 8), seed++, sum);
  for (setting const& how : teachers()) check_training(model_of(how), drawn(how, 3, 8), seed++, sum);
  auto const flat = with([](setting& s) { s.sizes.layers = 1; });
  check_training(model_of(flat), drawn(flat, 35, 2), seed++, sum);  // more than go through it together
  sum.print("vertical_vit");
  REQUIRE(sum.cases == 18);
  REQUIRE(sum.gradients == 588);
}

TEST_CASE("train::vertical_vit: the feature alone", "[train][vertical_vit]") {
  train_totals sum;
  std::uint64_t seed = 51;
  auto const some = students(), others = teachers();  // all of them are in the case above
  for (std::size_t const i : {0U, 1U, 4U, 10U}) check_training(trunk_of(some[i]), drawn(some[i], 4, 8), seed++, sum);
  for (std::size_t const i : {0U, 3U}) check_training(trunk_of(others[i]), drawn(others[i], 3, 8), seed++, sum);
  sum.print("vertical_vit, feature");
  REQUIRE(sum.cases == 6);
  REQUIRE(sum.gradients == 4 * 32 + 2 * 35);
}

TEST_CASE("train::vertical_vit: the bits of inference, or its numbers", "[train][vertical_vit]") {
  index_t ran = 0;
  for (setting const& how : students()) {
    check_inference<float>(how, 0, ran);
    check_inference<double>(how, 0, ran);
  }
  for (setting const& how : teachers()) {
    check_inference<float>(how, 0, ran);
    check_inference<double>(how, 0, ran);
  }
  // Of many channels inference has a faster algorithm for the stem.
  auto const released = with([](setting& s) { s.sizes.stem = vertical_vit_sizes::released_stem(); });
  check_inference<float>(released, 2e-6, ran);
  check_inference<double>(released, 1e-14, ran);
  REQUIRE(ran == 36);
}

TEST_CASE("train::vertical_vit: gradients of feature and logits together", "[train][vertical_vit]") {
  using T = double;
  parameter_table table;
  auto const how = drawn(setting(), 4, 8);
  auto const one = draw<T>(table, model_of(setting())(T(), table), how, 71);
  index_t const N = 4, D = one.block.features();
  random_bits random(72);
  auto const df = uniform<T>(N * D, random);
  tensor_view<T const> const dfeature(df, {N, 1, D}), none;
  auto here = here_for<T>();
  auto const logits = one.all(here);
  auto const both = [&](tensor_view<T const> const& above, tensor_view<T const> const& dy, auto&& exec) {
    typename std::remove_cvref_t<decltype(one)>::result r;
    one.forward(here, one.input(), r);
    r.dx.resize(one.x.size());
    r.gradients.resize(one.values.size());
    auto room = one.block.make_workspace(one.dims);
    one.block.backward_both(exec, one.view(one.x, one.dims), r.saved, above, dy, tensor_view<T>(r.dx, one.dims),
                            r.gradients, room);
    return r;
  };
  tensor_view<T const> const dy = one.view(one.dy, one.out);
  auto const sum = both(dfeature, dy, here), feature = both(dfeature, none, here);
  auto const threads = both(dfeature, dy, any_executor(thread_executor{3}));
  CHECK(equal_bits(threads.dx, sum.dx));
  CHECK(equal_bits(threads.gradients, sum.gradients));
  std::vector<T> added = logits.gradients, added_dx = logits.dx;
  for (std::size_t i = 0; i < added.size(); ++i) added[i] += feature.gradients[i];
  for (std::size_t i = 0; i < added_dx.size(); ++i) added_dx[i] += feature.dx[i];
  CHECK(relative_distance(sum.gradients, added) <= 1e-14);
  CHECK(relative_distance(sum.dx, added_dx) <= 1e-14);
  // What the trunk alone says of the feature; the head has no gradient then.
  auto const* const head = table.find("mlp_head.weight");
  REQUIRE(head != nullptr);
  for (std::size_t i = static_cast<std::size_t>(head->offset); i < feature.gradients.size(); ++i) {
    CHECK(feature.gradients[i] == 0);
  }
  CHECK(l2(feature.gradients) > 0);
}

TEST_CASE("train::vertical_vit: sizes of a checkpoint", "[train][vertical_vit]") {
  for (setting const& how : {students()[0], students()[5], students()[4], teachers()[0], teachers()[3]}) {
    parameter_table table, again;
    model_of(how)(float(), table);
    std::vector<float> const values(static_cast<std::size_t>(table.size()), 0.5F);
    auto const dict = tshift::train::state_dict_of<float>(table, values);
    auto const sizes = tshift::train::vertical_vit_sizes_of(dict, how.options, high);
    tshift::train::vertical_vit<float>(again, sizes, how.options);
    std::vector<float> read(static_cast<std::size_t>(again.size()));
    tshift::train::read_values<float>(again, dict, read);
    CHECK(read == values);
    CHECK(sizes.stem == how.sizes.stem);
    CHECK(sizes.projects == how.sizes.projects);
    // Behind a prefix, beside what is of no model.
    tshift::weights::state_dict prefixed;
    for (tshift::weights::tensor each : dict) {
      each.name.insert(0, "model_state_dict.");
      prefixed.add(each);
    }
    prefixed.add_owned("CE", {1}, std::vector<float>{2});
    CHECK(tshift::train::vertical_vit_sizes_of(prefixed, how.options, high).inner == sizes.inner);
    std::fill(read.begin(), read.end(), 0.0F);
    tshift::train::read_values<float>(again, prefixed, read);
    CHECK(read == values);
  }
  auto const without = with([](setting& s) { s.sizes.layers = 0; });
  CHECK(sizes_from(without, high).layers == 0);
  auto const refused = [](setting const& how, vertical_vit_options const& options, index_t rows) {
    return message_of([&] { sizes_from(how, rows, options); });
  };
  CHECK(refused(setting(), {.patch_width = 4}, high) ==
        "vertical_vit: patches of 6 elements, must be 1 planes of 4 columns");
  CHECK(refused(setting(), {.patch_width = 0}, high) ==
        "vertical_vit: patches of 6 elements, must be 1 planes of 0 columns");
  CHECK(refused(students()[3], {.patch_height = 2}, 0) == "vertical_vit: an image of 0 rows, must be 1 or more");
}

TEST_CASE("train::vertical_vit: refuses", "[train][vertical_vit]") {
  auto const refused = [](void (*change)(setting&)) {
    return message_of([&] {
      parameter_table table;
      model_of(with(change))(float(), table);
    });
  };
  CHECK(refused([](setting&) {}) == "");
  CHECK(refused([](setting& s) { s.options.heads = 4; }) ==
        "vertical_vit: 6 channels, must be 1 or more for each of 4 heads");
  CHECK(refused([](setting& s) { s.sizes.projects = false; }) ==
        "vertical_vit: heads of 6 channels together without a projection, must be 8");
  CHECK(refused([](setting& s) {
          s.sizes.stem = {3, 2};
        }) == "vertical_vit: the stem ends in 2 channels, must end in 1");
  CHECK(refused([](setting& s) { s.options.coordinates = static_cast<tshift::pixel_coordinates>(3); }) ==
        "vertical_vit: coordinates = 3, must be named");
  CHECK(refused([](setting& s) { s.options.patch_height = 4; }) ==
        "vertical_vit: patches of 1 columns and 4 rows, must be 1 or more, and divide the 6 rows");
  CHECK(refused([](setting& s) { s.options.patch_width = 0; }) ==
        "vertical_vit: patches of 0 columns and 6 rows, must be 1 or more, and divide the 6 rows");
  CHECK(refused([](setting& s) {
          s.options.patch_height = 2, s.options.shift = {4, direction::both, 1, placement::branch};
        }) == "vertical_vit: a shift of patches of 2 rows, must be of whole columns");

  parameter_table table;
  auto const model = model_of(with([](setting& s) { s.options.patch_width = 2, s.sizes.stem = {1}; }))(float(), table);
  std::vector<float> x(4 * 4 * high), y(12), gradients(static_cast<std::size_t>(table.size()));
  auto const forward = [&](tshift::shape const& dims, std::vector<index_t> const& lengths) {
    return message_of([&] {
      auto saved = model.make_saved(dims), room = model.make_workspace(dims);
      tensor_view<float const> const in(x.data(), dims, tshift::layout::ntc, lengths);
      model.forward(in, tensor_view<float>(y.data(), {dims.batch, 1, 3}), saved, room);
    });
  };
  CHECK(forward({2, 4, high}, {4, 3}) == "vertical_vit: image 1 has 3 columns, must be a multiple of the patches' 2");
  CHECK(forward({2, 4, high}, {4, 0}) == "");
  CHECK(forward({2, 4, high - 1}, {}) == "vertical_vit: x has 5 channels, must have 6");
  auto const shifted = tshift::shifted(tensor_view<float const>(x.data(), {1, 4, high}), shift_plan(high, {{0, 1, 1}}));
  auto saved = model.make_saved({1, 4, high}), room = model.make_workspace({1, 4, high});
  CHECK(message_of([&] {
          model.forward(shifted, tensor_view<float>(y.data(), {1, 1, 3}), saved, room);
        }) == "vertical_vit: x is shifted; a model has its own shift");
  CHECK(message_of([&] {
          (void)model.feature({1, 4, high}, std::span<float const>(saved).first(3));
        }).starts_with("vertical_vit: saved has 3 elements, must be >= "));
  constexpr index_t far = index_t{1} << (tshift::detail::index_bits > 40 ? 40 : 20);
  std::string const large =
      "vertical_vit: the product of the sizes must fit in 2^" + std::to_string(tshift::detail::index_bits) + " - 1";
  CHECK(message_of([&] { (void)model.saved_size({2, far, far}); }) == large);
  CHECK(message_of([&] { (void)model.workspace_size({2, far, far}); }) == large);

  tshift::shape const two{2, 4, high};
  auto kept = model.make_saved(two), space = model.make_workspace(two);
  auto const both = [&](tshift::shape const& of_feature, tshift::shape const& of_logits, std::size_t elements) {
    std::vector<float> const df(static_cast<std::size_t>(of_feature.size())), dy(12);
    return message_of([&] {
      model.backward_both(tensor_view<float const>(x.data(), two), kept, tensor_view<float const>(df, of_feature),
                          tensor_view<float const>(dy.data(), of_logits), {}, gradients,
                          std::span(space).first(elements));
    });
  };
  CHECK(both({2, 1, 8}, {2, 1, 3}, space.size()) == "");
  CHECK(both({2, 2, 8}, {2, 1, 3}, space.size()) == "vertical_vit: dfeature is [2, 2], must be [2, 1]");
  CHECK(both({2, 1, 7}, {2, 1, 3}, space.size()) == "vertical_vit: dfeature has 7 channels, must have 8");
  CHECK(both({2, 1, 8}, {2, 1, 4}, space.size()) == "vertical_vit: dy has 4 channels, must have 3");
  CHECK(both({2, 1, 8}, {2, 1, 3}, 5).starts_with("vertical_vit: workspace has 5 elements, must be >= "));
}
