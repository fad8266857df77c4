// SPDX-License-Identifier: MIT
// vertical_vit: a student does not know the order of columns, and a teacher does; batches are their images one by one,
// what is past a length, shifts, and what it refuses. Its numbers: golden/golden_neighbours_test.cpp.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <tshift/models/vertical_vit.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/nn_cases.hpp"
#include "../support/seeded_neighbours.hpp"

namespace {

using namespace test_support;
using tshift::vertical_vit_options;
using tshift::models::vertical_vit;
using tshift::weights::state_dict;

vit_sizes small(bool teacher) {
  vit_sizes s;
  s.teacher = teacher;
  s.rows = 10;
  s.width = 12;
  s.heads = 3;
  s.depth_of_head = 5;
  s.hidden = 20;
  s.layers = 2;
  s.classes = 3;
  return s;
}

vertical_vit_options with_heads(index_t heads) {
  vertical_vit_options options;
  options.heads = heads;
  return options;
}

template <class T>
std::vector<T> logits(vertical_vit<T> const& model, tensor_view<T const> const& x) {
  std::vector<T> y(static_cast<std::size_t>(x.shape.batch * model.classes()), around_outputs<T>);
  exact_workspace<T> workspace(model.workspace_size(x.shape));
  model.forward(x, tensor_view<T>(y.data(), {x.shape.batch, 1, model.classes()}), workspace);
  return y;
}

/// The message of a model made from a checkpoint with one change: a tensor left out, added or of another shape.
std::string message_with(vit_sizes const& sizes, std::string const& changed, std::vector<index_t> const& shape,
                         vertical_vit_options const& options = with_heads(3)) {
  state_dict weights("W.safetensors");
  for (auto const& [name, dims] : tensors_of(sizes)) {
    if (name == changed && shape.empty()) continue;
    auto const& now = name == changed ? shape : dims;
    weights.add_owned(name, now, std::vector<float>(count_of(now), 1.f), 64);
  }
  if (!weights.contains(changed) && !shape.empty()) {
    weights.add_owned(changed, shape, std::vector<float>(count_of(shape), 1.f), 64);
  }
  return message_of([&] { vertical_vit<float>(weights, options); });
}

}  // namespace

TEST_CASE("vertical_vit: a student's logits do not change where columns change places, a teacher's do",
          "[models][vertical_vit]") {
  constexpr index_t W = 15, H = 10;
  auto const x = seeded<double>("x", {1, W, H}, 7);
  std::vector<double> mixed;
  for (index_t column = 0; column < W; ++column) {
    auto const from = x.begin() + column * 4 % W * H;
    mixed.insert(mixed.end(), from, from + H);
  }
  auto const difference = [&](bool teacher, bool mean, bool shifted) {
    vertical_vit_options options = with_heads(3);
    options.mean = mean;
    if (shifted) options.shift = {4, tshift::direction::both, 1, placement::branch};
    vertical_vit<double> const model(seeded_neighbour<double>(small(teacher), 6), options);
    auto const a = logits<double>(model, {x.data(), {1, W, H}}), b = logits<double>(model, {mixed.data(), {1, W, H}});
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a[i] - b[i]));
    return worst;
  };
  for (bool const mean : {false, true}) {
    CHECK(difference(false, mean, false) <= 1e-13);
    CHECK(difference(false, mean, true) > 1e-3);
    CHECK(difference(true, mean, false) > 1e-3);
  }
}

TEST_CASE("vertical_vit: a batch is its images one by one, bit for bit, and padding is not read",
          "[models][vertical_vit]") {
  constexpr index_t N = 35, W = 8, H = 10;  // more than are computed together
  for (bool const teacher : {false, true}) {
    for (bool const mean : {false, true}) {
      vertical_vit_options options = with_heads(3);
      options.mean = mean;
      options.shift = {4, tshift::direction::delay, 1, placement::both};
      vertical_vit<float> const model(seeded_neighbour<float>(small(teacher), 6), options);
      auto x = seeded<float>("x", {N, W, H}, 7);
      std::vector<index_t> lengths;
      for (index_t n = 0; n < N; ++n) {
        lengths.push_back(teacher ? 2 + n % 7 : n % 9);
        std::fill(x.begin() + (n * W + lengths.back()) * H, x.begin() + (n + 1) * W * H,
                  std::numeric_limits<float>::quiet_NaN());
      }
      auto const all = logits<float>(model, {x.data(), {N, W, H}, tshift::layout::ntc, lengths});
      CHECK(std::all_of(all.begin(), all.end(), [](float value) { return std::isfinite(value); }));
      for (index_t n = 0; n < N; ++n) {
        tshift::shape const one{1, lengths[static_cast<std::size_t>(n)], H};
        auto const alone = logits<float>(model, {x.data() + n * W * H, one});
        CHECK(std::equal(alone.begin(), alone.end(), all.begin() + n * model.classes()));
      }
    }
  }
}

TEST_CASE("vertical_vit: patches that do not lie in one run of memory give the same", "[models][vertical_vit]") {
  for (bool const teacher : {false, true}) {
    vit_sizes sizes = small(teacher);
    sizes.patch_width = 2;
    vertical_vit_options options = with_heads(3);
    options.patch_width = 2;
    vertical_vit<float> const model(seeded_neighbour<float>(sizes, 6), options);
    auto const x = seeded<float>("x", {2, 6, 10}, 7);
    std::vector<float> wide(2 * 6 * 13, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < x.size(); ++i) wide[i / 10 * 13 + 3 + i % 10] = x[i];
    tensor_view<float const> const part = tensor_view<float const>(wide.data(), {2, 6, 13}).slice_channels(3, 10);
    CHECK(logits<float>(model, part) == logits<float>(model, {x.data(), {2, 6, 10}}));
  }
}

TEST_CASE("vertical_vit reads a training loop's checkpoint, whose other tensors are not its own",
          "[models][vertical_vit]") {
  auto const x = seeded<float>("x", {2, 6, 10}, 7);
  tensor_view<float const> const view(x.data(), {2, 6, 10});
  for (bool const teacher : {false, true}) {
    auto const weights = seeded_neighbour<float>(small(teacher), 6);
    state_dict checkpoint("W.safetensors");
    checkpoint.add_owned("CE", {1}, std::vector<float>{0.1f});
    for (tshift::weights::tensor each : weights) {
      each.name.insert(0, "model_state_dict.");
      checkpoint.add(each);
    }
    checkpoint.add_owned("optimizer_state_dict.step", {1}, std::vector<std::int64_t>{3});
    vertical_vit<float> const model(checkpoint, with_heads(3));
    CHECK(model.is_teacher() == teacher);
    CHECK(logits<float>(model, view) == logits<float>(vertical_vit<float>(weights, with_heads(3)), view));
    checkpoint.add_owned("model_state_dict.extra", {1}, std::vector<float>{1.f}, 64);
    CHECK(message_of([&] { vertical_vit<float>(checkpoint, with_heads(3)); }) ==
          "vertical_vit: tensor model_state_dict.extra is not part of the model (W.safetensors, byte 64)");
    checkpoint.add_owned("student.cls_token", {1}, std::vector<float>{1.f}, 68);
    CHECK(message_of([&] { vertical_vit<float>(checkpoint, with_heads(3)); }) ==
          "vertical_vit: model_state_dict.cls_token and student.cls_token are of two models (W.safetensors, byte 68)");
  }
}

TEST_CASE("vertical_vit: without an output projection there is one head, as wide as a token",
          "[models][vertical_vit]") {
  vit_sizes sizes = small(false);
  sizes.width = 128;  // two heads of 64 channels, if they had a projection
  sizes.heads = 1;
  sizes.depth_of_head = 128;
  auto const weights = seeded_neighbour<float>(sizes, 6);
  auto const x = seeded<float>("x", {2, 6, 10}, 7);
  tensor_view<float const> const view(x.data(), {2, 6, 10});
  vertical_vit<float> const model(weights);
  CHECK(model.heads() == 1);
  CHECK(logits<float>(model, view) == logits<float>(vertical_vit<float>(weights, with_heads(1)), view));
  CHECK(message_of([&] { vertical_vit<float>(weights, with_heads(2)); }) ==
        "vertical_vit: 2 heads without an output projection, must be 1");
  sizes.heads = 2;
  sizes.depth_of_head = 64;
  CHECK(vertical_vit<float>(seeded_neighbour<float>(sizes, 6)).heads() == 2);
}

TEST_CASE("vertical_vit refuses what does not fit", "[models][vertical_vit][errors]") {
  std::string const at = " (W.safetensors, byte 64)", layer = "transformer.layers.1.";
  vit_sizes const student = small(false), teacher = small(true);
  CHECK(message_with(student, "", {}).empty());
  CHECK(message_with(teacher, "", {}).empty());
  CHECK(message_with(student, "cls_token", {}) == "vertical_vit: no tensor cls_token in W.safetensors");
  CHECK(message_with(student, "cls_token", {1, 2, 12}) ==
        "vertical_vit: cls_token is [1, 2, 12], must be [1, 1, 12]" + at);
  CHECK(message_with(student, "to_patch_embedding.2.weight", {12, 9}) ==
        "vertical_vit: to_patch_embedding.2.weight is [12, 9], must be [12, 10]" + at);
  CHECK(message_with(teacher, "conv_stem.6.weight", {64, 31, 3, 3}) ==
        "vertical_vit: conv_stem.6.weight is [64, 31, 3, 3], must be [64, 32, 3, 3]" + at);
  CHECK(message_with(teacher, "conv_stem.15.weight", {}) ==
        "vertical_vit: conv_stem ends in 16 channels, must end in 1");
  CHECK(message_with(student, layer + "0.to_out.0.weight", {}) ==
        "vertical_vit: no " + layer + "0.to_out.0.weight, but heads of 15 channels together, must be 12");
  CHECK(message_with(student, layer + "0.to_qkv.weight", {44, 12}) ==
        "vertical_vit: " + layer + "0.to_qkv.weight has 44 rows, must be a multiple of 3");
  CHECK(message_with(student, layer + "1.net.4.bias", {11}) ==
        "vertical_vit: " + layer + "1.net.4.bias is [11], must be [12]" + at);
  CHECK(message_with(student, "extra", {1}) == "vertical_vit: tensor extra is not part of the model" + at);
  CHECK(message_with(student, "", {}, {}) ==
        "vertical_vit: 15 channels, must be heads of 64, or the number of heads be given");
  for (index_t const heads : {-3, 2, 16}) {
    CHECK(message_with(student, "", {}, with_heads(heads)) ==
          "vertical_vit: 15 channels, must be 1 or more for each of " + std::to_string(heads) + " heads");
  }
  vit_sizes uneven = student;
  uneven.depth_of_head = 32;
  CHECK(message_with(uneven, "", {}, {}) ==
        "vertical_vit: 96 channels, must be heads of 64, or the number of heads be given");
  vertical_vit_options options = with_heads(3);
  options.patch_width = 3;
  CHECK(message_with(student, "", {}, options) ==
        "vertical_vit: patches of 10 elements, must be 1 planes of 3 columns and 0 rows (0: any)");
  options.patch_width = 2;
  options.patch_height = 4;
  CHECK(message_with(student, "", {}, options) ==
        "vertical_vit: patches of 10 elements, must be 1 planes of 2 columns and 4 rows (0: any)");
  options.patch_height = 5;
  CHECK(message_with(student, "", {}, options).empty());
  options.shift = {4, tshift::direction::delay, 1, placement::branch};
  CHECK(message_with(student, "", {}, options) ==
        "vertical_vit: a shift of patches of 5 rows, must be of whole columns");
  options = with_heads(3);
  options.coordinates = static_cast<tshift::pixel_coordinates>(2);
  CHECK(message_with(student, "", {}, options) == "vertical_vit: coordinates = 2, must be named");

  vit_sizes sizes = student;
  sizes.patch_width = 2;
  sizes.patch_height = 5;
  options = with_heads(3);
  options.patch_width = 2;
  options.patch_height = 5;
  vertical_vit<float> const whole(seeded_neighbour<float>(student, 6), with_heads(3));
  vertical_vit<float> const parts(seeded_neighbour<float>(sizes, 6), options);
  CHECK(whole.channels() == 10);
  CHECK(parts.channels() == -1);
  std::vector<float> memory(2000, 1.f), workspace(100000);
  auto const before = memory;
  index_t const odd[] = {4, 3};
  auto const refused = [&](vertical_vit<float> const& model, tshift::shape const& x, tshift::shape const& y,
                           std::span<index_t const> lengths = {}) {
    auto const text = message_of([&] {
      model.forward(tensor_view<float const>(memory.data(), x, tshift::layout::ntc, lengths),
                    tensor_view<float>(memory.data() + 1500, y), workspace);
    });
    CHECK(memory == before);
    return text;
  };
  CHECK(refused(whole, {2, 4, 11}, {2, 1, 3}) == "vertical_vit: x has 11 channels, must have 10");
  CHECK(refused(whole, {2, 4, 10}, {2, 1, 4}) == "vertical_vit: y has 4 channels, must have 3");
  CHECK(refused(whole, {2, 4, 10}, {2, 2, 3}) == "vertical_vit: y is [2, 2], must be [2, 1]");
  CHECK(refused(parts, {2, 4, 12}, {2, 1, 3}) == "vertical_vit: x has 12 rows, must be a multiple of the patches' 5");
  CHECK(refused(parts, {2, 5, 10}, {2, 1, 3}) ==
        "vertical_vit: image 0 has 5 columns, must be a multiple of the patches' 2");
  CHECK(refused(parts, {2, 4, 15}, {2, 1, 3}, odd) ==
        "vertical_vit: image 1 has 3 columns, must be a multiple of the patches' 2");
  constexpr index_t large = index_t{1} << 33;
  CHECK(message_of([&] {
          (void)parts.workspace_size({1, large, 5 * large});
        }) == "vertical_vit: the product of the sizes must fit in 2^63 - 1");
  // What the feature's view is refused for.
  auto const of_feature = [&](tshift::shape const& feature, index_t apart = 1500) {
    auto const text = message_of([&] {
      whole.forward_both(tensor_view<float const>(memory.data(), {2, 4, 10}),
                         tensor_view<float>(memory.data() + apart, feature),
                         tensor_view<float>(memory.data() + 1700, {2, 1, 3}), workspace);
    });
    CHECK(memory == before);
    return text;
  };
  CHECK(of_feature({2, 1, 11}) == "vertical_vit: feature has 11 channels, must have 12");
  CHECK(of_feature({2, 2, 12}) == "vertical_vit: feature is [2, 2], must be [2, 1]");
  CHECK(of_feature({2, 1, 12}, 70) == "vertical_vit: x and feature overlap in memory, must share no element");
  CHECK(of_feature({2, 1, 12}, 1680) == "vertical_vit: feature and y overlap in memory, must share no element");
  // An axis of one pixel has no coordinates.
  vertical_vit<float> const knowing(seeded_neighbour<float>(teacher, 6), with_heads(3));
  index_t const narrow[] = {0, 1};
  CHECK(refused(knowing, {2, 4, 10}, {2, 1, 3}, narrow) ==
        "vertical_vit: image 1 is 1 x 10, a teacher's must be 2 x 2 or larger");
  CHECK(refused(whole, {2, 4, 10}, {2, 1, 4}, narrow) == "vertical_vit: y has 4 channels, must have 3");
}
