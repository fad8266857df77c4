// SPDX-License-Identifier: MIT
// Models take weights of any floating-point type as they are stored: the logits are, bit for bit, those of the same
// numbers converted beforehand.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/io/safetensors.hpp>
#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/vertical_vit.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/seeded.hpp"
#include "../support/seeded_neighbours.hpp"

namespace {

using namespace test_support;
using tshift::tensor_view;
using tshift::weights::dtype;
using tshift::weights::read_as;
using tshift::weights::state_dict;
using tshift::weights::tensor;

/// The weights as a file of this type has them, whatever bits that makes of them.
std::vector<std::byte> file_of(state_dict const& weights, dtype type) {
  std::vector<std::vector<std::byte>> memory;
  std::vector<tensor> tensors;
  for (tensor const& each : weights) {
    if (!is_number(each.type)) {
      tensors.push_back(each);
      continue;
    }
    std::vector<std::byte> bytes;
    auto const values = read_as<double>(each);
    for (index_t i = 0; i < values.size(); ++i) {
      std::uint64_t bits = std::bit_cast<std::uint64_t>(values[i]);
      if (type != dtype::f64) bits = std::bit_cast<std::uint32_t>(static_cast<float>(values[i])) >> 16;
      if (type == dtype::f16) bits = (bits & 0x8fffu) | 0x3000u;  // numbers of about the same size
      for (index_t b = 0; b < bits_of(type); b += 8) bytes.push_back(static_cast<std::byte>(bits >> b & 0xff));
    }
    memory.push_back(std::move(bytes));
    tensors.emplace_back(each.name, type, each.shape, memory.back());
  }
  return tshift::io::to_safetensors(tensors);
}

/// The same numbers as T.
template <class T>
state_dict converted(state_dict const& weights) {
  state_dict result;
  for (tensor const& each : weights) {
    if (!is_number(each.type)) {
      result.add(each);
      continue;
    }
    auto const values = read_as<T>(each);
    std::vector<T> all(static_cast<std::size_t>(values.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = values[static_cast<index_t>(i)];
    result.add_owned(each.name, each.shape, std::move(all));
  }
  return result;
}

/// Of x [2, T, C, F], F being 1 but for images.
template <class T, class Model>
std::vector<T> logits(Model const& model, tshift::shape const& on) {
  std::vector<T> const x = seeded<T>("x", {on.size()}, 9);
  tensor_view<T const> const view(x.data(), on, tshift::layout::ntsc);
  std::vector<T> y(8), workspace(static_cast<std::size_t>(model.workspace_size(on)));
  model.forward(view, tensor_view<T>(y.data(), {2, 1, 4}), workspace);
  return y;
}

/// @param tensor_name  one of its tensors
/// @param make         makes the model of a dictionary
template <class T, class Make>
void check(state_dict const& seeded, char const* tensor_name, tshift::shape const& on, Make const& make, int& ran) {
  std::vector<T> const exact = logits<T>(make(seeded), on);
  for (dtype const type : {dtype::bf16, dtype::f16, dtype::f64}) {
    INFO(tensor_name << " of " << name_of(type));
    std::vector<std::byte> const memory = file_of(seeded, type);
    auto const file = tshift::io::safetensors::parse(memory);
    CHECK(file.find(tensor_name)->type == type);
    std::vector<T> const got = logits<T>(make(file.state_dict()), on);
    CHECK(got == logits<T>(make(converted<T>(file.state_dict())), on));
    CHECK((got == exact) == (type == dtype::f64));  // which holds all that was there
    ++ran;
  }
}

template <class T, template <class> class Model>
void check(model_sizes const& kind, int& ran) {
  auto const make = [](state_dict const& weights) { return Model<T>(weights); };
  check<T>(seeded_weights<T>(kind, 3), "head.weight", {2, 9, 12}, make, ran);
}

template <class T>
void check_all(int& ran) {
  check<T, tshift::models::shift_cnn>({"cnn", "none", 12, 0, 4}, ran);
  check<T, tshift::models::shift_lstm>({"lstm", "none", 12, 0, 4}, ran);
  check<T, tshift::models::shiftformer>({"transformer", "relative_key_query", 12, 9, 4}, ran);
  check<T, tshift::models::shiftformer>({"transformer", "absolute", 12, 9, 4}, ran);
}

template <class T>
void check_images(int& ran) {
  crnn_sizes crnn;
  crnn.bands = 13;
  crnn.filters = 4;
  crnn.widths = {5, 8};
  crnn.body = {6};
  crnn.frame = 9;
  crnn.hidden = 5;
  crnn.norm = true;
  auto const make = [](state_dict const& weights) { return tshift::models::crnn<T>(weights); };
  check<T>(seeded_neighbour<T>(crnn, 3), "conv.0.1.weight", {2, 9, 3, 13}, make, ran);
  for (bool const teacher : {false, true}) {
    vit_sizes vit;
    vit.teacher = teacher;
    vit.rows = 12;
    vit.width = 10;
    vit.heads = 2;
    vit.hidden = 20;
    vit.layers = 2;
    auto const make_vit = [](state_dict const& weights) { return tshift::models::vertical_vit<T>(weights); };
    check<T>(seeded_neighbour<T>(vit, 3), teacher ? "conv_stem.3.weight" : "cls_token", {2, 9, 12}, make_vit, ran);
  }
}

}  // namespace

TEST_CASE("Models compute with weights of any type as with the same numbers converted beforehand", "[models]") {
  int ran = 0;
  check_all<float>(ran);
  check_all<double>(ran);
  REQUIRE(ran == 24);
}

TEST_CASE("Models of images compute with weights of any type as with the same numbers", "[models]") {
  int ran = 0;
  check_images<float>(ran);
  check_images<double>(ran);
  REQUIRE(ran == 18);
}

TEST_CASE("A model is not made of a number that its type cannot hold", "[models][errors]") {
  state_dict const good = seeded_weights<double>({"cnn", "none", 12, 0, 4}, 3);
  state_dict bad("W.safetensors");
  for (tensor const& each : good) {
    if (each.name == "head.bias") {
      bad.add_owned("head.bias", {4}, std::vector<double>{0, 1e300, 0, 0}, 64);
    } else {
      bad.add(each);
    }
  }
  CHECK(message_of([&] { tshift::models::shift_cnn<float> const model(bad); }) ==
        "W.safetensors: tensor head.bias: 1e+300 is more than a float holds (byte 72)");
  CHECK(message_of([&] { tshift::models::shift_cnn<double> const model(bad); }).empty());
}
