// SPDX-License-Identifier: MIT
// Weights by name: what is added is found, as it is, and what is wrong is refused in a sentence.
#include <array>
#include <bit>
#include <complex>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/text.hpp>

#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using test_support::same_bytes;
using tshift::index_t;
using tshift::weights::dtype;
using tshift::weights::read_as;
using tshift::weights::state_dict;
using tshift::weights::tensor;

using namespace std::string_literals;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr bool little_endian = std::endian::native == std::endian::little;

struct refusal {
  char const* message;
  std::function<void()> call;
};

// Returns how many there were.
std::size_t check(std::vector<refusal> const& all) {
  for (refusal const& one : all) CHECK(message_of(one.call) == one.message);
  return all.size();
}

float number(state_dict const& weights, char const* name, index_t i) { return read_as<float>(*weights.find(name))[i]; }

}  // namespace

TEST_CASE("A state_dict gives back what was added, in order, of whatever types", "[state_dict]") {
  std::vector<double> const values{1, 2, 3, 4, 5, 6};
  std::int64_t const ids[] = {7, 8, 9, 10};
  std::array<std::byte, 6> const halves{};
  state_dict weights("W.safetensors");
  CHECK(weights.size() == 0);
  CHECK(weights.begin() == weights.end());
  weights.add("z", {2, 3}, values, 64);
  weights.add_owned("a", {}, {42});  // of float, unless told otherwise
  weights.add("none", {0, 5}, std::span<double const>());
  weights.add("ids", {4}, ids, 8);
  weights.add({"half", dtype::f16, {3}, halves, 16});
  weights.add_owned("index", {2}, std::vector<std::int32_t>{1, 2});

  CHECK(weights.source() == "W.safetensors");
  CHECK(weights.size() == 6);
  std::string order;
  for (tensor const& each : weights) order += each.name + ":" + name_of(each.type) + " ";
  CHECK(order == "z:F64 a:F32 none:F64 ids:I64 half:F16 index:I32 ");

  tensor const* const z = weights.find("z");
  REQUIRE(z != nullptr);
  CHECK((read_as<double>(*z).native() == values.data()) == little_endian);  // borrowed, not copied
  CHECK(read_as<double>(*z)[5] == 6);
  CHECK(z->shape == std::vector<index_t>{2, 3});
  CHECK(z->size() == 6);
  CHECK(z->bytes.size() == 48);
  CHECK(z->byte == 64);
  REQUIRE(weights.find("a") != nullptr);
  CHECK(weights.find("a")->size() == 1);
  CHECK(weights.find("a")->byte == -1);
  CHECK(number(weights, "a", 0) == 42);
  REQUIRE(weights.find("none") != nullptr);
  CHECK(weights.find("none")->size() == 0);
  CHECK(weights.find("none")->bytes.empty());
  REQUIRE(weights.find("ids") != nullptr);
  CHECK(weights.find("ids")->bytes.size() == 32);
  REQUIRE(weights.find("half") != nullptr);
  CHECK(weights.find("half")->bytes.data() == halves.data());
  CHECK(weights.find("half")->byte == 16);
  CHECK(weights.contains("ids"));
  CHECK_FALSE(weights.contains("id"));
  CHECK(weights.find("") == nullptr);
}

TEST_CASE("Every number of this machine has its type in a state_dict", "[state_dict]") {
  state_dict weights;
  auto const type_of = [&]<class T>(T value) {
    std::string const name = std::to_string(weights.size());
    T const one[] = {value};
    weights.add(name, {1}, one);
    return std::string(name_of(weights.find(name)->type));
  };
  CHECK(type_of(1.f) == "F32");
  CHECK(type_of(1.0) == "F64");
  CHECK(type_of(std::complex<float>(1, 2)) == "C64");
  CHECK(type_of(true) == "BOOL");
  CHECK(type_of(std::int8_t{1}) == "I8");
  CHECK(type_of(std::uint8_t{1}) == "U8");
  CHECK(type_of(std::int16_t{1}) == "I16");
  CHECK(type_of(std::uint16_t{1}) == "U16");
  CHECK(type_of(std::int32_t{1}) == "I32");
  CHECK(type_of(std::uint32_t{1}) == "U32");
  CHECK(type_of(std::int64_t{1}) == "I64");
  CHECK(type_of(std::uint64_t{1}) == "U64");
  // Elements of a vector that is about to go cannot be borrowed: that is not compiled.
  auto const borrows = []<class Range>(Range&& range) {
    return requires(state_dict & to) { to.add("x", {}, std::forward<Range>(range)); };
  };
  std::vector<float> const kept(1);
  CHECK(borrows(kept));
  CHECK(borrows(std::span(kept)));
  CHECK_FALSE(borrows(std::vector<float>(1)));
}

TEST_CASE("Copies of a state_dict share what it owns, and keep it", "[state_dict]") {
  auto const memory = std::make_shared<std::vector<float>>(3, 5.f);
  std::weak_ptr<std::vector<float>> const alive = memory;
  state_dict copy;
  {
    state_dict weights;
    weights.add_owned("bias", {2}, {7, 8});
    weights.add("borrowed", {3}, *memory);
    weights.keep_alive(memory);
    copy = weights;
    CHECK(copy.find("bias")->bytes.data() == weights.find("bias")->bytes.data());
    weights.add_owned("later", {1}, {1});
  }
  CHECK(copy.size() == 2);
  CHECK_FALSE(copy.contains("later"));
  CHECK(number(copy, "bias", 1) == 8);
  state_dict const moved = std::move(copy);
  CHECK(number(moved, "bias", 0) == 7);
  CHECK(number(moved, "borrowed", 2) == 5);
  CHECK(alive.use_count() == 2);
  static_assert(std::is_nothrow_move_constructible_v<state_dict> && std::is_nothrow_move_assignable_v<state_dict>);
}

TEST_CASE("A state_dict refuses tensors that cannot be", "[state_dict]") {
  std::vector<float> const three(3);
  std::array<std::byte, 6> const six{};
  state_dict file("W.safetensors"), hand;
  file.add("x", {3}, three, 64);
  hand.add("x", {3}, three);
  std::size_t const cases = check({
      {"state_dict: tensor x is there twice (W.safetensors, byte 80)", [&] { file.add("x", {3}, three, 80); }},
      {"state_dict: tensor x is there twice (W.safetensors)", [&] { file.add_owned("x", {1}, {1}); }},
      {"state_dict: tensor x is there twice",
       [&] {
         hand.add({"x", dtype::f16, {3}, six});
       }},
      {"state_dict: tensor x is there twice (byte 0)",
       [&] {
         hand.add({"x", dtype::f16, {3}, six, 0});
       }},
      {"state_dict: tensor y is [3, -1], no size may be negative",
       [&] {
         hand.add("y", {3, -1}, three);
       }},
      {"state_dict: tensor y is [0, -1], no size may be negative",
       [&] {
         hand.add({"y", dtype::i64, {0, -1}, {}});
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
      {"state_dict: tensor y is [2] of F16, but 6 bytes are given",
       [&] {
         hand.add({"y", dtype::f16, {2}, six});
       }},
      {"state_dict: tensor y is [4] of F16, but 6 bytes are given (W.safetensors, byte 4)",
       [&] {
         file.add({"y", dtype::f16, {4}, six, 4});
       }},
      {"state_dict: tensor y is [] of F64, but 6 bytes are given",
       [&] {
         hand.add({"y", dtype::f64, {}, six});
       }},
      // 11 elements of 4 bits are 5 bytes and a half.
      {"state_dict: tensor y is [11] of F4, but 6 bytes are given",
       [&] {
         hand.add({"y", dtype::f4, {11}, six});
       }},
      {"state_dict: tensor y is [13] of F4, but 6 bytes are given",
       [&] {
         hand.add({"y", dtype::f4, {13}, six});
       }},
      {"state_dict: tensor y has dtype 22, must be a named dtype",
       [&] {
         hand.add({"y", dtype{22}, {3}, six});
       }},
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
         hand.add({"y", dtype::i64, {index_t{1} << 62, 2, 0}, {}});
       }},
      // So many elements can be counted, and their bits cannot: 2^58 * 64 is 0 modulo 2^64.
      {"state_dict: tensor y is [288230376151711744] of I64, but 0 bytes are given",
       [&] {
         hand.add({"y", dtype::i64, {index_t{1} << 58}, {}});
       }},
      {"state_dict: tensor y is [1, 1, 1, 1, 1, 1, 1, 1, ...], but 3 elements are given",
       [&] { hand.add("y", std::vector<index_t>(20, 1), three); }},
      // Names and paths of any length and of any bytes leave room for the rest, and stay on one line.
      {"state_dict: tensor a?b?c? is [4], but 3 elements are given",
       [&] { hand.add("a\nb\x1b"s + "c\x7f", {4}, three); }},
  });
  CHECK(cases == 23);
  CHECK(file.size() == 1);
  CHECK(hand.size() == 1);
  hand.add({"twelve", dtype::f4, {12}, six});
  CHECK(hand.find("twelve")->size() == 12);
  hand.add({"none", dtype::u8, {most, 0}, {}});
  CHECK(hand.find("none")->size() == 0);
}

TEST_CASE("Messages show the beginning of long names and the end of long paths", "[state_dict]") {
  std::string const name(200, 'n');
  std::string const path = "/" + std::string(200, 'p') + "/W.safetensors";
  state_dict weights(path);
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
