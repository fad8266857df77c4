// SPDX-License-Identifier: MIT
// Sizes at the end of what an index counts, in terms of the machine's own index: of 64 bits or of 32. The sentences are
// those of view_test and errors_test; here the number of bits in them follows the machine.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <tshift/tshift.hpp>
#include <tshift/weights/state_dict.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::strides;
using tshift::tensor_view;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr index_t least = std::numeric_limits<index_t>::min();
constexpr int bits = std::numeric_limits<index_t>::digits;  // 63 or 31
constexpr index_t root = index_t{1} << (bits + 1) / 2;      // root * root wraps to 0
std::string const limit = "must fit in 2^" + std::to_string(bits) + " - 1 bytes";

template <class T>
std::string dense(shape const& dims) {
  return message_of([&] { tensor_view<T>(static_cast<T*>(nullptr), dims); });
}

template <class T>
std::string strided(shape const& dims, strides const& steps) {
  return message_of([&] { tensor_view<T>(static_cast<T*>(nullptr), dims, steps); });
}

std::string text(index_t value) { return std::to_string(value); }

}  // namespace

TEST_CASE("Bytes of a dense view that an index does not count are those of no dense view", "[view]") {
  using tshift::detail::dense_bytes_of;
  for (shape const& dims :
       {shape{1, 1, root, root}, shape{1, root, root, 1}, shape{root, root, 1, 1}, shape{1, most / 2, 1, 1},
        shape{0, 1, 1, 1}, shape{1, 0, 1, 1}, shape{1, 1, 0, 1}, shape{1, 1, 1, 0}}) {
    INFO(dims.batch << ' ' << dims.time << ' ' << dims.channels << ' ' << dims.space);
    CHECK(dense_bytes_of(dims, tshift::detail::dense_strides({1, 1, 1, 1}, tshift::layout::ntc), 4) == 0);
  }
  shape const largest = {1, most / 4, 1, 1};
  CHECK(dense_bytes_of(largest, {most / 4, 1, 1, 1}, 4) == most / 4 * 4);
}

TEST_CASE("A stream's state that an index does not count is refused, whichever size makes it too large", "[stream]") {
  using tshift::kernel::stream_bytes;
  index_t const half = root / 2, far = most / 2;
  auto const delay = [](index_t channels, index_t offset) { return shift_plan(channels, {{0, channels, offset}}); };
  CHECK(stream_bytes(delay(1, far), {1, 1, 1}, 16) == -1);        // depth
  CHECK(stream_bytes(delay(root, root), {1, 1, root}, 1) == -1);  // channels
  CHECK(stream_bytes(delay(1, root), {1, 1, 1, root}, 1) == -1);  // space
  CHECK(stream_bytes(delay(1, root), {root, 1, 1}, 1) == -1);     // batch
  CHECK(stream_bytes(delay(1, most), {1, 1, 1}, 1) == -1);        // with the header
  CHECK(stream_bytes(delay(half, half), {1, 1, half}, 1) ==
        half * half + static_cast<index_t>(sizeof(tshift::kernel::stream_header)));
}

TEST_CASE("An index counts as far as a pointer difference of the machine", "[limits]") {
  REQUIRE(sizeof(index_t) == sizeof(void*));
  REQUIRE((bits == 63 || bits == 31));
}

TEST_CASE("A tensor of more bytes than an index counts is refused on every machine", "[limits]") {
  CHECK(dense<char>({1, most, 1}).empty());
  CHECK(dense<float>({1, most / 4, 1}).empty());
  CHECK(dense<float>({1, most / 4 + 1, 1}) ==
        "tensor_view: 1 x " + text(most / 4 + 1) + " x 1 x 1 elements of 4 bytes, " + limit);
  CHECK(dense<char>({root, root / 2 - 1, 1}).empty());
  // Products that wrap to 0, and to something small.
  CHECK(dense<char>({root, root, 1}) ==
        "tensor_view: " + text(root) + " x " + text(root) + " x 1 x 1 elements of 1 bytes, " + limit);
  CHECK(dense<char>({root, root / 2, 2, 3}).ends_with(limit));
  CHECK(dense<double>({0, most, most}).ends_with(limit));  // an empty tensor hides no overflow

  CHECK(strided<char>({2, 1, 1, 1}, {most - 1, 0, 0, 0}).empty());
  CHECK(strided<char>({2, 1, 1, 1}, {most, 0, 0, 0}).ends_with(limit));
  CHECK(strided<float>({1, 2, 1, 1}, {0, least, 0, 0}) ==
        "tensor_view: 2 elements with stride " + text(least) + " along time, " + limit);
  CHECK(strided<float>({2, 1, 1, 2}, {most / 8 + 1, 0, 0, -(most / 8 + 1)}).ends_with(limit));
  CHECK(strided<char>({root, 1, root, 1}, {root / 2, 0, 1, 0}).ends_with(limit));
}

TEST_CASE("A view that grew after it was made is refused by every operation on every machine", "[limits]") {
  std::vector<std::int32_t> memory(12, 5);
  tensor_view<std::int32_t> const x(memory.data(), shape{1, 4, 3});
  shift_plan const plan(3, {{0, 1, 1}, {1, 1, -1}});
  auto grown = x;
  grown.shape.time = most / 2;
  auto far = x;
  far.strides.time = most / 8;
  for (auto const& view : {grown, far}) {
    CHECK(message_of([&] { tshift::shift(view, view, plan); }).ends_with(limit));
    CHECK(message_of([&] { tshift::shift_inplace(view, plan); }).ends_with(limit));
    CHECK(message_of([&] { tshift::shift_add(view, view, view, plan); }).ends_with(limit));
    CHECK(message_of([&] { tshift::shift_adjoint_inplace(view, plan); }).ends_with(limit));
  }
  CHECK(memory == std::vector<std::int32_t>(12, 5));
}

TEST_CASE("Folds and offsets at the end of what an index counts are exact on every machine", "[limits]") {
  CHECK_FALSE(message_of([] { shift_plan(most, {{most, 1, 1}}); }).empty());
  CHECK_FALSE(message_of([] { shift_plan(most, {{2, most - 1, 1}}); }).empty());
  CHECK_FALSE(message_of([] { shift_plan(3, {{0, 1, least}}); }).empty());
  CHECK(message_of([] { shift_plan(most, {{0, most - 1, most}, {most - 1, 1, -most}}); }).empty());

  for (index_t const offset : {most, -most, root, -root}) {
    for (padding const edge : {padding::zero, padding::keep, padding::edge}) {
      std::vector<std::int16_t> const x = {1, 2, 3, 4};
      std::vector<std::int16_t> y(4, 9);
      shift_plan const plan(1, {{0, 1, offset}}, edge);
      tshift::shift(tensor_view<std::int16_t const>(x.data(), shape{1, 4, 1}),
                    tensor_view<std::int16_t>(y.data(), shape{1, 4, 1}), plan);
      std::int16_t const end = offset > 0 ? x.front() : x.back();
      std::vector<std::int16_t> const want = edge == padding::zero   ? std::vector<std::int16_t>(4, 0)
                                             : edge == padding::keep ? x
                                                                     : std::vector<std::int16_t>(4, end);
      CHECK(y == want);
    }
  }
  shift_plan const furthest(1, {{0, 1, -most}}), none(1, {});
  CHECK(tshift::stacked_latency(furthest, none) == most);
  CHECK_FALSE(message_of([&] { tshift::stacked_latency(furthest, shift_plan(1, {{0, 1, -1}})); }).empty());
}

TEST_CASE("A stream whose state an index cannot count is refused on every machine", "[limits]") {
  using stream = tshift::shift_stream<float>;
  auto const refused = [](shift_plan const& plan, shape const& frame) {
    return message_of([&] { stream::state_bytes(plan, frame); });
  };
  CHECK(refused({2, {{0, 1, most / 2}}}, {1, 0, 2}) == "shift_stream: the state " + limit);
  CHECK(refused({2, {{0, 1, most}, {1, 1, -most}}}, {1, 0, 2}) == "shift_stream: the state " + limit);
  CHECK(refused({2, {{0, 2, root}}}, {root, 0, 2}) == "shift_stream: the state " + limit);
  CHECK(refused({2, {{0, 1, 1}}}, {1, 0, most / 2}) != "");
}

TEST_CASE("A saved state that counted further than an index does is refused, not cut short", "[limits]") {
  shift_plan const plan(1, {{0, 1, -1}});
  tshift::shift_stream<std::int32_t> stream(plan, {1, 0, 1});
  std::int32_t x[2] = {1, 2}, y[2] = {};
  stream.push(tensor_view<std::int32_t const>(x, shape{1, 2, 1}), tensor_view<std::int32_t>(y, shape{1, 2, 1}));
  std::vector<std::byte> state(stream.state().size());
  // received and emitted, 8 bytes each behind the identity, in the machine's own order.
  auto const with = [&](std::int64_t received, std::int64_t emitted) {
    stream.save(state);
    std::memcpy(state.data() + 8, &received, 8);
    std::memcpy(state.data() + 16, &emitted, 8);
    return message_of([&] { stream.restore(state); });
  };
  std::int64_t const past = std::int64_t{1} << 31, far = (std::int64_t{1} << 32) + 2;
  if constexpr (bits == 31) {
    CHECK(with(past, past - 1) ==
          "shift_stream::restore: saved state is damaged: 2147483648 frames received, 2147483647 emitted");
    CHECK(with(far, far - 1) ==
          "shift_stream::restore: saved state is damaged: 4294967298 frames received, 4294967297 emitted");
  } else {
    CHECK(with(past, past - 1).empty());
    CHECK(with(far, far - 1).empty());
  }
  CHECK(with(most, most - 1).empty());
  CHECK(stream.pending() == 1);
  CHECK(stream.flush(tensor_view<std::int32_t>(y, shape{1, 2, 1})) == 1);
  CHECK(y[0] == 0);
}

TEST_CASE("Weights of more elements than an index counts are refused on every machine", "[limits]") {
  tshift::weights::state_dict weights;
  for (std::vector<index_t> const& dims :
       std::vector<std::vector<index_t>>{{root, root}, {most, 2}, {2, root, root / 2, 3}, {0, most, most}}) {
    CHECK(message_of([&] { weights.add("w", dims, std::span<float const>()); }).find("overflows") != std::string::npos);
  }
}
