// SPDX-License-Identifier: MIT
// Files are little-endian, machines are not all: a file given byte by byte becomes the same numbers on each, and a
// length that the machine's own integers do not hold is refused rather than cut short.
#include <algorithm>
#include <bit>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tshift/io/safetensors.hpp>

#include "../support/catch.hpp"

namespace {

namespace io = tshift::io;
using tshift::index_t;

std::vector<std::byte> file_of(std::string_view header, std::initializer_list<int> data,
                               std::uint64_t more_than_header = 0) {
  std::vector<std::byte> file;
  std::uint64_t const length = header.size() + more_than_header;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<std::byte>(length >> 8 * i & 0xff));
  for (char const c : header) file.push_back(static_cast<std::byte>(c));
  for (int const byte : data) file.push_back(static_cast<std::byte>(byte));
  return file;
}

std::string refusal(std::vector<std::byte> const& file) {
  try {
    io::safetensors::parse(file, "W");
  } catch (tshift::file_error const& error) {
    return error.what();
  }
  return "";
}

// 1.5 and -2 in each format, largest elements first.
std::vector<std::byte> every_format() {
  return file_of(
      R"({"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"f":{"dtype":"F32","shape":[2],"data_offsets":[16,24]},)"
      R"("h":{"dtype":"F16","shape":[2],"data_offsets":[24,28]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[28,32]}})",
      {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0,  // F64
       0x00, 0x00, 0xc0, 0x3f, 0x00, 0x00, 0x00, 0xc0,                                                  // F32
       0x00, 0x3e, 0x00, 0xc0,                                                                          // F16
       0xc0, 0x3f, 0x00, 0xc0});                                                                        // BF16
}

template <class T>
void require_numbers(io::safetensors const& file) {
  for (char const* const name : {"d", "f", "h", "b"}) {
    auto const* const tensor = file.state_dict().find(name);
    REQUIRE(tensor != nullptr);
    auto const values = tshift::weights::read_as<T>(*tensor);
    REQUIRE(values.size() == 2);
    T copied[2];
    values.copy_to(copied, 0, 2);
    for (index_t i = 0; i < 2; ++i) {
      CHECK(values[i] == (i == 0 ? T(1.5) : T(-2)));
      CHECK(copied[i] == values[i]);
    }
  }
}

}  // namespace

TEST_CASE("A little-endian file becomes the same numbers on every machine", "[safetensors][byte order]") {
  std::vector<std::byte> const bytes = every_format();
  io::safetensors const file = io::safetensors::parse(bytes, "W");
  require_numbers<float>(file);
  require_numbers<double>(file);
}

TEST_CASE("Numbers of a little-endian file are read at any address", "[safetensors][byte order]") {
  std::vector<std::byte> const bytes = every_format();
  for (std::size_t shift = 0; shift < 9; ++shift) {
    std::vector<std::byte> moved(shift);
    moved.insert(moved.end(), bytes.begin(), bytes.end());
    io::safetensors const file = io::safetensors::parse(std::span(moved).subspan(shift), "W");
    require_numbers<float>(file);
    require_numbers<double>(file);
  }
}

TEST_CASE("A header length of more than 32 bits is not cut to its lower half", "[safetensors][byte order]") {
  CHECK(refusal(file_of("{}", {})).empty());
  for (int const bit : {31, 32, 33, 63}) {
    CHECK(refusal(file_of("{}", {}, std::uint64_t{1} << bit)) == "W: a header of " +
                                                                     std::to_string((std::uint64_t{1} << bit) + 2) +
                                                                     " bytes is announced, but 2 follow (byte 0)");
  }
}

TEST_CASE("Sizes and offsets of more than 32 bits are not cut to their lower half", "[safetensors][byte order]") {
  for (char const* const field :
       {R"("shape":[4294967297],"data_offsets":[0,4])", R"("shape":[1],"data_offsets":[0,4294967300])",
        R"("shape":[1],"data_offsets":[4294967296,4294967300])", R"("shape":[65536,65536],"data_offsets":[0,4])",
        R"("shape":[2147483649,2],"data_offsets":[0,4])", R"("shape":[9223372036854775809],"data_offsets":[0,4])"}) {
    std::string const header = std::string(R"({"a":{"dtype":"F32",)") + field + "}}";
    CAPTURE(header);
    CHECK_FALSE(refusal(file_of(header, {0, 0, 0, 0})).empty());
  }
}

// Writing needs the elements' bytes in the file's order: where the machine's is another one, the caller gives them.
TEST_CASE("Bytes in the file's order are written as they are on every machine", "[safetensors][byte order]") {
  std::byte const one_and_a_half[] = {std::byte{0x00}, std::byte{0x00}, std::byte{0xc0}, std::byte{0x3f}};
  auto const file = io::to_safetensors({{"f", tshift::weights::dtype::f32, {1}, one_and_a_half}});
  auto const weights = io::safetensors::parse(file, "W").state_dict();
  REQUIRE(weights.find("f") != nullptr);
  CHECK(tshift::weights::read_as<float>(*weights.find("f"))[0] == 1.5f);
  auto const as_numbers = [&](auto const& numbers) {  // does not compile where bytes are in another order
    if constexpr (std::endian::native == std::endian::little) CHECK(io::to_safetensors({{"f", {1}, numbers}}) == file);
  };
  float const number[] = {1.5f};
  as_numbers(number);
}

TEST_CASE("A dictionary holds the bytes of a file, whichever way it came by them", "[state_dict][byte order]") {
  std::byte const one_and_a_half[] = {std::byte{0x00}, std::byte{0x00}, std::byte{0xc0}, std::byte{0x3f}};
  std::vector<float> const numbers{1.5f};
  std::complex<float> const pair[] = {{1.5f, 1.5f}};
  std::int64_t const seven[] = {7};
  tshift::weights::state_dict weights;
  weights.add("borrowed", {1}, numbers);
  weights.add_owned("owned", {1}, numbers);
  weights.add("pair", {1}, pair);
  weights.add("seven", {1}, seven);
  for (char const* const name : {"borrowed", "owned"}) {
    CHECK(std::ranges::equal(weights.find(name)->bytes, one_and_a_half));
    CHECK(tshift::weights::read_as<float>(*weights.find(name))[0] == 1.5f);
  }
  CHECK(std::ranges::equal(weights.find("pair")->bytes.first(4), one_and_a_half));
  CHECK(std::ranges::equal(weights.find("pair")->bytes.last(4), one_and_a_half));
  CHECK(weights.find("seven")->bytes[0] == std::byte{7});
  // And so it is written as it is, on every machine.
  std::vector<tshift::weights::tensor> const bytes{{"owned", tshift::weights::dtype::f32, {1}, one_and_a_half}};
  tshift::weights::state_dict one;
  one.add_owned("owned", {1}, numbers);
  CHECK(io::to_safetensors(one) == io::to_safetensors(bytes));
  // What blocks are given by hand is in the machine's own order.
  CHECK(tshift::weights::values<float>(numbers)[0] == 1.5f);
}
