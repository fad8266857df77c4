// SPDX-License-Identifier: MIT
#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tshift/view.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::layout;
using tshift::shape;
using tshift::strides;
using tshift::tensor_view;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr index_t least = std::numeric_limits<index_t>::min();

struct pixel {
  std::uint8_t r, g, b;
};

// Strides of a dense view of nothing: sizes are only computed with, memory is never touched.
template <class T = float>
constexpr strides dense(shape dims, layout order = layout::ntc) {
  return tensor_view<T>(static_cast<T*>(nullptr), dims, order).strides;
}

template <class T>
std::string refused(shape dims, layout order = layout::ntc) {
  return message_of([&] { tensor_view<T>(static_cast<T*>(nullptr), dims, order); });
}

template <class T>
std::string refused(shape dims, strides steps) {
  return message_of([&] { tensor_view<T>(static_cast<T*>(nullptr), dims, steps); });
}

// 0, 1, 2, ... in memory order; the element at each index, read in the order n, t, c, s.
template <layout Order>
constexpr std::array<int, 24> walk() {
  std::array<int, 24> memory = {};
  for (int i = 0; i < 24; ++i) memory[static_cast<std::size_t>(i)] = i;
  tensor_view<int const> const view(memory.data(), {2, 3, 2, 2}, Order);
  std::array<int, 24> read = {};
  std::size_t next = 0;
  for (index_t n = 0; n < 2; ++n)
    for (index_t t = 0; t < 3; ++t)
      for (index_t c = 0; c < 2; ++c)
        for (index_t s = 0; s < 2; ++s) read[next++] = view(n, t, c, s);
  return read;
}

}  // namespace

TEST_CASE("A view is a description: trivially copyable, and empty by default", "[view]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<tensor_view<float>>);
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<tensor_view<float>>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<shape>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<strides>);
  STATIC_REQUIRE(tensor_view<float>().data == nullptr);
  STATIC_REQUIRE(tensor_view<float>().shape == shape{1, 0, 0, 1});
  STATIC_REQUIRE(tensor_view<float>().strides == strides{});
  STATIC_REQUIRE(tensor_view<float>().size() == 0);
  STATIC_REQUIRE(tensor_view<float>().length(0) == 0);
  STATIC_REQUIRE(shape{} == shape{1, 0, 0, 1});
  // Any trivially copyable element.
  STATIC_REQUIRE(std::is_same_v<tensor_view<pixel>::element_type, pixel>);
  STATIC_REQUIRE(std::is_same_v<tensor_view<std::complex<double> const>::element_type, std::complex<double> const>);
}

TEST_CASE("Each layout has its dense strides", "[view]") {
  constexpr shape dims = {2, 3, 5, 7};
  STATIC_REQUIRE(dense(dims, layout::ntcs) == strides{105, 35, 7, 1});
  STATIC_REQUIRE(dense(dims, layout::ntsc) == strides{105, 35, 1, 5});
  STATIC_REQUIRE(dense(dims, layout::ncts) == strides{105, 7, 21, 1});
  STATIC_REQUIRE(dense(dims, layout::tncs) == strides{35, 70, 7, 1});

  // Speech: no space.
  STATIC_REQUIRE(dense({2, 3, 5}, layout::ntc) == strides{15, 5, 1, 1});
  STATIC_REQUIRE(dense({2, 3, 5}, layout::nct) == strides{15, 1, 3, 1});
  STATIC_REQUIRE(dense({2, 3, 5}, layout::tnc) == strides{5, 10, 1, 1});
  STATIC_REQUIRE(layout::ntc == layout::ntcs);
  STATIC_REQUIRE(layout::nct == layout::ncts);
  STATIC_REQUIRE(layout::tnc == layout::tncs);

  STATIC_REQUIRE(dense({2, 3, 5, 7}) == dense({2, 3, 5, 7}, layout::ntcs));
  STATIC_REQUIRE(tensor_view<float>(static_cast<float*>(nullptr), dims).size() == 210);
}

TEST_CASE("Elements of each layout are where its name says", "[view]") {
  STATIC_REQUIRE(walk<layout::ntcs>() ==
                 std::array{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23});
  STATIC_REQUIRE(walk<layout::ntsc>() ==
                 std::array{0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15, 16, 18, 17, 19, 20, 22, 21, 23});
  STATIC_REQUIRE(walk<layout::ncts>() ==
                 std::array{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 12, 13, 18, 19, 14, 15, 20, 21, 16, 17, 22, 23});
  STATIC_REQUIRE(walk<layout::tncs>() ==
                 std::array{0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23});
}

TEST_CASE("Explicit strides reach slices, transposed and flipped memory", "[view]") {
  std::array<int, 12> memory = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  // Channels 1 and 2 of [T = 3, C = 4].
  tensor_view<int> const slice(memory.data() + 1, {1, 3, 2}, strides{12, 4, 1, 1});
  REQUIRE(slice(0, 0, 0) == 1);
  REQUIRE(slice(0, 2, 1) == 10);
  // Backwards in time.
  tensor_view<int> const flipped(memory.data() + 8, {1, 3, 4}, strides{12, -4, 1, 1});
  REQUIRE(flipped(0, 0, 0) == 8);
  REQUIRE(flipped(0, 2, 3) == 3);
  REQUIRE(flipped.at(0, 1, 0) == memory.data() + 4);
  // One frame repeated.
  tensor_view<int const> const repeated(memory.data(), {1, 100, 4}, strides{0, 0, 1, 1});
  REQUIRE(repeated(0, 99, 2) == 2);
  // Writing through a view writes the memory.
  slice(0, 0, 0) = 77;
  REQUIRE(memory[1] == 77);
  *slice.at(0, 1, 0) = 78;
  REQUIRE(memory[5] == 78);
}

TEST_CASE("A view converts to a view that only reads, never back", "[view]") {
  STATIC_REQUIRE(std::is_convertible_v<tensor_view<float>, tensor_view<float const>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<tensor_view<float const>, tensor_view<float>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<tensor_view<float>, tensor_view<double>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<tensor_view<float>, tensor_view<double const>>);

  std::array<float, 12> memory = {};
  std::array<index_t, 2> const lengths = {1, 2};
  tensor_view<float> const view(memory.data(), {2, 2, 3}, layout::nct, lengths);
  tensor_view<float const> const read = view;
  REQUIRE(read.data == view.data);
  REQUIRE(read.shape == view.shape);
  REQUIRE(read.strides == view.strides);
  REQUIRE(read.lengths.data() == lengths.data());
  REQUIRE(read.lengths.size() == 2);
}

TEST_CASE("The element type of a view is deduced from pointer or span", "[view]") {
  std::array<float, 6> memory = {};
  std::array<float, 6> const constant = {};
  tensor_view const from_pointer(memory.data(), shape{1, 2, 3});
  tensor_view const from_const(constant.data(), shape{1, 2, 3}, layout::nct);
  tensor_view const from_strides(memory.data(), shape{1, 2, 3}, strides{6, 3, 1, 1});
  tensor_view const from_span(std::span<float>(memory), shape{1, 2, 3});
  tensor_view const from_fixed_span(std::span<float const, 6>(constant), shape{1, 2, 3});
  STATIC_REQUIRE(std::is_same_v<decltype(from_pointer), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(from_const), tensor_view<float const> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(from_strides), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(from_span), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(from_fixed_span), tensor_view<float const> const>);
  REQUIRE(from_fixed_span.size() == 6);
  REQUIRE(from_const.strides == strides{6, 1, 2, 1});
  REQUIRE(from_strides.strides == from_pointer.strides);
  REQUIRE(from_span.data == memory.data());
}

TEST_CASE("A view is made of memory that knows its size, whatever its kind", "[view]") {
  constexpr shape dims{.time = 3, .channels = 2};
  std::vector<float> vector(6);
  std::array<float, 6> array = {};
  float plain[6] = {};
  std::span<float> const span(vector);
  std::vector<float> const const_vector(6);
  std::array<float, 6> const const_array = {};
  float const const_plain[6] = {};
  tensor_view const of_vector(vector, dims), of_array(array, dims), of_plain(plain, dims), of_span(span, dims);
  tensor_view const of_const_vector(const_vector, dims), of_const_array(const_array, dims),
      of_const_plain(const_plain, dims);
  for (tensor_view<float> const& view : {of_vector, of_array, of_plain, of_span}) {
    REQUIRE(view.shape == dims);
    REQUIRE(view.strides == strides{6, 2, 1, 1});
  }
  STATIC_REQUIRE(std::is_same_v<decltype(of_vector), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(of_array), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(of_plain), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(of_span), tensor_view<float> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(of_const_vector), tensor_view<float const> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(of_const_array), tensor_view<float const> const>);
  STATIC_REQUIRE(std::is_same_v<decltype(of_const_plain), tensor_view<float const> const>);
  REQUIRE(of_vector.data == vector.data());
  REQUIRE(of_array.data == array.data());
  REQUIRE(of_plain.data == plain);
  REQUIRE(of_span.data == vector.data());
  REQUIRE(of_const_plain.data == const_plain);

  // Layout, strides and lengths as for a pointer.
  std::array<index_t, 1> const lengths = {2};
  tensor_view const ordered(vector, dims, layout::nct, lengths);
  REQUIRE(ordered.strides == strides{6, 1, 3, 1});
  REQUIRE(ordered.length(0) == 2);
  tensor_view const stepped(plain, shape{.time = 3, .channels = 1}, strides{0, 2, 0, 0}, lengths);
  REQUIRE(stepped.at(0, 2, 0) == plain + 4);
  REQUIRE(stepped.length(0) == 2);

  // A view that reads is made of what may be written, and where one is wanted braces are enough.
  tensor_view<float const> const reads(vector, dims);
  REQUIRE(reads.data == vector.data());
  auto const size_of = [](tensor_view<float const> const& x) { return x.size(); };
  REQUIRE(size_of({vector, dims}) == 6);
  REQUIRE(size_of({const_plain, dims}) == 6);
  REQUIRE(size_of({span.first(2), {.time = 1, .channels = 2}}) == 2);  // a temporary span owns nothing

  // Not: const memory to be written, elements of another type, a derived class, whose elements are further apart.
  struct wide : pixel {
    std::uint8_t a;
  };
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<float>, std::vector<float> const&, shape>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<float>, float const(&)[6], shape>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<float>, float const*, shape>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<float>, std::vector<double>&, shape>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<bool>, std::vector<bool>&, shape>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<pixel>, wide*, shape>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<tensor_view<pixel>, wide(&)[2], shape>);
  STATIC_REQUIRE(std::is_constructible_v<tensor_view<float const>, float*, shape>);
  STATIC_REQUIRE(std::is_constructible_v<tensor_view<float const>, std::nullptr_t, shape>);
}

TEST_CASE("Memory that is too short for its view is refused, whatever its kind", "[view]") {
  constexpr shape dims{.time = 3, .channels = 6};
  constexpr char short_by_one[] = "tensor_view: memory has 17 elements, must have >= 18";
  std::vector<float> vector(17);
  std::array<float, 17> array = {};
  float plain[17] = {};
  float const const_plain[17] = {};
  REQUIRE(message_of([&] { tensor_view<float>(vector, dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view<float const>(vector, dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view<float>(array, dims, layout::nct); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view<float>(plain, dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view const x(plain, dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view const x(const_plain, dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view<float const>(const_plain, dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view<float>(std::span(vector), dims); }) == short_by_one);
  REQUIRE(message_of([&] { tensor_view<float>(vector, dims, strides{0, 6, 1, 0}); }) == short_by_one);
  // One frame less fits, and so does what has no elements.
  REQUIRE(message_of([&] { tensor_view<float>(plain, shape{.time = 2, .channels = 6}); }).empty());
  REQUIRE(message_of([&] { tensor_view<float>(plain, shape{.time = 0, .channels = 100}); }).empty());
  REQUIRE(message_of([&] { tensor_view<float>(plain, shape{0, 3, 6}, strides{-1, -1, -1, -1}); }).empty());
  std::vector<float> const nothing;
  REQUIRE(message_of([&] { tensor_view<float const>(nothing, shape{}); }).empty());
}

TEST_CASE("Strides over memory of a known size stay inside it", "[view]") {
  std::array<int, 12> memory = {};
  auto const make = [&](shape dims, strides steps) {
    return message_of([&] { tensor_view<int const>(memory, dims, steps); });
  };
  REQUIRE(make({1, 3, 4}, {12, 4, 1, 1}).empty());
  REQUIRE(make({1, 100, 4}, {0, 0, 1, 0}).empty());  // one frame repeated
  REQUIRE(make({1, 3, 2, 2}, {0, 4, 2, 1}).empty());
  REQUIRE(make({1, 2, 1}, {0, 11, most, most}).empty());  // a stride that is never taken may be anything
  REQUIRE(make({1, 2, 1}, {0, 12, 0, 0}) == "tensor_view: memory has 12 elements, must have >= 13");
  REQUIRE(make({2, 2, 1}, {6, 7, 0, 0}) == "tensor_view: memory has 12 elements, must have >= 14");
  REQUIRE(make({1, 3, 4}, {12, -4, 1, 1}) ==
          "tensor_view: strides reach 8 elements before memory, must begin at its first");
  REQUIRE(make({1, 2, 2}, {0, 4, -1, 0}) ==
          "tensor_view: strides reach 1 elements before memory, must begin at its first");
  // What no pointer difference counts is said first.
  REQUIRE(make({1, 2, 1}, {0, most, 0, 0}).starts_with("tensor_view: 2 elements with stride"));
}

TEST_CASE("A span must hold the whole tensor", "[view]") {
  std::vector<float> memory(6);
  auto const make = [&](shape dims) { return message_of([&] { tensor_view<float>(std::span<float>(memory), dims); }); };
  REQUIRE(make({1, 2, 3}).empty());
  REQUIRE(make({1, 1, 5}).empty());
  REQUIRE(make({0, 100, 100}).empty());
  REQUIRE(make({1, 1, 7}) == "tensor_view: memory has 6 elements, must have >= 7");
  REQUIRE(make({2, 2, 2, 2}) == "tensor_view: memory has 6 elements, must have >= 16");
  // The shape is checked first, so the number of elements in the message is never a wrapped one.
  REQUIRE(make({1, most, most}).starts_with("tensor_view: 1 x 9223372036854775807 x 9223372036854775807 x 1 elements"));
  REQUIRE(message_of([] {
            tensor_view<float>(std::span<float>{}, {1, 1, 1});
          }) == "tensor_view: memory has 0 elements, must have >= 1");
  REQUIRE(message_of([] { tensor_view<float>(std::span<float>{}, {1, 0, 5}); }).empty());
}

TEST_CASE("Sizes beyond 2^31 and 2^32 are computed with exactly", "[view]") {
  constexpr index_t two31 = index_t{1} << 31;
  constexpr index_t two32 = index_t{1} << 32;
  STATIC_REQUIRE(dense({2, 1000, two31 / 1000 + 1}).batch == 1000 * (two31 / 1000 + 1));
  STATIC_REQUIRE(dense({3, 2, two31}) == strides{two32, two31, 1, 1});
  STATIC_REQUIRE(dense({3, two31 + 1, 2, 2}, layout::ncts) == strides{4 * (two31 + 1), 2, 2 * (two31 + 1), 1});
  STATIC_REQUIRE(dense({two32 + 5, 3, 7}, layout::tnc) == strides{7, 7 * (two32 + 5), 1, 1});
  STATIC_REQUIRE(dense({1, 2, 3, two32 + 1}, layout::ntsc) == strides{6 * (two32 + 1), 3 * (two32 + 1), 1, 3});
  STATIC_REQUIRE(tensor_view<float>(static_cast<float*>(nullptr), {1, two31, two31 / 4 - 1}).size() ==
                 two31 * (two31 / 4 - 1));
}

TEST_CASE("A tensor may have as many bytes as a pointer difference counts, and not one more", "[view]") {
  constexpr index_t two31 = index_t{1} << 31;
  REQUIRE(refused<std::int8_t>({1, most, 1, 1}).empty());
  REQUIRE(refused<std::int8_t>({1, 1, 1, most}).empty());
  REQUIRE(refused<std::int8_t>({1, two31, two31, 1}).empty());
  REQUIRE(refused<std::int8_t>({1, two31, two31, 2}) ==
          "tensor_view: 1 x 2147483648 x 2147483648 x 2 elements of 1 bytes, must fit in 2^63 - 1 bytes");
  REQUIRE(refused<float>({1, (most / 4), 1, 1}).empty());
  REQUIRE(refused<float>({1, most / 4 + 1, 1, 1}) ==
          "tensor_view: 1 x 2305843009213693952 x 1 x 1 elements of 4 bytes, must fit in 2^63 - 1 bytes");
  REQUIRE(refused<double>({two31, two31, 1, 1}, layout::tnc) ==
          "tensor_view: 2147483648 x 2147483648 x 1 x 1 elements of 8 bytes, must fit in 2^63 - 1 bytes");
  // 2^32 * 2^32 wraps to 0 in 64 bits.
  REQUIRE(refused<float>({1, two31 * 2, two31 * 2, 1}) ==
          "tensor_view: 1 x 4294967296 x 4294967296 x 1 elements of 4 bytes, must fit in 2^63 - 1 bytes");
  REQUIRE(refused<pixel>({most / 3, 1, 1, 1}).empty());
  REQUIRE_FALSE(refused<pixel>({most / 3 + 1, 1, 1, 1}).empty());
}

TEST_CASE("Empty tensors are fine, unless their other sizes could not be counted", "[view]") {
  REQUIRE(refused<float>({0, 0, 0, 0}).empty());
  REQUIRE(refused<float>({1, 0, 768, 1}).empty());
  REQUIRE(refused<float>({8, 374, 0, 1}).empty());
  STATIC_REQUIRE(dense({0, 3, 5, 7}).batch == 105);
  STATIC_REQUIRE(tensor_view<float>(static_cast<float*>(nullptr), {8, 374, 0}).size() == 0);
  REQUIRE_FALSE(refused<float>({0, most, most, 1}).empty());
}

TEST_CASE("A negative size is refused by name", "[view]") {
  REQUIRE(refused<float>({-1, 2, 3, 4}) == "tensor_view: batch = -1, must be >= 0");
  REQUIRE(refused<float>({1, -2, 3, 4}) == "tensor_view: time = -2, must be >= 0");
  REQUIRE(refused<float>({1, 2, -3, 4}) == "tensor_view: channels = -3, must be >= 0");
  REQUIRE(refused<float>({1, 2, 3, least}) == "tensor_view: space = -9223372036854775808, must be >= 0");
  REQUIRE(refused<float>({0, -2, 3, 4}) == "tensor_view: time = -2, must be >= 0");
  REQUIRE(refused<float>({-1, -1, -1, -1}, strides{1, 1, 1, 1}) == "tensor_view: batch = -1, must be >= 0");
}

TEST_CASE("A layout without a name is refused", "[view]") {
  REQUIRE(refused<float>({1, 2, 3, 4}, static_cast<layout>(4)) == "tensor_view: layout = 4, must be a named layout");
  REQUIRE(refused<float>({1, 2, 3, 4}, static_cast<layout>(-1)) == "tensor_view: layout = -1, must be a named layout");
}

TEST_CASE("Explicit strides that reach too far are refused", "[view]") {
  // From the first to the last byte: one element, and the strides between.
  constexpr index_t widest = most / 4 - 1;
  REQUIRE(refused<float>({2, 1, 1, 1}, strides{widest, 0, 0, 0}).empty());
  REQUIRE(refused<float>({2, 1, 1, 1}, strides{-widest, 0, 0, 0}).empty());
  REQUIRE(refused<float>({2, 1, 1, 1}, strides{widest + 1, 0, 0, 0}) ==
          "tensor_view: 2 elements with stride 2305843009213693951 along batch, must fit in 2^63 - 1 bytes");
  REQUIRE(refused<float>({1, 2, 1, 1}, strides{0, least, 0, 0}) ==
          "tensor_view: 2 elements with stride -9223372036854775808 along time, must fit in 2^63 - 1 bytes");
  REQUIRE(refused<std::int8_t>({1, 1, 3, 1}, strides{0, 0, most / 2, 0}).empty());
  REQUIRE(refused<std::int8_t>({1, 1, 3, 1}, strides{0, 0, most / 2 + 1, 0}) ==
          "tensor_view: 3 elements with stride 4611686018427387904 along channels, must fit in 2^63 - 1 bytes");
  REQUIRE(refused<std::int8_t>({most, 1, 1, 1}, strides{1, 0, 0, 0}).empty());
  REQUIRE_FALSE(refused<std::int8_t>({most, 1, 1, 1}, strides{2, 0, 0, 0}).empty());
  // Each alone would fit, together they do not.
  constexpr index_t half = index_t{1} << 60;
  REQUIRE(refused<float>({2, 2, 1, 1}, strides{half - 1, half - 1, 0, 0}).empty());
  REQUIRE(refused<float>({2, 1, 1, 2}, strides{half, 0, 0, -half}) ==
          "tensor_view: 2 elements with stride -1152921504606846976 along space, must fit in 2^63 - 1 bytes");
  // The stride of a dimension of one element or none is never taken.
  REQUIRE(refused<float>({1, 1, 0, 1}, strides{most, least, most, most}).empty());
}

TEST_CASE("Lengths travel with the view", "[view]") {
  std::array<float, 24> memory = {};
  std::array<index_t, 2> const lengths = {3, 0};
  tensor_view<float> const ragged(memory.data(), {2, 4, 3}, layout::ntc, lengths);
  REQUIRE(ragged.length(0) == 3);
  REQUIRE(ragged.length(1) == 0);
  tensor_view<float> const strided(memory.data(), {2, 4, 3}, strides{12, 3, 1, 1}, lengths);
  REQUIRE(strided.length(0) == 3);
  tensor_view<float> const spanned(std::span<float>(memory), {2, 4, 3}, layout::ntc, lengths);
  REQUIRE(spanned.length(1) == 0);
  tensor_view<float> const full(memory.data(), {2, 4, 3});
  REQUIRE(full.lengths.empty());
  REQUIRE(full.length(0) == 4);
  REQUIRE(full.length(1) == 4);
  tensor_view<float> const of_none(memory.data(), {2, 4, 3}, layout::ntc, std::span(lengths).first(0));
  REQUIRE(of_none.length(1) == 4);
}

TEST_CASE("Shapes and strides are equal if all four of their members are", "[view]") {
  shape const dims{2, 3, 4, 5};
  strides const steps{2, 3, 4, 5};
  REQUIRE(dims == shape(dims));
  REQUIRE(steps == strides(steps));
  for (int i = 0; i < 4; ++i) {
    shape other = dims;
    strides others = steps;
    (i == 0 ? other.batch : i == 1 ? other.time : i == 2 ? other.channels : other.space) += 1;
    (i == 0 ? others.batch : i == 1 ? others.time : i == 2 ? others.channels : others.space) += 1;
    REQUIRE_FALSE(dims == other);
    REQUIRE_FALSE(steps == others);
  }
}

TEST_CASE("A part of nothing begins where the view does", "[view]") {
  std::array<float, 24> memory = {};
  tensor_view<float> const whole(memory.data(), {2, 4, 3});
  REQUIRE(whole.slice_sequences(2, 0).data == memory.data());
  REQUIRE(whole.slice_frames(4, 0).data == memory.data());
  REQUIRE(whole.slice_channels(3, 0).data == memory.data());
}

TEST_CASE("Parts of a view without memory have none", "[view]") {
  tensor_view<float> const nowhere(nullptr, {0, 4, 3});
  REQUIRE(nowhere.slice_channels(1, 2).data == nullptr);
  REQUIRE(nowhere.slice_frames(1, 2).data == nullptr);
  REQUIRE(tensor_view<float>(nullptr, {3, 0, 4}).slice_sequences(1, 2).data == nullptr);
}

TEST_CASE("Parts of a view are views of the same memory", "[view]") {
  std::array<float, 24> memory = {};
  for (tshift::layout const order : {layout::ntcs, layout::ntsc, layout::ncts, layout::tncs}) {
    tensor_view<float> const whole(memory.data(), {2, 3, 2, 2}, order);
    tensor_view<float> const frames = whole.slice_frames(1, 2);
    REQUIRE(frames.shape == shape{2, 2, 2, 2});
    REQUIRE(frames.at(1, 0, 1, 1) == whole.at(1, 1, 1, 1));
    tensor_view<float> const channels = whole.slice_channels(1, 1);
    REQUIRE(channels.shape == shape{2, 3, 1, 2});
    REQUIRE(channels.at(1, 2, 0, 1) == whole.at(1, 2, 1, 1));
    tensor_view<float> const sequences = whole.slice_sequences(1, 1);
    REQUIRE(sequences.shape == shape{1, 3, 2, 2});
    REQUIRE(sequences.at(0, 2, 1, 1) == whole.at(1, 2, 1, 1));
    for (tensor_view<float> const& part : {frames, channels, sequences}) REQUIRE(part.strides == whole.strides);
  }
  REQUIRE(shape{2, 3, 2, 2}.size() == 24);
}

TEST_CASE("Parts may be empty, and a part of nothing adds nothing to a null pointer", "[view]") {
  std::array<float, 12> memory = {};
  tensor_view<float> const whole(memory.data(), {2, 3, 2});
  REQUIRE(whole.slice_frames(3, 0).size() == 0);
  REQUIRE(whole.slice_channels(2, 0).size() == 0);
  REQUIRE(whole.slice_sequences(2, 0).size() == 0);
  tensor_view<float> const nothing(static_cast<float*>(nullptr), {2, 3, 0});
  REQUIRE(nothing.slice_frames(1, 2).data == nullptr);
  REQUIRE(nothing.slice_sequences(1, 1).data == nullptr);
}

TEST_CASE("Sequences keep their own lengths, and frames of a ragged batch are refused", "[view]") {
  std::array<float, 12> memory = {};
  std::array<index_t, 2> const lengths = {3, 1};
  tensor_view<float> const ragged(memory.data(), {2, 3, 2}, layout::ntc, lengths);
  REQUIRE(ragged.slice_sequences(1, 1).length(0) == 1);
  REQUIRE(ragged.slice_channels(1, 1).length(1) == 1);
  REQUIRE(message_of([&] { ragged.slice_frames(0, 1); }) ==
          "tensor_view: frames of a ragged batch, must have no lengths");
  tensor_view<float> const short_of_one(memory.data(), {2, 3, 2}, layout::ntc, std::span(lengths).first(1));
  REQUIRE(message_of([&] { short_of_one.slice_sequences(1, 1); }) ==
          "tensor_view: 1 lengths, must be one for each of 2 sequences");
}

TEST_CASE("Parts that are not all there are refused", "[view]") {
  std::array<float, 12> memory = {};
  tensor_view<float> const whole(memory.data(), {2, 3, 2});
  REQUIRE(message_of([&] { whole.slice_frames(2, 2); }) == "tensor_view: frames [2, 2 + 2), must lie in [0, 3)");
  REQUIRE(message_of([&] { whole.slice_frames(-1, 1); }) == "tensor_view: frames [-1, -1 + 1), must lie in [0, 3)");
  REQUIRE(message_of([&] { whole.slice_channels(0, -1); }) == "tensor_view: channels [0, 0 + -1), must lie in [0, 2)");
  REQUIRE(message_of([&] { whole.slice_sequences(3, 0); }) == "tensor_view: sequences [3, 3 + 0), must lie in [0, 2)");
  REQUIRE(message_of([&] { whole.slice_frames(1, most); }) ==
          "tensor_view: frames [1, 1 + 9223372036854775807), must lie in [0, 3)");
}

TEST_CASE("A layout has a name", "[view]") {
  STATIC_REQUIRE(std::string_view(tshift::name_of(layout::ntcs)) == "ntcs");
  STATIC_REQUIRE(std::string_view(tshift::name_of(layout::ntsc)) == "ntsc");
  STATIC_REQUIRE(std::string_view(tshift::name_of(layout::ncts)) == "ncts");
  STATIC_REQUIRE(std::string_view(tshift::name_of(layout::tncs)) == "tncs");
  STATIC_REQUIRE(std::string_view(tshift::name_of(layout::nct)) == "ncts");
  STATIC_REQUIRE(std::string_view(tshift::name_of(static_cast<layout>(4))) == "?");
}
