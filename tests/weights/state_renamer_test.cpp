// SPDX-License-Identifier: MIT
// Tensors go from one dictionary to another under other names, each once, with the bytes that they have.
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_renamer.hpp>
#include <tshift/weights/tensor.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::weights::state_dict;
using tshift::weights::state_renamer;
using tshift::weights::tensor;

state_dict checkpoint(std::string source = "W") {
  bool const file = !source.empty();
  state_dict made(std::move(source));
  made.add_owned("a.0.weight", {2, 3}, {1, 2, 3, 4, 5, 6}, file ? 100 : -1);
  made.add_owned("a.0.bias", {2}, {7, 8}, file ? 124 : -1);
  made.add_owned("a.11.weight", {6}, {1, 2, 3, 4, 5, 6}, file ? 200 : -1);
  made.add_owned("a.1000.weight", {0}, std::vector<float>{});
  return made;
}

}  // namespace

TEST_CASE("A state_renamer moves tensors and modules without a copy", "[state_renamer]") {
  state_dict const from = checkpoint();
  state_renamer renamer("x", from);
  state_dict to = renamer.make_dictionary();
  CHECK(to.source() == "W");
  CHECK(to.size() == 0);
  renamer.move_module("a.0", to, "b", {2, 3});
  renamer.split("a.11.weight", to, {"c", "d", "e"}, {6});
  CHECK(message_of([&] { renamer.finish(); }) == "x: tensor a.1000.weight is not part of the model (W)");
  renamer.ignore("a.1000.");
  CHECK(message_of([&] { renamer.finish(); }).empty());
  std::vector<std::string> names;
  for (tensor const& each : to) names.push_back(each.name);
  CHECK(names == std::vector<std::string>{"b.weight", "b.bias", "c", "d", "e"});
  CHECK(to.find("b.weight")->bytes.data() == from.find("a.0.weight")->bytes.data());
  CHECK(to.find("b.bias")->byte == 124);
  CHECK(to.find("c")->byte == 200);
  CHECK(to.find("e")->byte == 216);
  CHECK(to.find("d")->shape == std::vector<index_t>{2});
  CHECK(read_as<float>(*to.find("d"))[1] == 4);
  state_dict const nowhere = checkpoint("");
  state_renamer other("x", nowhere);
  other.split("a.11.weight", to, {"f", "g"}, {6});
  CHECK(to.find("g")->byte == -1);
  CHECK(to.find("g")->shape == std::vector<index_t>{3});
}

TEST_CASE("A state_renamer finds, counts and measures", "[state_renamer]") {
  state_dict const from = checkpoint();
  state_renamer const renamer("x", from);
  CHECK(renamer.count("a.") == 12);
  CHECK(renamer.count("b.") == 1);
  CHECK(renamer.count("a.0.") == 1);
  CHECK(renamer.has_any("a.1"));
  CHECK_FALSE(renamer.has_any("b"));
  CHECK(renamer.find_any("a.1")->name == "a.11.weight");
  CHECK(renamer.find_any("a.2") == nullptr);
  CHECK(renamer.size("a.0.weight", 1) == 3);
}

TEST_CASE("A state_renamer refuses as a state_reader does", "[state_renamer]") {
  state_dict const from = checkpoint();
  state_renamer renamer("x", from);
  state_dict to = renamer.make_dictionary();
  std::pair<std::string, std::string> const table[] = {
      {message_of([&] { renamer.size("a.1000.weight", 0); }), "x: a.1000.weight is [0], must have no size of 0 (W)"},
      {message_of([&] { renamer.size("b", 0); }), "x: no tensor b in W"},
      {message_of([&] { renamer.size("a.0.bias", 1); }), "x: a.0.bias is [2], must have a dimension 1 (W, byte 124)"},
      {message_of([&] { renamer.move("a.0.bias", to, "b", {3}); }), "x: a.0.bias is [2], must be [3] (W, byte 124)"},
      {message_of([&] { renamer.move_module("a.11", to, "b", {6}); }), "x: no tensor a.11.bias in W"},
      {message_of([&] { renamer.move_module("a.11", to, "c", {6}, false); }), "x: a.11.weight is taken twice"},
      {message_of([&] { renamer.refuse("a.0.bias", "must be odd"); }),
       "x: a.0.bias is [2], must be odd (W, byte 124)"}};
  for (auto const& [is, wanted] : table) CHECK(is == wanted);
}
