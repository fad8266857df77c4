// SPDX-License-Identifier: MIT
// Weights by name: what is added is found, what is wrong is refused in a sentence, and a model takes all or nothing.
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/weights/state_dict.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::nn::named_tensor;
using tshift::nn::state_dict;
using tshift::nn::state_reader;

using namespace std::string_literals;

constexpr index_t most = std::numeric_limits<index_t>::max();

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
state_dict<float> weights_from(std::string source) {
  bool const file = !source.empty();
  state_dict<float> weights(std::move(source));
  weights.add_owned("head.weight", {2, 3}, {1, 2, 3, 4, 5, 6}, file ? 128 : -1);
  weights.add_owned("head.bias", {2}, {7, 8}, file ? 152 : -1);
  weights.add_opaque("position_ids", {1, 4}, "I64", file ? 160 : -1);
  weights.add_owned("augment.mask", {}, {9}, file ? 192 : -1);
  weights.add_owned("augment.scale", {1}, {9}, file ? 196 : -1);
  return weights;
}

}  // namespace

TEST_CASE("A state_dict gives back what was added, in order", "[state_dict]") {
  std::vector<double> const values{1, 2, 3, 4, 5, 6};
  state_dict<double> weights("W.safetensors");
  CHECK(weights.size() == 0);
  CHECK(weights.begin() == weights.end());
  weights.add("z", {2, 3}, values, 64);
  weights.add_owned("a", {}, {42});
  weights.add("none", {0, 5}, std::span<double const>());
  weights.add_opaque("ids", {4}, "I64", 8);

  CHECK(weights.source() == "W.safetensors");
  CHECK(weights.size() == 4);
  std::string order;
  for (named_tensor<double> const& tensor : weights) order += tensor.name + " ";
  CHECK(order == "z a none ids ");

  named_tensor<double> const* const z = weights.find("z");
  REQUIRE(z != nullptr);
  CHECK(z->data == values.data());  // borrowed, not copied
  CHECK(z->shape == std::vector<index_t>{2, 3});
  CHECK(z->size() == 6);
  CHECK(z->byte == 64);
  CHECK(z->dtype.empty());
  REQUIRE(weights.find("a") != nullptr);
  CHECK(weights.find("a")->size() == 1);
  CHECK(weights.find("a")->byte == -1);
  CHECK(*weights.find("a")->data == 42);
  REQUIRE(weights.find("none") != nullptr);
  CHECK(weights.find("none")->size() == 0);
  REQUIRE(weights.find("ids") != nullptr);
  CHECK(weights.find("ids")->data == nullptr);
  CHECK(weights.find("ids")->dtype == "I64");
  CHECK(weights.contains("ids"));
  CHECK_FALSE(weights.contains("id"));
  CHECK(weights.find("") == nullptr);
}

TEST_CASE("Copies of a state_dict share what it owns, and keep it", "[state_dict]") {
  auto const memory = std::make_shared<std::vector<float>>(3, 5.f);
  std::weak_ptr<std::vector<float>> const alive = memory;
  state_dict<float> copy;
  {
    state_dict<float> weights = weights_from("");
    weights.add("borrowed", {3}, *memory);
    weights.keep_alive(memory);
    copy = weights;
    CHECK(copy.find("head.bias")->data == weights.find("head.bias")->data);
    weights.add_owned("later", {1}, {1});
  }
  CHECK(copy.size() == 6);
  CHECK_FALSE(copy.contains("later"));
  CHECK(copy.find("head.bias")->data[1] == 8);
  state_dict<float> const moved = std::move(copy);
  CHECK(moved.find("head.weight")->data[5] == 6);
  CHECK(moved.find("borrowed")->data[2] == 5);
  CHECK(alive.use_count() == 2);
}

TEST_CASE("A state_dict refuses tensors that cannot be", "[state_dict]") {
  std::vector<float> const three(3);
  state_dict<float> file("W.safetensors"), hand;
  file.add("x", {3}, three, 64);
  hand.add("x", {3}, three);
  std::size_t const cases = check({
      {"state_dict: tensor x is there twice (W.safetensors, byte 80)", [&] { file.add("x", {3}, three, 80); }},
      {"state_dict: tensor x is there twice (W.safetensors)", [&] { file.add_owned("x", {1}, {1}); }},
      {"state_dict: tensor x is there twice", [&] { hand.add_opaque("x", {1}, "I64"); }},
      {"state_dict: tensor x is there twice (byte 0)", [&] { hand.add_opaque("x", {1}, "I64", 0); }},
      {"state_dict: tensor y is [3, -1], no size may be negative",
       [&] {
         hand.add("y", {3, -1}, three);
       }},
      {"state_dict: tensor y is [0, -1], no size may be negative",
       [&] {
         hand.add_opaque("y", {0, -1}, "I64");
       }},
      {"state_dict: tensor y is [4], but 3 elements are given", [&] { hand.add("y", {4}, three); }},
      {"state_dict: tensor y is [2], but 3 elements are given (W.safetensors, byte 4)",
       [&] { file.add("y", {2}, three, 4); }},
      {"state_dict: tensor y is [], but 3 elements are given", [&] { hand.add("y", {}, three); }},
      {"state_dict: tensor y is [3, 0], but 3 elements are given",
       [&] {
         hand.add("y", {3, 0}, three);
       }},
      {"state_dict: tensor y is [3], but 2 elements are given",
       [&] {
         hand.add_owned("y", {3}, {1, 2});
       }},
      {"state_dict: tensor y is opaque and has no dtype", [&] { hand.add_opaque("y", {3}, ""); }},
      // 2^62 * 4 is 0 modulo 2^64; a zero before or after it hides nothing.
      {"state_dict: tensor y is [4611686018427387904, 4], the product of its sizes overflows",
       [&] {
         hand.add_owned("y", {index_t{1} << 62, 4}, {});
       }},
      {"state_dict: tensor y is [0, 4611686018427387904, 4], the product of its sizes overflows",
       [&] {
         hand.add_owned("y", {0, index_t{1} << 62, 4}, {});
       }},
      {"state_dict: tensor y is [4611686018427387904, 2, 0], the product of its sizes overflows",
       [&] {
         hand.add_opaque("y", {index_t{1} << 62, 2, 0}, "I64");
       }},
      {"state_dict: tensor y is [1, 1, 1, 1, 1, 1, 1, 1, ...], but 3 elements are given",
       [&] { hand.add("y", std::vector<index_t>(20, 1), three); }},
      // Names and paths of any length and of any bytes leave room for the rest, and stay on one line.
      {"state_dict: tensor a?b?c? is [4], but 3 elements are given",
       [&] { hand.add("a\nb\x1b"s + "c\x7f", {4}, three); }},
  });
  CHECK(cases == 17);
  CHECK(file.size() == 1);
  CHECK(hand.size() == 1);
  hand.add_opaque("largest", {most}, "I64");
  CHECK(hand.find("largest")->size() == most);
}

TEST_CASE("Messages show the beginning of long names and the end of long paths", "[state_dict]") {
  std::string const name(200, 'n');
  std::string const path = "/" + std::string(200, 'p') + "/W.safetensors";
  state_dict<float> weights(path);
  CHECK(message_of([&] { weights.add_owned(name, {2}, {1}, 7); }) ==
        "state_dict: tensor " + std::string(96, 'n') + "... is [2], but 1 elements are given (..." +
            std::string(76, 'p') + "/W.safetensors, byte 7)");
  // Cut between letters, of which these have two bytes.
  std::string const zeros = "x" + std::string(200, '\0');
  std::string letters = "x";
  for (int i = 0; i < 100; ++i) letters += "\xc3\xa4";
  CHECK(tshift::detail::shown_name(letters) == letters.substr(0, 95) + "...");
  CHECK(tshift::detail::shown_source(letters + "y") == "..." + letters.substr(letters.size() - 88) + "y");
  // Of three bytes, cut behind the second; and bytes that are no letters at all.
  std::string euros = "x";
  for (int i = 0; i < 40; ++i) euros += "\xe2\x82\xac";
  CHECK(tshift::detail::shown_name(euros) == euros.substr(0, 94) + "...");
  CHECK(tshift::detail::shown_name(std::string(97, '\x80')) == "...");
  CHECK(tshift::detail::shown_source(std::string(97, '\x80')) == "...\x80");
  CHECK(tshift::detail::shown_name(zeros) == "x" + std::string(95, '?') + "...");
}

TEST_CASE("A state_reader hands out every tensor once", "[state_dict]") {
  state_dict<float> const weights = weights_from("W.safetensors");
  state_reader<float> reader("model", weights);
  CHECK(reader.has("head.bias"));
  CHECK_FALSE(reader.has("head"));
  CHECK(reader.dimension("head.weight", 0) == 2);
  CHECK(reader.dimension("head.weight", 1) == 3);
  CHECK(reader.dimension("position_ids", 1) == 4);
  auto const weight = reader.take("head.weight", {2, 3});
  CHECK(weight.size() == 6);
  CHECK(weight[5] == 6);
  CHECK(weight.data() == weights.find("head.weight")->data);
  CHECK(reader.take("head.bias", {2})[0] == 7);
  reader.ignore("position_ids");
  reader.ignore("not_there");
  reader.ignore("nor_this.");
  CHECK(reader.take("augment.mask", {}).size() == 1);
  reader.ignore("augment.");  // taken or not
  CHECK(message_of([&] { reader.finish(); }).empty());

  state_dict<float> const empty;
  CHECK(message_of([&] { state_reader<float>("model", empty).finish(); }).empty());
}

TEST_CASE("A state_reader refuses what is missing, different, or left over", "[state_dict]") {
  state_dict<float> const file = weights_from("W.safetensors"), hand = weights_from("");
  auto const read = [](state_dict<float> const& weights, auto call) {
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
