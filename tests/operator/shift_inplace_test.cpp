// SPDX-License-Identifier: MIT
// shift_inplace, and shift onto itself: exhaustive over small cases, and what their contract says in words.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>

#include <tshift/conformance.hpp>
#include <tshift/tshift.hpp>

#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/exhaustive.hpp"

namespace {

using namespace test_support;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

// All plans for_each gives, on one shape, in every layout, by both names of the operation.
template <class T, class ForEach>
void sweep(shape const& dims, ForEach for_each, tally& result) {
  random_bits random(static_cast<std::uint64_t>(100 * dims.time + dims.channels));
  in_all_layouts<T> x(dims, any_values<T>(most_elements, random));
  in_all_layouts<T> want = x, got = x;
  T const fill = any_value<T>(random);
  for_each(dims.channels, [&](shift_plan const& plan) {
    for_each_raggedness(dims, [&](std::span<index_t const> lengths) {
      for (layout const order : layouts) {
        tshift::reference::shift(x.view(order, lengths), want.view(order), plan, fill);
        got.copy(x, order);
        tshift::shift_inplace(got.view(order, lengths), plan, fill);
        result.count(got.same(want, order), [&] {
          return first_difference("shift_inplace in " + name(order), want, got, order, plan, lengths);
        });
        got.copy(x, order);
        tshift::shift(got.view(order, lengths), got.view(order), plan, fill);
        result.count(got.same(want, order), [&] {
          return first_difference("shift onto itself in " + name(order), want, got, order, plan, lengths);
        });
      }
    });
  });
}

}  // namespace

TEMPLATE_TEST_CASE("shift_inplace is the reference for every small case", "[inplace][exhaustive]", std::uint8_t,
                   std::uint16_t, std::uint32_t, std::uint64_t, bytes<16>, bytes<3>) {
  auto const plans = [](index_t channels, auto visit) { for_each_plan(channels, visit); };
  auto const folds = [](index_t channels, auto visit) { for_each_fold(channels, visit); };
  tally result;
  for (index_t time = 0; time <= 9; ++time) {
    for (index_t channels = 0; channels <= 17; ++channels) sweep<TestType>({2, time, channels, 1}, plans, result);
  }
  for (index_t channels = 0; channels <= 17; ++channels) sweep<TestType>({2, 5, channels, 1}, folds, result);
  for (index_t const batch : {1, 2}) {
    for (index_t const space : {2, 3}) {
      for (index_t const time : {0, 1, 2, 3, 6}) {
        for (index_t const channels : {0, 1, 2, 3, 8, 17}) {
          sweep<TestType>({batch, time, channels, space}, plans, result);
        }
      }
    }
  }
  std::printf("shift_inplace, elements of %zu bytes: %td cases\n", sizeof(TestType), result.cases);
  REQUIRE_ALL(result, 1733760);
}

TEST_CASE("shift_inplace reads every frame before it overwrites it, in both directions", "[inplace]") {
  std::array<int, 8> const x = {1, 2, 3, 4, 5, 6, 7, 8};  // [T = 4, C = 2]
  auto const shifted = [&](shift_plan const& plan) {
    std::array<int, 8> y = x;
    tshift::shift_inplace(tensor_view(y.data(), shape{1, 4, 2}), plan);
    return y;
  };
  REQUIRE(shifted({2, {{0, 1, 1}, {1, 1, -1}}}) == std::array{0, 4, 1, 6, 3, 8, 5, 0});
  REQUIRE(shifted({2, {{0, 2, 2}}}) == std::array{0, 0, 0, 0, 1, 2, 3, 4});
  REQUIRE(shifted({2, {{0, 1, -3}}, padding::edge}) == std::array{7, 2, 7, 4, 7, 6, 7, 8});
  REQUIRE(shifted({2, {{0, 1, 3}}, padding::keep}) == std::array{1, 2, 3, 4, 5, 6, 1, 8});
}

TEST_CASE("Rotations of every length by every distance follow all their cycles", "[inplace]") {
  // One channel of NCT is rotated as one run, two channels of NTC frame by frame; rows wider than the kernel's buffer.
  tally result;
  random_bits random(5);
  auto const x = any_values<std::uint16_t>(60 * 300, random);
  for (index_t time = 1; time <= 60; ++time) {
    for (index_t delay = -time; delay <= time; ++delay) {
      for (index_t const channels : {1, 3, 300}) {
        if (channels == 300 && time % 7 != 5) continue;
        for (layout const order : {layout::ntc, layout::nct}) {
          shape const dims = {1, time, channels};
          shift_plan const plan(channels, {{0, channels - channels / 3, delay}}, padding::circular);
          auto want = x, got = x;
          tshift::reference::shift(tensor_view(x.data(), dims, order), tensor_view(want.data(), dims, order), plan);
          tshift::shift_inplace(tensor_view(got.data(), dims, order), plan);
          result.count(want == got, [&] { return name(order) + " " + describe(dims, plan); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 15840);
}

TEST_CASE("Short copies move every length to every nearby place", "[inplace]") {
  random_bits random(8);
  auto const x = any_values<std::byte>(256, random);
  for (index_t n = 0; n < 128; ++n) {
    for (index_t const to : {64, 63, 65, 56, 72, 0, 128}) {
      auto want = x, got = x;
      std::memmove(want.data() + to, x.data() + 64, static_cast<std::size_t>(n));
      tshift::kernel::copy_short(got.data() + 64, got.data() + to, n);
      INFO(n << " bytes to " << to);
      REQUIRE(want == got);
    }
  }
}

TEST_CASE("Long rotations take turns on a small buffer", "[inplace]") {
  random_bits random(6);
  tally result;
  for (index_t const time : {1000, 2048, 4099}) {
    auto const x = any_values<float>(2 * time, random);
    for (index_t const delay : {index_t{1}, index_t{127}, index_t{129}, time / 2 - 1, time / 2, time - 130, time - 1}) {
      for (layout const order : {layout::ntc, layout::nct}) {
        for (index_t const moved : {1, 2}) {
          shape const dims = {1, time, 2};
          shift_plan const plan(2, {{0, moved, delay}}, padding::circular);
          auto want = x, got = x;
          tshift::reference::shift(tensor_view(x.data(), dims, order), tensor_view(want.data(), dims, order), plan);
          tshift::shift_inplace(tensor_view(got.data(), dims, order), plan);
          bool const equal = same_bytes(want.data(), got.data(), want.size() * sizeof(float));
          result.count(equal, [&] { return name(order) + " " + describe(dims, plan); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 84);
}
