// SPDX-License-Identifier: MIT
// shift_add: every arithmetic type, every way its three views may lie to each other.
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <tshift/tshift.hpp>

#include "../support/bytes.hpp"
#include "../support/cases.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/operations.hpp"

namespace {

using namespace test_support;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

constexpr operation sums[] = {operation::shift_add, operation::shift_add_onto_r, operation::shift_add_onto_x};

template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && same_bytes(a.data(), b.data(), a.size() * sizeof(T));
}

// All sums of one shape and plan, the three views in the layouts given.
template <class T>
void check(shape const& dims, shift_plan const& plan, std::span<index_t const> lengths, layout x_order, layout r_order,
           layout y_order, random_bits& random, tally& result) {
  index_t const size = dims.batch * dims.time * dims.channels * dims.space;
  auto const x = numbers<T>(size, random), r = numbers<T>(size, random), start = numbers<T>(size, random);
  tensor_view<T const> const x_view(x.data(), dims, x_order, lengths), r_view(r.data(), dims, r_order);
  T const fill = number<T>(random);
  for (operation const what : sums) {
    auto want = start, got = start;
    apply_reference<T>(what, x_view, r_view, tensor_view<T>(want.data(), dims, y_order, lengths), plan, fill);
    apply<T>(what, x_view, r_view, tensor_view<T>(got.data(), dims, y_order, lengths), plan, fill);
    result.count(same_bits(want, got), [&] {
      return name(what) + ", x " + name(x_order) + ", r " + name(r_order) + ", y " + name(y_order) + ", " +
             describe(dims, plan, lengths);
    });
  }
}

}  // namespace

TEMPLATE_TEST_CASE("shift_add is the reference for every arithmetic type", "[shift_add]", std::int8_t, std::uint8_t,
                   std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, float, double,
                   std::complex<float>, std::complex<double>, rgb, tshift::float16, tshift::bfloat16) {
  tally result;
  random_bits random(41);
  for (index_t const time : {1, 2, 5}) {
    for (index_t const channels : {1, 3, 16, 37, 70}) {
      for (index_t const space : {1, 3}) {
        index_t const lengths[] = {time, time / 2};
        shift_plan const folds(channels, {{0, channels / 3, 1}, {channels / 3, channels / 2, -2}});
        for (int i = 0; i < 64; ++i) {
          shift_plan const plan(channels, folds.folds(), paddings[(i + i / 4 + i / 16) % 4]);
          check<TestType>({2, time, channels, space}, plan,
                          i % 3 == 0 ? std::span<index_t const>(lengths) : std::span<index_t const>(), layouts[i % 4],
                          layouts[i / 4 % 4], layouts[i / 16], random, result);
        }
      }
    }
  }
  REQUIRE_ALL(result, 3 * 5 * 2 * 64 * 3);
}

TEMPLATE_TEST_CASE("Types that are another name for a size, or have no vectors, add as well", "[shift_add]", char,
                   long long, unsigned long long, char16_t, long double) {
  using T = TestType;
  std::vector<T> x, r;
  for (int i = 0; i < 150; ++i) x.push_back(static_cast<T>(i % 7)), r.push_back(static_cast<T>(i % 11));
  for (padding const edge : paddings) {
    std::vector<T> want(150), got(150);
    shift_plan const plan(30, {{0, 17, 1}, {20, 10, -2}}, edge);
    auto const view = [](auto& values) { return tensor_view(values.data(), shape{1, 5, 30}); };
    tshift::reference::shift_add(view(x), view(r), view(want), plan, T(3));
    tshift::shift_add(view(x), view(r), view(got), plan, T(3));
    REQUIRE(want == got);
  }
}

TEST_CASE("Integers wrap, small ones as well", "[shift_add]") {
  auto const sum = []<class T>(T a, T b) {
    // Long enough that both vectors and single elements add.
    std::vector<T> x(67, a), r(67, b), y(67);
    shape const dims = {1, 1, 67};
    tshift::shift_add(tensor_view(x.data(), dims), tensor_view(r.data(), dims), tensor_view(y.data(), dims), {67, {}});
    for (T const value : y) REQUIRE(value == y[0]);
    return y[0];
  };
  REQUIRE(sum(std::int8_t{100}, std::int8_t{100}) == -56);
  REQUIRE(sum(std::int8_t{-128}, std::int8_t{-128}) == 0);
  REQUIRE(sum(std::uint8_t{255}, std::uint8_t{2}) == 1);
  REQUIRE(sum(std::int16_t{32767}, std::int16_t{1}) == -32768);
  REQUIRE(sum(std::uint16_t{65535}, std::uint16_t{65535}) == 65534);
  REQUIRE(sum(std::numeric_limits<std::int32_t>::max(), std::int32_t{1}) == std::numeric_limits<std::int32_t>::min());
  REQUIRE(sum(std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}) == std::numeric_limits<std::int64_t>::max());
  REQUIRE(sum(std::uint64_t{0} - 1, std::uint64_t{3}) == 2);
}

TEST_CASE("A sum of floats is rounded once", "[shift_add]") {
  std::array<float, 2> const x = {1e8f, 1.5f}, r = {1.f, -1.5f};
  std::array<float, 2> y = {};
  shape const dims = {1, 2, 1};
  tshift::shift_add(tensor_view(x.data(), dims), tensor_view(r.data(), dims), tensor_view(y.data(), dims), {1, {}});
  REQUIRE(y[0] == 1e8f + 1.f);
  REQUIRE(y[1] == 0.f);
}

TEST_CASE("A sum of zeros keeps its sign", "[shift_add]") {
  std::array<float, 2> const x = {-0.f, 0.f}, r = {-0.f, -0.f};
  std::array<float, 2> y = {1.f, 1.f};
  shape const dims = {1, 2, 1};
  tshift::shift_add(tensor_view(x.data(), dims), tensor_view(r.data(), dims), tensor_view(y.data(), dims), {1, {}});
  REQUIRE((y[0] == 0.f && std::signbit(y[0])));
  REQUIRE((y[1] == 0.f && !std::signbit(y[1])));
}

TEST_CASE("The fill value is added to r where frames are vacated", "[shift_add]") {
  std::array<int, 3> const x = {1, 2, 3}, r = {10, 20, 30};
  std::array<int, 3> y = {};
  shape const dims = {1, 3, 1};
  tensor_view const in(x.data(), dims), beside(r.data(), dims);
  tensor_view const out(y.data(), dims);
  tshift::shift_add(in, beside, out, {1, {{0, 1, 1}}}, 5);
  REQUIRE(y == std::array{15, 21, 32});
  tshift::shift_add(in, beside, out, {1, {{0, 1, -2}}});
  REQUIRE(y == std::array{13, 20, 30});
}

TEST_CASE("x and r may be the same view, y apart", "[shift_add]") {
  random_bits random(42);
  tally result;
  for (layout const order : layouts) {
    for (padding const edge : paddings) {
      shape const dims = {2, 7, 33, 2};
      shift_plan const plan(33, {{0, 11, 2}, {22, 11, -1}}, edge);
      auto const x = numbers<float>(2 * 7 * 33 * 2, random);
      auto want = x, got = x;
      tensor_view const x_view(x.data(), dims, order);
      tshift::reference::shift_add(x_view, x_view, tensor_view(want.data(), dims, order), plan);
      tshift::shift_add(x_view, x_view, tensor_view(got.data(), dims, order), plan);
      result.count(same_bits(want, got), [&] { return name(order) + " " + describe(dims, plan); });
    }
  }
  REQUIRE_ALL(result, 16);
}

TEST_CASE("x, r and y must not all be the same view", "[shift_add]") {
  std::vector<float> memory(24, 3.f);
  tensor_view const all(memory.data(), shape{1, 4, 6});
  REQUIRE(message_of([&] {
            tshift::shift_add(all, all, all, {6, {{0, 2, 1}}});
          }) == "shift_add: x, r and y are the same view, y must be apart from x or from r");
  REQUIRE(memory == std::vector<float>(24, 3.f));
}

TEST_CASE("Sums too large for the caches are the reference's", "[shift_add][streaming]") {
  random_bits random(43);
  tally result;
  auto const large = [&]<class T>(T, shape const& dims, layout order, index_t first) {
    index_t const size = dims.batch * dims.time * dims.channels * dims.space;
    REQUIRE(size * index_t{sizeof(T)} >= TSHIFT_STREAMING_BYTES);
    auto const x = numbers<T>(size, random), r = numbers<T>(size + first, random),
               start = numbers<T>(size + first, random);
    tensor_view<T const> const x_view(x.data(), dims, order), r_view(r.data() + first, dims, order);
    index_t const third = dims.channels / 3;
    shift_plan const plan(dims.channels, {{1, third, 1}, {third + 1, third, -3}}, paddings[first % 4]);
    for (operation const what : {operation::shift_add, operation::shift_add_onto_r}) {
      auto want = start, got = start;
      apply_reference<T>(what, x_view, r_view, tensor_view<T>(want.data() + first, dims, order), plan, T(1));
      apply<T>(what, x_view, r_view, tensor_view<T>(got.data() + first, dims, order), plan, T(1));
      result.count(same_bits(want, got), [&] { return name(what) + ", " + name(order) + " " + describe(dims, plan); });
    }
  };
  large(float{}, {2, 2200, 999}, layout::ntc, 1);
  large(float{}, {2, 2200, 999}, layout::nct, 2);
  large(double{}, {2, 8, 67, 2100}, layout::ntcs, 3);
  large(std::complex<float>{}, {3, 2200, 335}, layout::tnc, 4);
  large(std::int8_t{}, {2, 8500, 999}, layout::ntc, 5);
  large(float{}, {2, 53000, 41}, layout::ntc, 6);
  large(std::int16_t{}, {2, 900000, 5}, layout::ntc, 7);
  REQUIRE_ALL(result, 14);
}
