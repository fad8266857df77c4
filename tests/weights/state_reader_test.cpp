// SPDX-License-Identifier: MIT
// A model takes its tensors from a state_dict: each once, of the right shape and type, and none is left over.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/weights/state_reader.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::weights::state_dict;
using tshift::weights::state_reader;

struct refusal {
  char const* message;
  std::function<void()> call;
};

// Returns how many there were.
std::size_t check(std::vector<refusal> const& all) {
  for (refusal const& one : all) CHECK(message_of(one.call) == one.message);
  return all.size();
}

// What a small model reads, from a file and from nowhere.
state_dict weights_from(std::string source) {
  bool const file = !source.empty();
  state_dict weights(std::move(source));
  weights.add_owned("head.weight", {2, 3}, {1, 2, 3, 4, 5, 6}, file ? 128 : -1);
  weights.add_owned("head.bias", {2}, {7, 8}, file ? 152 : -1);
  weights.add_owned("position_ids", {1, 4}, std::vector<std::int64_t>(4), file ? 160 : -1);
  weights.add_owned("augment.mask", {}, {9}, file ? 192 : -1);
  weights.add_owned("augment.scale", {1}, {9}, file ? 196 : -1);
  return weights;
}

}  // namespace

TEST_CASE("A state_reader hands out every tensor once", "[state_reader]") {
  state_dict const weights = weights_from("W.safetensors");
  state_reader<float> reader("model", weights);
  CHECK(reader.has("head.bias"));
  CHECK_FALSE(reader.has("head"));
  CHECK(reader.dimension("head.weight", 0) == 2);
  CHECK(reader.dimension("head.weight", 1) == 3);
  CHECK(reader.dimension("position_ids", 1) == 4);
  auto const weight = reader.take("head.weight", {2, 3});
  CHECK(weight.size() == 6);
  CHECK(weight[5] == 6);
  CHECK(weight[0] == 1);
  CHECK(reader.take("head.bias", {2})[0] == 7);
  reader.ignore("position_ids");
  reader.ignore("not_there");
  reader.ignore("nor_this.");
  CHECK(reader.take("augment.mask", {}).size() == 1);
  reader.ignore("augment.");  // taken or not
  CHECK(message_of([&] { reader.finish(); }).empty());

  state_dict const empty;
  CHECK(message_of([&] { state_reader<float>("model", empty).finish(); }).empty());
}

TEST_CASE("A state_reader finds a model behind a prefix, and leaves the others alone", "[state_reader]") {
  state_dict weights("W.safetensors");
  weights.add_owned("model_state_dict.head.weight", {2}, {1, 2}, 64);
  weights.add_owned("model_state_dict.head.bias", {1}, {3}, 72);
  weights.add_owned("model_state_dict.augment.mask", {1}, {3}, 76);
  weights.add_owned("CE", {1}, {4}, 80);
  weights.add_owned("head", {1}, {4}, 84);
  std::string const prefix = tshift::weights::prefix_of("model", weights, "head.weight");
  CHECK(prefix == "model_state_dict.");
  state_reader<float> reader("model", weights, prefix);
  CHECK(reader.has("head.weight"));
  CHECK_FALSE(reader.has("CE"));
  CHECK(reader.dimension("head.weight", 0) == 2);
  CHECK(reader.take("head.weight", {2})[1] == 2);
  std::string const at = " (W.safetensors, byte 72)";
  CHECK(message_of([&] { reader.finish(); }) ==
        "model: tensor model_state_dict.head.bias and 1 more are not part of the model" + at);
  CHECK(message_of([&] { reader.dimension("head.bias", 1); }) ==
        "model: model_state_dict.head.bias is [1], must have a dimension 1" + at);
  CHECK(message_of([&] { reader.take("head.bias", {3}); }) ==
        "model: model_state_dict.head.bias is [1], must be [3]" + at);
  CHECK(message_of([&] { reader.take("head.weight", {2}); }) == "model: model_state_dict.head.weight is taken twice");
  CHECK(message_of([&] { reader.take("tail", {2}); }) == "model: no tensor model_state_dict.tail in W.safetensors");
  reader.ignore("head.bias");
  reader.ignore("augment.");
  CHECK(message_of([&] { reader.finish(); }).empty());

  // A name without anything before it, and one that is not there.
  CHECK(tshift::weights::prefix_of("model", weights, "head").empty());
  CHECK(tshift::weights::prefix_of("model", weights, "E").empty());
  weights.add_owned("teacher.head.weight", {2}, {1, 2}, 88);
  CHECK(message_of([&] { tshift::weights::prefix_of("model", weights, "head.weight"); }) ==
        "model: model_state_dict.head.weight and teacher.head.weight are of two models (W.safetensors, byte 88)");
  weights.add_owned("head.weight", {2}, {1, 2}, 96);
  CHECK(tshift::weights::prefix_of("model", weights, "head.weight").empty());
}

TEST_CASE("A state_reader refuses what is missing, different, or left over", "[state_reader]") {
  state_dict const file = weights_from("W.safetensors"), hand = weights_from("");
  auto const read = [](state_dict const& weights, auto call) {
    return [&weights, call] {
      state_reader<float> reader("shift_cnn", weights);
      call(reader);
    };
  };
  using reader_ref = state_reader<float>&;
  auto const take_all = [](reader_ref r, bool ids, bool augment) {
    r.take("head.weight", {2, 3});
    r.take("head.bias", {2});
    if (ids) r.ignore("position_ids");
    if (augment) r.ignore("augment.");
    r.finish();
  };
  std::size_t const cases = check({
      {"shift_cnn: no tensor tail.weight in W.safetensors",
       read(file, [](reader_ref r) { r.take("tail.weight", {2}); })},
      {"shift_cnn: no tensor tail.weight", read(hand, [](reader_ref r) { r.take("tail.weight", {2}); })},
      {"shift_cnn: no tensor tail.weight", read(hand, [](reader_ref r) { r.dimension("tail.weight", 0); })},
      {"shift_cnn: head.weight is [2, 3], must be [3, 2] (W.safetensors, byte 128)",
       read(file,
            [](reader_ref r) {
              r.take("head.weight", {3, 2});
            })},
      {"shift_cnn: head.weight is [2, 3], must be [6]", read(hand, [](reader_ref r) { r.take("head.weight", {6}); })},
      {"shift_cnn: head.weight is [2, 3], must be [2, 3, 1]", read(hand,
                                                                   [](reader_ref r) {
                                                                     r.take("head.weight", {2, 3, 1});
                                                                   })},
      {"shift_cnn: head.weight is [2, 3], must be []", read(hand, [](reader_ref r) { r.take("head.weight", {}); })},
      {"shift_cnn: augment.mask is [], must be [1]", read(hand, [](reader_ref r) { r.take("augment.mask", {1}); })},
      {"shift_cnn: head.weight is [2, 3], must have a dimension 2 (W.safetensors, byte 128)",
       read(file, [](reader_ref r) { r.dimension("head.weight", 2); })},
      {"shift_cnn: head.weight is [2, 3], must have a dimension -1",
       read(hand, [](reader_ref r) { r.dimension("head.weight", -1); })},
      {"shift_cnn: augment.mask is [], must have a dimension 0",
       read(hand, [](reader_ref r) { r.dimension("augment.mask", 0); })},
      {"shift_cnn: position_ids has dtype I64, must be F32, F16, BF16 or F64 (W.safetensors, byte 160)",
       read(file,
            [](reader_ref r) {
              r.take("position_ids", {1, 4});
            })},
      {"shift_cnn: head.bias is taken twice", read(file,
                                                   [](reader_ref r) {
                                                     r.take("head.bias", {2});
                                                     r.take("head.bias", {2});
                                                   })},
      {"shift_cnn: head.bias is taken twice", read(file,
                                                   [](reader_ref r) {
                                                     r.take("head.bias", {2});
                                                     r.ignore("head.");  // does not give it back
                                                     r.take("head.bias", {2});
                                                   })},
      {"shift_cnn: tensor head.weight and 4 more are not part of the model (W.safetensors, byte 128)",
       read(file, [](reader_ref r) { r.finish(); })},
      {"shift_cnn: tensor position_ids and 2 more are not part of the model (W.safetensors, byte 160)",
       read(file, [&](reader_ref r) { take_all(r, false, false); })},
      {"shift_cnn: tensor position_ids is not part of the model",
       read(hand, [&](reader_ref r) { take_all(r, false, true); })},
      {"shift_cnn: tensor augment.mask and 1 more are not part of the model",
       read(hand, [&](reader_ref r) { take_all(r, true, false); })},
      {"", read(hand, [&](reader_ref r) { take_all(r, true, true); })},
      // Only a name that ends with '.' is a prefix, and it is one of whole words.
      {"shift_cnn: tensor augment.mask and 1 more are not part of the model", read(hand,
                                                                                   [&](reader_ref r) {
                                                                                     r.ignore("augment");
                                                                                     r.ignore("aug.");
                                                                                     r.ignore("");
                                                                                     take_all(r, true, false);
                                                                                   })},
  });
  CHECK(cases == 20);
}

TEST_CASE("A state_reader hands out numbers of every floating-point type as they lie, to be read as T",
          "[state_reader]") {
  using tshift::weights::dtype;
  static constexpr std::array<std::byte, 8> one_and_two{std::byte{0x00}, std::byte{0x3c}, std::byte{0x00},
                                                        std::byte{0x40}, std::byte{0x80}, std::byte{0x3f},
                                                        std::byte{0x00}, std::byte{0x40}};
  std::span const bytes(one_and_two);
  state_dict weights("W.safetensors");
  weights.add({"half", dtype::f16, {2}, bytes.first(4), 10});
  weights.add({"brain", dtype::bf16, {2}, bytes.last(4), 14});
  weights.add_owned("float", {2}, {1, 2}, 18);
  weights.add_owned("double", {2}, std::vector<double>{1, 2}, 26);
  auto const check_as = [&]<class T>(T) {
    state_reader<T> reader("model", weights);
    for (char const* const name : {"half", "brain", "float", "double"}) {
      INFO(name);
      auto const values = reader.take(name, {2});
      CHECK(values.type() == weights.find(name)->type);
      REQUIRE(values.size() == 2);
      CHECK(values[0] == T(1));
      CHECK(values[1] == T(2));
    }
    reader.finish();
  };
  check_as(float{});
  check_as(double{});
}

TEST_CASE("A number that float cannot hold is refused where it is read as float, and nowhere else", "[state_reader]") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (double const large : {0x1.ffffffp127, -0x1.ffffffp127, 0x1p128, -1e300, std::numeric_limits<double>::max()}) {
    state_dict file("W.safetensors"), hand;
    for (state_dict* const weights : {&file, &hand}) {
      weights->add_owned("a", {3}, std::vector<double>{0, infinity, large}, weights == &file ? 128 : -1);
      weights->add_owned("b", {}, std::vector<double>{0x1.fffffefffffffp127}, weights == &file ? 152 : -1);
    }
    char number[64];
    std::snprintf(number, sizeof number, "%g", large);
    auto const take = [](auto& reader) { return [&] { reader.take("a", {3}); }; };
    state_reader<float> from_file("model", file), from_hand("model", hand);
    CHECK(message_of(take(from_file)) ==
          std::string("W.safetensors: tensor a: ") + number + " is more than a float holds (byte 144)");
    CHECK(message_of(take(from_hand)) == std::string("model: tensor a: ") + number + " is more than a float holds");
    CHECK(from_file.take("b", {})[0] == std::numeric_limits<float>::max());
    from_file.ignore("a");  // what nobody reads may hold what it likes
    CHECK(message_of([&] { from_file.finish(); }).empty());
    state_reader<double> exact("model", file);
    CHECK(exact.take("a", {3})[2] == large);
  }
}
