// SPDX-License-Identifier: MIT
// Files that are right: every tensor where it is, every number what it was. Files that are wrong, in every way we could
// think of, cut off anywhere, and with any byte replaced by any other: a sentence, and nothing else.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tshift/io/safetensors.hpp>
#include <tshift/weights/state_reader.hpp>

#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/guard_pages.hpp"
#include "../support/message_of.hpp"
#include "../support/random.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace std::string_literals;
using namespace test_support;
namespace io = tshift::io;
namespace fs = std::filesystem;
using io::safetensors;
using tshift::weights::dtype;
using tshift::weights::read_as;
using tshift::weights::state_dict;
using tshift::weights::tensor;

using bytes_t = std::vector<std::byte>;

// what() of the file_error that the call throws; "" if it throws nothing. Other exceptions pass through.
template <class Call>
std::string file_message_of(Call call) {
  try {
    call();
  } catch (tshift::file_error const& error) {
    return error.what();
  }
  return "";
}

// A file of this header, so many bytes of data that count up from 0, and, unless told, the right length in front.
bytes_t file_of(std::string const& header, std::size_t data_size, std::optional<std::uint64_t> length = {}) {
  bytes_t file;
  std::uint64_t const announced = length.value_or(header.size());
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<std::byte>(announced >> 8 * i & 0xff));
  for (char const c : header) file.push_back(static_cast<std::byte>(c));
  for (std::size_t i = 0; i < data_size; ++i) file.push_back(static_cast<std::byte>(i));
  return file;
}

std::string parse_message(bytes_t const& file) {
  return file_message_of([&] { safetensors::parse(file, "W.safetensors"); });
}

bytes_t bytes_of(std::string_view text) {
  auto const bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void put(fs::path const& path, bytes_t const& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<char const*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

std::string system_text(std::errc error) { return std::make_error_code(error).message(); }

// One tensor of every kind that matters: metadata, no dimensions, no elements, letters that JSON escapes.
bytes_t small_file() {
  static float const weight[] = {1, -2, 3.5f, -0.f, 1e-40f, 6};
  static double const scale[] = {0.1};
  static std::int64_t const ids[] = {7, 8};
  return io::to_safetensors(
      {{"w", {2, 3}, weight}, {"s\"\xc3\xa9", {}, scale}, {"ids", {2}, ids}, {"e", {3, 0}, std::span<float const>()}},
      {{"format", "pt"}});
}

// A header whose only tensor is "a".
std::string one(std::string const& fields) { return R"({"a":{)" + fields + "}}"; }
std::string typed(std::string const& type, std::string const& shape, std::string const& offsets) {
  return one(R"("dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets);
}

}  // namespace

TEST_CASE("A file in memory gives its tensors without copying", "[safetensors]") {
  std::string const header =
      R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},"__metadata__":{"k":"v\n","":""},)"
      R"("a.\u00e9":{"data_offsets":[0,8],"shape":[],"dtype":"I64"},)"
      R"("z":{"dtype":"BOOL","shape":[0],"data_offsets":[16,16]}})";
  bytes_t const file = file_of(header + " \t\r\n", 16);
  safetensors const weights = safetensors::parse(file);
  auto const data = static_cast<index_t>(file.size()) - 16;

  CHECK(weights.source() == "memory");
  CHECK(weights.metadata() == std::map<std::string, std::string>{{"k", "v\n"}, {"", ""}});
  REQUIRE(weights.tensors().size() == 3);
  tensor const& b = weights.tensors()[0];  // in the order of the header
  CHECK(b.name == "b");
  CHECK(b.type == dtype::f32);
  CHECK(b.shape == std::vector<index_t>{2, 1});
  CHECK(b.byte == data + 8);
  CHECK(b.bytes.data() == file.data() + b.byte);
  CHECK(b.bytes.size() == 8);
  REQUIRE(weights.find("a.\xc3\xa9") == &weights.tensors()[1]);
  CHECK(weights.tensors()[1].type == dtype::i64);
  CHECK(weights.tensors()[1].shape.empty());
  CHECK(weights.tensors()[1].byte == data);
  CHECK(weights.tensors()[1].bytes.size() == 8);
  REQUIRE(weights.find("z") != nullptr);
  CHECK(weights.find("z")->bytes.empty());
  CHECK(weights.find("z")->byte == data + 16);
  CHECK(weights.find("__metadata__") == nullptr);
  CHECK(weights.find("") == nullptr);

  CHECK(safetensors::parse(file_of("{}", 0)).tensors().empty());
  CHECK(safetensors::parse(file_of(R"({"__metadata__":{}})", 0)).metadata().empty());
  // A tensor without elements may lie anywhere, as long as it is between others.
  CHECK(parse_message(file_of(R"({"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                              R"("y":{"dtype":"U8","shape":[0],"data_offsets":[3,3]},)"
                              R"("z":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
                              4))
            .empty());
  // In whatever order the header has them: the empty one comes first, as both begin at one place.
  CHECK(parse_message(file_of(R"({"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                              R"("z":{"dtype":"U8","shape":[1],"data_offsets":[3,4]},)"
                              R"("y":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}})",
                              4))
            .empty());
}

TEST_CASE("Every element type has its name and its size", "[safetensors]") {
  struct row {
    dtype type;
    char const* name;
    index_t bits;
  };
  row const rows[] = {
      {dtype::boolean, "BOOL", 8},
      {dtype::f4, "F4", 4},
      {dtype::f6_e2m3, "F6_E2M3", 6},
      {dtype::f6_e3m2, "F6_E3M2", 6},
      {dtype::u8, "U8", 8},
      {dtype::i8, "I8", 8},
      {dtype::f8_e5m2, "F8_E5M2", 8},
      {dtype::f8_e4m3, "F8_E4M3", 8},
      {dtype::f8_e8m0, "F8_E8M0", 8},
      {dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
      {dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
      {dtype::i16, "I16", 16},
      {dtype::u16, "U16", 16},
      {dtype::f16, "F16", 16},
      {dtype::bf16, "BF16", 16},
      {dtype::i32, "I32", 32},
      {dtype::u32, "U32", 32},
      {dtype::f32, "F32", 32},
      {dtype::c64, "C64", 64},
      {dtype::f64, "F64", 64},
      {dtype::i64, "I64", 64},
      {dtype::u64, "U64", 64},
  };
  CHECK(std::size(rows) == 22);
  for (row const& r : rows) {
    INFO(r.name);
    CHECK(tshift::weights::name_of(r.type) == std::string(r.name));
    CHECK(tshift::weights::bits_of(r.type) == r.bits);
    auto const size = static_cast<std::size_t>(r.bits);  // eight elements
    auto const header = typed(r.name, "[4,2]", "[0," + std::to_string(size) + "]");
    bytes_t const file = file_of(header, size);
    safetensors const weights = safetensors::parse(file);
    CHECK(weights.tensors()[0].type == r.type);
    state_dict const& dict = weights.state_dict();
    REQUIRE(dict.contains("a"));
    CHECK(dict.find("a")->type == r.type);
    CHECK(dict.find("a")->bytes.data() == file.data() + dict.find("a")->byte);
    CHECK(dict.find("a")->bytes.size() == size);
    CHECK(dict.find("a")->shape == std::vector<index_t>{4, 2});
    CHECK(dict.find("a")->byte == 8 + static_cast<index_t>(header.size()));
  }
  CHECK(tshift::weights::dtype_of<bool>() == dtype::boolean);
  CHECK(tshift::weights::dtype_of<unsigned char>() == dtype::u8);
  CHECK(tshift::weights::dtype_of<std::int8_t>() == dtype::i8);
  CHECK(tshift::weights::dtype_of<std::int16_t>() == dtype::i16);
  CHECK(tshift::weights::dtype_of<std::uint16_t>() == dtype::u16);
  CHECK(tshift::weights::dtype_of<int>() == dtype::i32);
  CHECK(tshift::weights::dtype_of<unsigned>() == dtype::u32);
  CHECK(tshift::weights::dtype_of<std::int64_t>() == dtype::i64);
  CHECK(tshift::weights::dtype_of<std::uint64_t>() == dtype::u64);
  CHECK(tshift::weights::dtype_of<float>() == dtype::f32);
  CHECK(tshift::weights::dtype_of<double>() == dtype::f64);
  CHECK(tshift::weights::dtype_of<std::complex<float>>() == dtype::c64);
}

TEST_CASE("A length that cannot be is refused", "[safetensors]") {
  auto const with_length = [](std::uint64_t length) { return parse_message(file_of("{}", 0, length)); };
  struct row {
    std::uint64_t length;
    char const* message;
  };
  row const rows[] = {
      {3, "W.safetensors: a header of 3 bytes is announced, but 2 follow (byte 0)"},
      {std::uint64_t{1} << 63,
       "W.safetensors: a header of 9223372036854775808 bytes is announced, but 2 follow (byte 0)"},
      {~std::uint64_t{0}, "W.safetensors: a header of 18446744073709551615 bytes is announced, but 2 follow (byte 0)"},
      {~std::uint64_t{0} - 7,
       "W.safetensors: a header of 18446744073709551608 bytes is announced, but 2 follow (byte 0)"},
      {0, "W.safetensors: the header must begin with '{' (byte 8)"},
      {1, "W.safetensors: the header is not valid JSON (byte 9)"},
      {2, ""},
  };
  for (row const& r : rows) CHECK(with_length(r.length) == r.message);
  CHECK(std::size(rows) == 7);
  for (std::size_t size = 0; size < 8; ++size) {
    CHECK(parse_message(bytes_t(size)) ==
          "W.safetensors: has " + std::to_string(size) + " bytes, must begin with 8 for the header's length");
  }

  // A header of 100,000,000 bytes is allowed, and one byte more is not. Holes in files take no room.
  scratch_folder const folder;
  for (std::uint64_t const length : {100'000'000u, 100'000'001u}) {
    fs::path const path = folder / "long";
    put(path, file_of("", 0, length));
    fs::resize_file(path, 8 + length);
    CHECK(file_message_of([&] { safetensors::open(path); }) ==
          path.string() + (length == 100'000'000 ? ": the header is not valid JSON (byte 8)"
                                                 : ": a header of 100000001 bytes is announced, must be at most "
                                                   "100000000 (byte 0)"));
  }
}

TEST_CASE("A header that breaks a rule is refused with tensor and byte", "[safetensors]") {
  struct row {
    std::string header;
    std::size_t data;
    std::string marker;   // the message names the byte where this is in the header for the last time; "$": its end
    std::string message;  // without file and byte
  };
  auto const field = [](std::string const& key) { return '"' + key + '"'; };
  std::string const type = R"("dtype":"F32")", shape = R"("shape":[2])", offsets = R"("data_offsets":[0,8])";
  std::string const a = R"("a":{)" + type + "," + shape + "," + offsets + "}";
  std::string const no_json = "the header is not valid JSON", deep(100'000, '[');
  std::string const shape_rule = "tensor a: shape must be a list of integers from 0 to 9223372036854775807";
  std::string const offsets_rule =
      "tensor a: data_offsets must be a list of two integers from 0 to 9223372036854775807";
  auto const with_shape = [&](std::string const& text) { return one(type + R"(,"shape":)" + text + "," + offsets); };
  auto const with_offsets = [&](std::string const& text) {
    return one(type + "," + shape + R"(,"data_offsets":)" + text);
  };
  auto const with_name = [&](std::string const& name) {
    return R"({")" + name + R"(":{)" + type + "," + shape + "," + offsets + "}}";
  };
  auto const two = [&](std::string const& first, std::string const& second) {
    return R"({"a":{)" + type + "," + shape + R"(,"data_offsets":)" + first + R"(},"b":{)" + type + "," + shape +
           R"(,"data_offsets":)" + second + "}}";
  };

  std::vector<row> const rows = {
      // JSON at all
      {"", 0, "$", "the header must begin with '{'"},
      {" {}", 0, " ", "the header must begin with '{'"},
      {"[]", 0, "[", "the header must begin with '{'"},
      {"\xef\xbb\xbf{}", 0, "\xef", "the header must begin with '{'"},
      {"{", 0, "$", no_json},
      {"{}}", 0, "}", no_json},
      {"{} {}", 0, "{", no_json},
      {"{}x", 0, "x", no_json},
      {"{" + a, 8, "$", no_json},
      {"{" + a + ",}", 8, "}", no_json},
      {"{x}", 0, "x", no_json},
      {"{" + a + " // comment\n}", 8, "// comment", no_json},
      {R"({"a)", 0, "$", no_json},
      {"{\"\xff\":{}}", 0, "\xff", no_json},
      {"{\"\xc3\":{}}", 0, "\":", no_json},
      {"{\"\xed\xa0\x80\":{}}", 0, "\xa0", no_json},
      {R"({"\ud800":{}})", 0, "\":", no_json},
      {"{\"\n\":{}}", 0, "\n", no_json},
      {"{}\0"s, 0, "\0"s, no_json},
      {"{}\0garbage"s, 0, "\0"s, no_json},
      {"{" + a + ",\"b\0\":{}}"s, 8, "\0"s, no_json},
      {R"({"a":)" + deep, 0, "$$", "tensor a must be an object"},
      // the top level
      {"{" + a + "," + a + "}", 8, R"("a")", "tensor a is there twice"},
      {"{" + a + R"(,"\u0061":{}})", 8, R"("\u0061")", "tensor a is there twice"},
      {R"({"a":1})", 0, R"("a")", "tensor a must be an object"},
      {R"({"a":-1})", 0, R"("a")", "tensor a must be an object"},
      {R"({"a":1.5})", 0, R"("a")", "tensor a must be an object"},
      {R"({"a":"x"})", 0, R"("a")", "tensor a must be an object"},
      {R"({"a":null})", 0, R"("a")", "tensor a must be an object"},
      {R"({"a":true})", 0, R"("a")", "tensor a must be an object"},
      {R"({"a":[]})", 0, R"("a")", "tensor a must be an object"},
      {with_name(std::string(4097, 'n')), 8, R"("n)",
       "tensor " + std::string(96, 'n') + "...: the name has more than 4096 bytes"},
      {with_name(std::string(4096, 'n')), 8, "", ""},
      {with_name(""), 8, "", ""},
      {with_name(R"(\"\\\")"), 0, R"("\")",
       R"(tensor "\": data_offsets [0, 8], but 0 bytes of data follow the header)"},
      {with_name(R"(\u0000\u001b)"), 0, R"("\u0000)",
       "tensor ??: data_offsets [0, 8], but 0 bytes of data follow the header"},
      // metadata
      {R"({"__metadata__":{},"__metadata__":{}})", 0, field("__metadata__"), "__metadata__ is there twice"},
      {R"({"__metadata__":null})", 0, field("__metadata__"), "__metadata__ must be an object"},
      {R"({"__metadata__":"x"})", 0, field("__metadata__"), "__metadata__ must be an object"},
      {R"({"__metadata__":[]})", 0, field("__metadata__"), "__metadata__ must be an object"},
      {R"({"__metadata__":{"k":1}})", 0, field("k"), "__metadata__: k must be a string"},
      {R"({"__metadata__":{"k":null}})", 0, field("k"), "__metadata__: k must be a string"},
      {R"({"__metadata__":{"j":"","k":{}}})", 0, field("k"), "__metadata__: k must be a string"},
      {R"({"__metadata__":{"k":["v"]}})", 0, field("k"), "__metadata__: k must be a string"},
      {R"({"__metadata__":{"k":"v","k":"v"}})", 0, field("k"), "__metadata__: k is there twice"},
      {R"({"__metadata__":{},"a":5})", 0, field("a"), "tensor a must be an object"},
      // the fields of a tensor
      {one(""), 0, field("a"), "tensor a: no dtype"},
      {one(shape + "," + offsets), 8, field("a"), "tensor a: no dtype"},
      {one(type + "," + offsets), 8, field("a"), "tensor a: no shape"},
      {one(type + "," + shape), 8, field("a"), "tensor a: no data_offsets"},
      {one(type + "," + shape + "," + offsets + R"(,"strides":[1])"), 8, field("strides"),
       "tensor a: unknown field strides"},
      {one(R"("Dtype":"F32")"), 8, field("Dtype"), "tensor a: unknown field Dtype"},
      {one(type + "," + shape + "," + type), 8, field("dtype"), "tensor a: dtype is there twice"},
      {one(shape + "," + shape), 8, field("shape"), "tensor a: shape is there twice"},
      {one(offsets + "," + offsets), 8, field("data_offsets"), "tensor a: data_offsets is there twice"},
      {one(R"("dtype":32)"), 8, field("dtype"), "tensor a: dtype must be a string"},
      {one(R"("dtype":null)"), 8, field("dtype"), "tensor a: dtype must be a string"},
      {one(R"("dtype":["F32"])"), 8, field("dtype"), "tensor a: dtype must be a string"},
      {one(R"("dtype":{})"), 8, field("dtype"), "tensor a: dtype must be a string"},
      {one(R"("dtype":"F33")"), 8, field("dtype"), "tensor a: unknown dtype F33"},
      {one(R"("dtype":"f32")"), 8, field("dtype"), "tensor a: unknown dtype f32"},
      {one(R"("dtype":"")"), 8, field("dtype"), "tensor a: unknown dtype "},
      {with_shape("2"), 8, field("shape"), shape_rule},
      {with_shape("null"), 8, field("shape"), shape_rule},
      {with_shape("\"2\""), 8, field("shape"), shape_rule},
      {with_shape("{}"), 8, field("shape"), shape_rule},
      {with_shape("[2.0]"), 8, field("shape"), shape_rule},
      {with_shape("[2e0]"), 8, field("shape"), shape_rule},
      {with_shape("[-2]"), 8, field("shape"), shape_rule},
      {with_shape("[-0]"), 8, field("shape"), shape_rule},
      {with_shape("[true]"), 8, field("shape"), shape_rule},
      {with_shape("[[2]]"), 8, field("shape"), shape_rule},
      {with_shape("[{}]"), 8, field("shape"), shape_rule},
      {with_shape("[9223372036854775808]"), 8, field("shape"), shape_rule},
      {with_shape("[18446744073709551618]"), 8, field("shape"), shape_rule},  // 2 modulo 2^64
      {with_shape("[02]"), 8, "2],\"d", no_json},
      {with_shape("[1e999]"), 8, "9],\"d", no_json},
      {with_shape("[1" +
                  [] {
                    std::string text;
                    for (int i = 1; i < 64; ++i) text += ",1";
                    return text;
                  }() +
                  "]"),
       8, field("a"), "tensor a: data_offsets [0, 8], must span 4 bytes"},
      {with_shape("[1" +
                  [] {
                    std::string text;
                    for (int i = 1; i < 65; ++i) text += ",1";
                    return text;
                  }() +
                  "]"),
       8, field("shape"), "tensor a: shape has more than 64 dimensions"},
      {with_offsets("[]"), 8, field("data_offsets"), offsets_rule},
      {with_offsets("[0]"), 8, field("data_offsets"), offsets_rule},
      {with_offsets("[0,8,8]"), 8, field("data_offsets"), offsets_rule},
      {with_offsets("[0" +
                    [] {
                      std::string more;
                      for (int i = 0; i < 100; ++i) more += ",8";
                      return more;
                    }() +
                    "]"),
       8, field("data_offsets"), offsets_rule},  // no talk of dimensions
      {with_offsets("8"), 8, field("data_offsets"), offsets_rule},
      {with_offsets("\"x\""), 8, field("data_offsets"), offsets_rule},
      {with_offsets("[0,8.0]"), 8, field("data_offsets"), offsets_rule},
      {with_offsets("[-8,0]"), 8, field("data_offsets"), offsets_rule},
      {with_offsets("[0,9223372036854775808]"), 8, field("data_offsets"), offsets_rule},
      // sizes
      {typed("F32", "[4611686018427387904,4]", "[0,0]"), 0, field("a"),
       "tensor a: shape [4611686018427387904, 4] of F32 overflows"},
      {typed("F32", "[0,4611686018427387904,4]", "[0,0]"), 0, field("a"),
       "tensor a: shape [0, 4611686018427387904, 4] of F32 overflows"},
      {typed("F32", "[4611686018427387904,4,0]", "[0,0]"), 0, field("a"),
       "tensor a: shape [4611686018427387904, 4, 0] of F32 overflows"},
      {typed("F32", "[4294967296,4294967296]", "[0,0]"), 0, field("a"),
       "tensor a: shape [4294967296, 4294967296] of F32 overflows"},
      {typed("F64", "[2305843009213693952]", "[0,0]"), 0, field("a"),
       "tensor a: shape [2305843009213693952] of F64 overflows"},
      {typed("F64", "[144115188075855872]", "[0,0]"), 0, field("a"),
       "tensor a: shape [144115188075855872] of F64 overflows"},
      {typed("F64", "[144115188075855871]", "[0,0]"), 0, field("a"),
       "tensor a: data_offsets [0, 0], must span 1152921504606846968 bytes"},
      {typed("F4", "[3]", "[0,1]"), 1, field("a"), "tensor a: shape [3] of F4 is 12 bits, must be whole bytes"},
      {typed("F6_E3M2", "[2]", "[0,2]"), 2, field("a"),
       "tensor a: shape [2] of F6_E3M2 is 12 bits, must be whole bytes"},
      {with_offsets("[8,0]"), 8, field("a"), "tensor a: data_offsets [8, 0], the first must not be the greater"},
      {with_offsets("[0,8]"), 7, field("a"), "tensor a: data_offsets [0, 8], but 7 bytes of data follow the header"},
      {with_offsets("[9223372036854775799,9223372036854775807]"), 8, field("a"),
       "tensor a: data_offsets [9223372036854775799, 9223372036854775807], but 8 bytes of data follow the header"},
      {with_offsets("[0,7]"), 8, field("a"), "tensor a: data_offsets [0, 7], must span 8 bytes"},
      {with_offsets("[0,9]"), 9, field("a"), "tensor a: data_offsets [0, 9], must span 8 bytes"},
      {typed("F32", "[]", "[0,0]"), 0, field("a"), "tensor a: data_offsets [0, 0], must span 4 bytes"},
      {typed("F32", "[0]", "[0,4]"), 4, field("a"), "tensor a: data_offsets [0, 4], must span 0 bytes"},
      {typed("F32", "[0]", "[1,1]"), 0, field("a"),
       "tensor a: data_offsets [1, 1], but 0 bytes of data follow the header"},
      // coverage; the byte is one of the data
      {with_offsets("[1,9]"), 9, "$", "tensor a: 1 bytes in front of its data belong to no tensor"},
      {with_offsets("[0,8]"), 9, "$+8", "1 bytes after the last tensor belong to none"},
      {"{}", 1, "$", "1 bytes after the last tensor belong to none"},
      {two("[0,8]", "[8,16]"), 16, "", ""},
      {two("[8,16]", "[0,8]"), 16, "", ""},
      {two("[0,8]", "[9,17]"), 17, "$+8", "tensor b: 1 bytes in front of its data belong to no tensor"},
      {two("[0,8]", "[7,15]"), 15, "$+7", "tensor b: its data overlap those of a"},
      {two("[4,12]", "[0,8]"), 12, "$+4", "tensor a: its data overlap those of b"},
      {two("[0,8]", "[0,8]"), 8, "$", ""},  // either of the two: see below
      {R"({"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"y":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
       3, "$+1", "tensor y: its data overlap those of x"},
  };
  std::size_t refused = 0;
  for (row const& r : rows) {
    INFO(r.header.substr(0, 200));
    std::string const message = parse_message(file_of(r.header, r.data));
    if (r.header == two("[0,8]", "[0,8]")) {
      std::string const byte = std::to_string(8 + r.header.size());
      CHECK((message == "W.safetensors: tensor b: its data overlap those of a (byte " + byte + ")" ||
             message == "W.safetensors: tensor a: its data overlap those of b (byte " + byte + ")"));
      ++refused;
      continue;
    }
    if (r.message.empty()) {
      CHECK(message.empty());
      continue;
    }
    std::size_t byte = 8 + r.header.rfind(r.marker);
    if (r.marker.starts_with("$")) byte = 8 + r.header.size();
    if (r.marker == "$$") byte = 8 + 1;  // the only key
    if (r.marker.starts_with("$+")) byte += static_cast<std::size_t>(std::stoi(r.marker.substr(2)));
    CHECK(message == "W.safetensors: " + r.message + " (byte " + std::to_string(byte) + ")");
    ++refused;
  }
  CHECK(refused == 111);
  CHECK(rows.size() == refused + 4);
}

TEST_CASE("A file cut off anywhere is refused", "[safetensors]") {
  bytes_t const whole = small_file();
  guard_pages memory(static_cast<index_t>(whole.size()));
  std::size_t cases = 0;
  for (std::size_t size = 0; size < whole.size(); ++size, ++cases) {
    // Against the closed page: a byte read too far ends the test.
    std::byte* const begin = memory.end() - size;
    std::copy_n(whole.begin(), size, begin);
    std::string const message = file_message_of([&] { safetensors::parse({begin, size}, "W"); });
    INFO(size);
    CHECK(message.starts_with("W: "));
  }
  CHECK(cases == whole.size());
  CHECK(parse_message(whole).empty());
  bytes_t longer = whole;
  longer.push_back(std::byte{0});
  CHECK(parse_message(longer) ==
        "W.safetensors: 1 bytes after the last tensor belong to none (byte " + std::to_string(whole.size()) + ")");
}

namespace {

// Parses; whatever is accepted must lie inside of the file and cover its data. Returns whether it was.
bool accepted(std::span<std::byte const> file) {
  std::optional<safetensors> weights;
  try {
    weights = safetensors::parse(file, "W");
  } catch (tshift::file_error const& error) {
    if (!std::string(error.what()).starts_with("W: ")) FAIL(error.what());
    return false;
  }
  auto const data = 8 + static_cast<std::size_t>(tshift::detail::load_little<std::uint64_t>(file.data()));
  std::size_t covered = 0;
  for (tensor const& tensor : weights->tensors()) {
    auto const begin = static_cast<std::size_t>(tensor.byte);
    bool const inside = begin >= data && begin <= file.size() && tensor.bytes.size() <= file.size() - begin &&
                        tensor.bytes.data() == file.data() + begin;
    auto const bits =
        static_cast<std::size_t>(tshift::detail::element_count(tensor.shape) * tshift::weights::bits_of(tensor.type));
    if (!inside || bits != tensor.bytes.size() * 8 || weights->find(tensor.name) != &tensor) {
      FAIL("tensor " << tensor.name << " is accepted where it cannot be");
    }
    covered += tensor.bytes.size();
  }
  if (covered != file.size() - data) FAIL("the tensors cover " << covered << " bytes of data");
  if (static_cast<std::size_t>(weights->state_dict().size()) != weights->tensors().size()) FAIL("tensors are lost");
  return true;
}

}  // namespace

TEST_CASE("A file with any byte of its header replaced is refused, or stays inside of itself", "[safetensors]") {
  bytes_t const whole = small_file();
  auto const header = static_cast<std::size_t>(tshift::detail::load_little<std::uint64_t>(whole.data()));
  guard_pages memory(static_cast<index_t>(whole.size()));
  std::span<std::byte> const file(memory.end() - whole.size(), whole.size());
  std::copy(whole.begin(), whole.end(), file.begin());
  REQUIRE(accepted(file));
  long cases = 0, good = 0;
  for (std::size_t i = 0; i < 8 + header; ++i) {
    for (int change = 1; change < 256; ++change, ++cases) {
      file[i] = whole[i] ^ static_cast<std::byte>(change);
      good += accepted(file) ? 1 : 0;
    }
    file[i] = whole[i];
  }
  CHECK(header == 264);
  CHECK(cases == 272 * 255);
  CHECK(good > 100);  // other names, other types of the same size
  CHECK(good < cases / 10);
}

TEST_CASE("A file with pieces removed, repeated or replaced is refused, or stays inside of itself", "[safetensors]") {
  bytes_t const whole = small_file();
  random_bits random(2024);
  long cases = 0, good = 0;
  for (; cases < 20'000; ++cases) {
    bytes_t file = whole;
    for (index_t changes = random.in(1, 3); changes > 0; --changes) {
      auto const at = random.in(0, static_cast<index_t>(file.size()) - 1);
      auto const size = std::min(random.in(1, 12), static_cast<index_t>(file.size()) - at);
      bytes_t const piece(file.begin() + at, file.begin() + at + size);
      switch (random.in(0, 2)) {
        case 0: file.erase(file.begin() + at, file.begin() + at + size); break;
        case 1:
          file.insert(file.begin() + random.in(0, static_cast<index_t>(file.size())), piece.begin(), piece.end());
          break;
        default:
          std::copy(piece.begin(), piece.end(), file.begin() + random.in(0, static_cast<index_t>(file.size()) - size));
      }
      if (file.empty()) file.push_back(std::byte{1});
      // A right length lets the changes through to the rest.
      if (file.size() > 8 && random.chance(2)) {
        auto const header = static_cast<std::uint64_t>(
            std::max<index_t>(0, static_cast<index_t>(file.size()) - 8 - static_cast<index_t>(whole.size() - 8 - 264)));
        for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<std::byte>(header >> 8 * i & 0xff);
      }
    }
    good += accepted(file) ? 1 : 0;
  }
  CHECK(good > 0);
  CHECK(good < cases / 2);
}

TEST_CASE("A file's tensors reach whoever reads them as they are, and F64 as float is refused where it overflows",
          "[safetensors]") {
  std::vector<std::uint16_t> const ones{0x3c00, 0x3f80};  // 1 in F16 and in BF16
  std::vector<double> const large{0, std::numeric_limits<double>::infinity(), 1e300};
  auto const bytes = std::as_bytes(std::span(ones));
  bytes_t const memory = io::to_safetensors(
      {{"half", dtype::f16, {}, bytes.first(2)}, {"brain", dtype::bf16, {}, bytes.last(2)}, {"large", {3}, large}});
  safetensors const file = safetensors::parse(memory, "W.safetensors");
  state_dict const& weights = file.state_dict();
  // One dictionary, in which nothing was converted or copied.
  CHECK(&file.state_dict() == &weights);
  REQUIRE(weights.size() == 3);
  for (tensor const& each : weights) {
    CHECK(each.bytes.data() == memory.data() + each.byte);
    CHECK(file.find(each.name) == &each);
  }
  CHECK(weights.find("brain")->type == dtype::bf16);
  tshift::weights::state_reader<float> reader("model", weights);
  CHECK(reader.take("half", {})[0] == 1.f);
  CHECK(reader.take("brain", {})[0] == 1.f);
  CHECK(test_support::message_of([&] { reader.take("large", {3}); }) ==
        "W.safetensors: tensor large: 1e+300 is more than a float holds (byte " +
            std::to_string(weights.find("large")->byte + 16) + ")");
  CHECK(read_as<double>(*weights.find("large"))[2] == 1e300);
}

TEST_CASE("A file that is of another format is refused with what it looks like, and what to do", "[safetensors]") {
  auto const message = [](std::string const& text) { return parse_message(bytes_of(text)); };
  std::string const here = "W.safetensors: ", at = " (byte 0)";
  std::string const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 378300000\n";
  std::string const is_pointer =
      here + "is a Git LFS pointer, which only stands for the file: fetch the file itself with `git lfs pull`" + at;
  CHECK(message(pointer) == is_pointer);
  CHECK(message("version https://git-lfs.github.com/spec/v1\n") == is_pointer);
  std::string const save = "load it in Python and save its state_dict with safetensors.torch.save_file" + at;
  CHECK(message("PK\x03\x04"s + "\0\0\x08\x08\0\0\0\0archive/data.pkl"s) ==
        here + "is a zip archive, as torch.save writes it: " + save);
  CHECK(message("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."s) ==
        here + "is a pickle, as torch.save wrote it before PyTorch 1.6: " + save);
  CHECK(message("\x1f\x8b\x08\0\0\0\0\0\0\x03"s) == here + "is compressed by gzip: unpack it first" + at);
  // A gzip whose first bytes are a length that fits: the header is none.
  CHECK(message("\x1f\x8b\0\0\0\0\0\0"s + std::string(0x8b1f, 'x')) ==
        here + "is compressed by gzip: unpack it first" + at);
  for (char const* const page :
       {"<!DOCTYPE html><html>", "\xef\xbb\xbf\r\n <!doctype HTML>", "<html lang=en>", "<HTML>  "}) {
    CHECK(message(page) ==
          here + "is a web page, as a download leaves that failed or needs a login: fetch the file itself" + at);
  }
  for (char const* const json : {"{\n  \"metadata\": {\"total_size\": 1}}", "  {\"a\":1}"}) {
    CHECK(message(json) ==
          here + "is JSON alone: where it is the index of several files, open the files that it names" + at);
  }
  for (char const* const other : {"zebras and html>", "[1, 2, 3]", "<HTLM> is none", "<!doctype xml>"}) {
    CHECK(message(other).find("is a web page") == std::string::npos);
  }
  // Cut off inside of what tells: no guess, and no byte too far is read.
  std::size_t guesses = 0;
  for (std::size_t size = 8; size < pointer.size(); ++size) {
    guard_pages memory(static_cast<index_t>(size));
    std::byte* const begin = memory.end() - size;
    std::copy_n(std::as_bytes(std::span(pointer)).begin(), size, begin);
    guesses += file_message_of([&] { safetensors::parse({begin, size}, "W.safetensors"); }) == is_pointer ? 1u : 0u;
  }
  CHECK(guesses == pointer.size() - 23);
  // What begins like one of them and is right is read: the length of this header begins with gzip's two bytes.
  std::string header = R"({"__metadata__":{"k":")";
  header += std::string(0x8b1f - header.size() - 3, 'v') + "\"}}";
  CHECK(parse_message(file_of(header, 0)).empty());
  // And what is none of them keeps its sentence.
  CHECK(message("hello, world") == here + "a header of 8583909746840200552 bytes is announced, but 4 follow" + at);
  CHECK(message("{\0\0\0\0\0\0\0"s) == here + "a header of 123 bytes is announced, but 0 follow" + at);
}

TEMPLATE_TEST_CASE("Any bits survive being written and read", "[safetensors]", float, double) {
  random_bits random(7);
  scratch_folder const folder;
  auto const x = any_values<TestType>(1000, random), y = any_values<TestType>(30, random);
  state_dict weights("by hand");
  weights.add("x.weight", {10, 100}, x);
  weights.add("y", {2, 3, 5}, y);
  weights.add("one", {}, std::span(y).first(1));
  weights.add("none", {7, 0}, std::span<TestType const>());
  fs::path const path = folder / "w.safetensors";
  io::write_safetensors(path, weights, {{"a", "1"}, {"b\n", "\"\\\x01\x1f \x7f\xe2\x82\xac"}});

  state_dict read;
  {
    safetensors const file = safetensors::open(path);
    CHECK(file.source() == path.string());
    CHECK(file.metadata() == std::map<std::string, std::string>{{"a", "1"}, {"b\n", "\"\\\x01\x1f \x7f\xe2\x82\xac"}});
    read = file.state_dict();
    for (tensor const& each : file.tensors()) {
      CHECK(read.find(each.name)->bytes.data() == each.bytes.data());  // used where it lies
      CHECK(read.find(each.name)->byte == each.byte);
      CHECK((read_as<TestType>(each).native() == nullptr) == each.bytes.empty());
    }
    io::write_safetensors(path, {});  // another file in its place: the mapping stays
  }
  CHECK(safetensors::open(path).tensors().empty());
  CHECK(read.source() == path.string());
  REQUIRE(read.size() == 4);
  for (tensor const& each : weights) {
    REQUIRE(read.contains(each.name));
    CHECK(read.find(each.name)->type == each.type);
    CHECK(read.find(each.name)->shape == each.shape);
    CHECK(std::ranges::equal(read.find(each.name)->bytes, each.bytes));
  }
  // Of a file that is nobody's any more, the dictionary is taken over.
  state_dict const taken = safetensors::parse(io::to_safetensors({})).state_dict();
  CHECK(taken.source() == "memory");
}

TEST_CASE("Numbers at any address are read", "[safetensors]") {
  random_bits random(8);
  auto const floats = numbers<float>(9, random);
  auto const doubles = numbers<double>(9, random);
  bytes_t const file = io::to_safetensors({{"f", {9}, floats}, {"d", {9}, doubles}});
  int usable = 0;
  for (std::size_t shift = 0; shift < 16; ++shift) {
    bytes_t memory(file.size() + 16);
    std::byte* const begin = memory.data() + shift;
    std::copy(file.begin(), file.end(), begin);
    safetensors const weights = safetensors::parse({begin, file.size()});
    auto const f = read_as<float>(*weights.find("f"));
    auto const d = read_as<double>(*weights.find("d"));
    auto const f_as_double = read_as<double>(*weights.find("f"));
    auto const d_as_float = read_as<float>(*weights.find("d"));
    bool right = true;
    for (index_t i = 0; i < 9; ++i) {
      auto const at = static_cast<std::size_t>(i);
      right = right && f[i] == floats[at] && d[i] == doubles[at] && d_as_float[i] == static_cast<float>(doubles[at]) &&
              f_as_double[i] == static_cast<double>(floats[at]);
    }
    CHECK(right);
    CHECK(f_as_double.native() == nullptr);
    CHECK(d_as_float.native() == nullptr);
    usable += f.native() != nullptr ? 1 : 0;
  }
  CHECK(usable == 4);
}

TEST_CASE("What is written is what Python's safetensors writes", "[safetensors]") {
  float const six[] = {0, 1, 2, 3, 4, 5};
  std::string const data("\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40", 24);
  CHECK(io::to_safetensors({}) == bytes_of("\x08\0\0\0\0\0\0\0{}      "s));
  CHECK(io::to_safetensors({}, {{"framework", "pt"}}) ==
        bytes_of("\x28\0\0\0\0\0\0\0"s + R"({"__metadata__":{"framework":"pt"}}     )"));
  CHECK(io::to_safetensors({{"attn.0", {1, 2, 3}, six}}) ==
        bytes_of("\x40\0\0\0\0\0\0\0"s + R"({"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}})" + data));
  CHECK(io::to_safetensors({{"attn0", {1, 1, 2, 3}, six}}) ==
        bytes_of("\x48\0\0\0\0\0\0\0"s + R"({"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       )" +
                 data));
  // Larger types first, then names by their bytes, whatever the order they are given in.
  std::int64_t const eight[] = {0x0807060504030201};
  std::uint8_t const byte[] = {255};
  bytes_t const sorted =
      bytes_of("\x08\1\0\0\0\0\0\0"s +
               R"({"__metadata__":{"format":"pt"},"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
               R"("B":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
               R"("a\"\n\u0001é":{"dtype":"F32","shape":[],"data_offsets":[12,16]},)"
               R"("c":{"dtype":"U8","shape":[1],"data_offsets":[16,17]}})" +
               "     " + "\1\2\3\4\5\6\7\10\0\0\x80\x3f\0\0\0\x40\xff"s);
  std::span const one_float(six + 1, 1), two_float(six + 2, 1);
  CHECK(io::to_safetensors({{"c", {1}, byte}, {"a\"\n\x01é", {}, two_float}, {"B", {1}, one_float}, {"i", {1}, eight}},
                           {{"format", "pt"}}) == sorted);

  scratch_folder const folder;
  io::write_safetensors(folder / "x", {{"attn.0", {1, 2, 3}, six}});
  CHECK(contents(folder / "x") == io::to_safetensors({{"attn.0", {1, 2, 3}, six}}));
  CHECK(folder.files() == 1);
}

TEST_CASE("A file that would break a rule is not written", "[safetensors]") {
  scratch_folder const folder;
  fs::path const path = folder / "out.safetensors";
  bytes_t const before = bytes_of("precious");
  put(path, before);
  float const two[] = {1, 2};
  auto const write = [&](std::vector<tensor> const& tensors, std::map<std::string, std::string> const& metadata = {}) {
    return [&path, tensors, metadata] { io::write_safetensors(path, tensors, metadata); };
  };
  struct refusal {
    std::string message;  // without the file
    std::function<void()> call;
  };
  std::vector<refusal> const all = {
      {"tensor __metadata__: the name is taken by the format", write({{"__metadata__", {2}, two}})},
      {"tensor a: shape [3] of F32 does not fit the 8 bytes that are given", write({{"a", {3}, two}})},
      {"tensor a: shape [] of F32 does not fit the 8 bytes that are given", write({{"a", {}, two}})},
      {"tensor a: shape [-2, -1] of F32 does not fit the 8 bytes that are given", write({{"a", {-2, -1}, two}})},
      {"tensor a: shape [4611686018427387904, 4] of F32 does not fit the 0 bytes that are given",
       write({{"a", {index_t{1} << 62, 4}, std::span(two, 0)}})},
      {"tensor a: shape [576460752303423488] of F32 does not fit the 0 bytes that are given",
       write({{"a", {index_t{1} << 59}, std::span(two, 0)}})},
      {"tensor a: shape [15] of F4 does not fit the 8 bytes that are given",
       write({{"a", dtype::f4, {15}, std::as_bytes(std::span(two))}})},
      {"tensor a is there twice (byte 62)", write({{"a", {2}, two}, {"a", {1}, std::span(two, 1)}})},
      {"tensor " + std::string(96, 'n') + "...: the name has more than 4096 bytes (byte 9)",
       write({{std::string(4097, 'n'), {2}, two}})},
      {"tensor a: shape has more than 64 dimensions (byte 28)",
       write({{"a", std::vector<index_t>(65, 1), std::span(two, 1)}})},
      {"a name or a text of the metadata is not UTF-8 (byte 10)", write({{"\xff", {2}, two}})},
      {"a name or a text of the metadata is not UTF-8 (byte 32)", write({{"a", {2}, two}}, {{"key", "\xc0\x80"}})},
      {"names, shapes and metadata make a header of 100000032 bytes, must be at most 100000000",
       write({}, {{"k", std::string(100'000'000, 'x')}})},
  };
  for (refusal const& one : all) {
    CHECK(file_message_of(one.call) == path.string() + ": " + one.message);
    CHECK(contents(path) == before);
  }
  CHECK(all.size() == 13);
  CHECK(folder.files() == 1);
}

TEST_CASE("Files that cannot be read are refused", "[safetensors]") {
  scratch_folder const folder;
  auto const open = [&](fs::path const& path) { return file_message_of([&] { safetensors::open(path); }); };
  fs::path const missing = folder / "missing", empty = folder / "empty", pipe = folder / "pipe";
  CHECK(open(missing) == missing.string() + ": cannot be opened: " + system_text(std::errc::no_such_file_or_directory));
  put(empty, {});
  CHECK(open(empty) == empty.string() + ": has 0 bytes, must begin with 8 for the header's length");
  CHECK(open(folder.path()) == folder.path().string() + ": is a folder, must be a file");
  CHECK(open(empty / "below") ==
        (empty / "below").string() + ": cannot be opened: " + system_text(std::errc::not_a_directory));
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(open(pipe) == pipe.string() + ": is not a regular file and cannot be mapped");  // and nobody waits
  CHECK(open("") == "cannot be opened: " + system_text(std::errc::no_such_file_or_directory));
  fs::path const path = folder / "w";
  put(path, small_file());
  safetensors const one = safetensors::open(path);
  safetensors const copy = one;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the point
  CHECK(copy.tensors()[0].bytes.data() == one.tensors()[0].bytes.data());
  CHECK(copy.find("w") == &copy.tensors()[3]);
  safetensors other = safetensors::parse(file_of("{}", 0));
  other = copy;
  CHECK(other.find("w")->bytes.data() == one.find("w")->bytes.data());
  other = safetensors::parse(file_of("{}", 0));
  CHECK(other.tensors().empty());
}

namespace {

// Root may do everything; as somebody else for a moment it may not.
class without_privileges {
 public:
  without_privileges() : user_(::geteuid()) {
    if (user_ == 0 && ::seteuid(65534) != 0) throw std::runtime_error("root cannot become another user here");
  }
  without_privileges(without_privileges const&) = delete;
  without_privileges& operator=(without_privileges const&) = delete;
  ~without_privileges() {
    if (::seteuid(user_) != 0) std::abort();
  }

 private:
  uid_t user_;
};

}  // namespace

TEST_CASE("Files that cannot be written stay as they were", "[safetensors]") {
  scratch_folder const folder;
  float const two[] = {1, 2};
  std::vector<tensor> const tensors{{"a", {2}, two}};
  auto const write = [&](fs::path const& path) {
    return file_message_of([&] { io::write_safetensors(path, tensors); });
  };
  bytes_t const expected = io::to_safetensors(tensors), before = bytes_of("precious");

  fs::path const nowhere = folder / "missing" / "w";
  CHECK(write(nowhere) ==
        nowhere.string() + ": cannot be written: " + system_text(std::errc::no_such_file_or_directory));
  CHECK(write(folder.path()) == folder.path().string() + ": is a folder, must be a file");
  fs::path const pipe = folder / "pipe", path = folder / "w";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(write(pipe) == pipe.string() + ": is not a regular file and is not replaced");
  CHECK(fs::is_fifo(pipe));

  // An existing file is replaced and keeps its permissions; a link stays a link.
  put(path, before);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
  CHECK(write(path).empty());
  CHECK(contents(path) == expected);
  CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read));
  put(path, before);
  fs::path const link = folder / "link", dangling = folder / "dangling";
  fs::create_symlink("w", link);
  CHECK(write(link).empty());
  CHECK(fs::is_symlink(link));
  CHECK(contents(path) == expected);
  fs::create_symlink("nothing", dangling);
  CHECK(write(dangling) ==
        dangling.string() + ": cannot be written: " + system_text(std::errc::no_such_file_or_directory));

  // The disk is full after any number of bytes, as far as this process is concerned.
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  for (std::size_t room = 0; room <= expected.size(); ++room) {
    put(path, before);
    rlimit const small{room, old.rlim_max};
    bool const limited = ::setrlimit(RLIMIT_FSIZE, &small) == 0;
    std::string const full = write(path);  // nothing else may write now, not even Catch2
    bool const restored = ::setrlimit(RLIMIT_FSIZE, &old) == 0;
    INFO(room);
    REQUIRE(limited);
    REQUIRE(restored);
    bool const fits = room == expected.size();
    CHECK(full == (fits ? "" : path.string() + ": cannot be written: " + system_text(std::errc::file_too_large)));
    CHECK(contents(path) == (fits ? expected : before));
  }
  std::signal(SIGXFSZ, handler);
  put(path, before);

  // No permission: for the folder, for the file, to read.
  std::string const denied = ": cannot be written: " + system_text(std::errc::permission_denied);
  std::string in_folder, of_file, to_read;
  fs::path const fresh = folder / "fresh", locked = folder / "locked" / "w", secret = folder / "secret";
  fs::create_directory(folder / "locked");
  put(locked, before);
  put(secret, before);
  fs::permissions(secret, fs::perms::none);
  fs::permissions(locked, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  fs::permissions(folder / "locked", fs::perms::all);
  // Root's group stays root's.
  fs::perms const enter = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  fs::permissions(folder.path(), fs::perms::owner_read | enter);
  {
    without_privileges const nobody;
    in_folder = write(fresh);
    of_file = write(locked);
    to_read = file_message_of([&] { safetensors::open(secret); });
  }
  fs::permissions(folder.path(), fs::perms::owner_all);
  CHECK(in_folder == fresh.string() + denied);
  CHECK(of_file == locked.string() + denied);
  CHECK(to_read == secret.string() + ": cannot be opened: " + system_text(std::errc::permission_denied));
  CHECK(contents(locked) == before);
  CHECK(folder.files() == 6);  // pipe, w, link, dangling, locked, secret: nothing half-written is left
}

TEST_CASE("Names that are taken beside a file are passed over", "[safetensors]") {
  scratch_folder const folder;
  float const two[] = {1, 2};
  fs::path const path = folder / "w";
  bytes_t const before = bytes_of("precious");
  put(path, before);
  auto const write = [&] { return file_message_of([&] { io::write_safetensors(path, {{"a", {2}, two}}); }); };
  auto const taken = [&](int attempt) {
    return folder / (".tshift-" + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".part");
  };
  for (int i = 0; i <= 1000; ++i) put(taken(i), before);
  CHECK(write() == path.string() + ": cannot be written: " + system_text(std::errc::file_exists));
  CHECK(contents(path) == before);
  fs::remove(taken(1000));
  CHECK(write().empty());
  CHECK(contents(path) == io::to_safetensors({{"a", {2}, two}}));
  CHECK(contents(taken(0)) == before);
  CHECK(folder.files() == 1001);
}
