// SPDX-License-Identifier: MIT
// shift out of place: exhaustive over small cases, and what its contract says in words.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
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

// All plans for_each gives, on one shape: in every layout, and from every layout into every other one.
template <class T, class ForEach>
void sweep(shape const& dims, ForEach for_each, bool across_layouts, tally& result) {
  random_bits random(static_cast<std::uint64_t>(100 * dims.time + dims.channels));
  in_all_layouts<T> x(dims, any_values<T>(most_elements, random));
  in_all_layouts<T> const poison(dims, any_values<T>(most_elements, random));
  in_all_layouts<T> want = poison, got = poison;
  T const fill = any_value<T>(random);
  for_each(dims.channels, [&](shift_plan const& plan) {
    for_each_raggedness(dims, [&](std::span<index_t const> lengths) {
      for (layout const to : layouts) {
        tshift::reference::shift(x.view(to, lengths), want.view(to), plan, fill);
        for (layout const from : layouts) {
          if (from != to && !across_layouts) continue;
          got.copy(poison, to);
          tshift::shift(x.view(from, lengths), got.view(to, lengths), plan, fill);
          result.count(got.same(want, to), [&] {
            return first_difference("shift from " + name(from) + " to " + name(to), want, got, to, plan, lengths);
          });
        }
      }
    });
  });
}

}  // namespace

TEMPLATE_TEST_CASE("shift is the reference for every small case", "[shift][exhaustive]", std::uint8_t, std::uint16_t,
                   std::uint32_t, std::uint64_t, bytes<16>, bytes<3>) {
  auto const plans = [](index_t channels, auto visit) { for_each_plan(channels, visit); };
  auto const folds = [](index_t channels, auto visit) { for_each_fold(channels, visit); };
  tally result;
  for (index_t time = 0; time <= 9; ++time) {
    for (index_t channels = 0; channels <= 17; ++channels) {
      sweep<TestType>({2, time, channels, 1}, plans, sizeof(TestType) == 4, result);
    }
  }
  for (index_t channels = 0; channels <= 17; ++channels) sweep<TestType>({2, 5, channels, 1}, folds, false, result);
  for (index_t const batch : {1, 2}) {
    for (index_t const space : {2, 3}) {
      for (index_t const time : {0, 1, 2, 3, 6}) {
        for (index_t const channels : {0, 1, 2, 3, 8, 17}) {
          sweep<TestType>({batch, time, channels, space}, plans, time == 3, result);
        }
      }
    }
  }
  std::printf("shift, elements of %zu bytes: %td cases\n", sizeof(TestType), result.cases);
  REQUIRE_ALL(result, sizeof(TestType) == 4 ? 2188800 : 1022400);
}

TEST_CASE("A fold delays or advances, and channels outside every fold stay", "[shift]") {
  std::array<int, 8> const x = {1, 2, 3, 4, 5, 6, 7, 8};  // [T = 4, C = 2]
  std::array<int, 8> y = {};
  shape const dims = {1, 4, 2};
  auto const shifted = [&](shift_plan const& plan) {
    tshift::shift(tensor_view(x.data(), dims), tensor_view(y.data(), dims), plan);
    return y;
  };
  REQUIRE(shifted({2, {{0, 1, 1}}}) == std::array{0, 2, 1, 4, 3, 6, 5, 8});
  REQUIRE(shifted({2, {{1, 1, -1}}}) == std::array{1, 4, 3, 6, 5, 8, 7, 0});
  REQUIRE(shifted({2, {{0, 1, 2}}, padding::keep}) == std::array{1, 2, 3, 4, 1, 6, 3, 8});
  REQUIRE(shifted({2, {{0, 1, 2}}, padding::edge}) == std::array{1, 2, 1, 4, 1, 6, 3, 8});
  REQUIRE(shifted({2, {{0, 1, 1}}, padding::circular}) == std::array{7, 2, 1, 4, 3, 6, 5, 8});
  REQUIRE(shifted({2, {}}) == x);
  REQUIRE(shifted({2, {{0, 2, 0}}}) == x);
}

TEST_CASE("Vacated frames get T{} unless a fill value is given, and only with padding zero", "[shift]") {
  std::array<std::uint8_t, 3> const x = {1, 2, 3};
  std::array<std::uint8_t, 3> y = {9, 9, 9};
  shape const dims = {1, 3, 1};
  tensor_view const in(x.data(), dims);
  tensor_view const out(y.data(), dims);
  tshift::shift(in, out, {1, {{0, 1, 1}}});
  REQUIRE(y == std::array<std::uint8_t, 3>{0, 1, 2});
  tshift::shift(in, out, {1, {{0, 1, 1}}}, 128);  // the zero point of a quantised tensor
  REQUIRE(y == std::array<std::uint8_t, 3>{128, 1, 2});
  for (padding const edge : {padding::keep, padding::edge, padding::circular}) {
    tshift::shift(in, out, {1, {{0, 1, 1}}, edge}, 128);
    REQUIRE(y[0] == (edge == padding::circular ? 3 : 1));
  }
}

TEST_CASE("An element without a default value is shifted with a fill value given", "[shift]") {
  struct sample {
    explicit sample(int v) : value(v) {}
    int value;
  };
  std::array<sample, 2> const x = {sample(1), sample(2)};
  std::array<sample, 2> y = {sample(0), sample(0)};
  tshift::shift(tensor_view(x.data(), shape{1, 2, 1}), tensor_view(y.data(), shape{1, 2, 1}), {1, {{0, 1, 1}}},
                sample(7));
  REQUIRE(y[0].value == 7);
  REQUIRE(y[1].value == 1);
}

TEST_CASE("Offsets as far as the sequence and as far as numbers go are all boundary", "[shift]") {
  constexpr index_t most = std::numeric_limits<index_t>::max();
  std::array<int, 10> x = {};
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int>(i) + 1;
  shape const dims = {1, 5, 2};
  index_t const lengths[] = {3};
  tally result;
  for (index_t const offset : {index_t{4}, index_t{5}, index_t{6}, most - 1, most}) {
    for (index_t const way : {1, -1}) {
      for (padding const edge : paddings) {
        for (std::span<index_t const> const frames : {std::span<index_t const>(), std::span<index_t const>(lengths)}) {
          shift_plan const plan(2, {{1, 1, way * offset}}, edge);
          std::array<int, 10> want = {}, got = {}, same = x;
          tensor_view<int const> const in(x.data(), dims, layout::ntc, frames);
          tshift::reference::shift(in, tensor_view(want.data(), dims), plan, 77);
          tshift::shift(in, tensor_view(got.data(), dims), plan, 77);
          tshift::shift_inplace(tensor_view(same.data(), dims, layout::ntc, frames), plan, 77);
          result.count(want == got && want == same, [&] { return describe(dims, plan, frames); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 80);
}

TEST_CASE("Tensors without elements are shifted without being looked at", "[shift]") {
  for (shape const& dims : {shape{0, 3, 4, 5}, shape{2, 0, 4, 5}, shape{2, 3, 0, 5}, shape{2, 3, 4, 0}}) {
    tensor_view<float> const nothing(static_cast<float*>(nullptr), dims);
    shift_plan const plan(dims.channels, {{0, dims.channels / 2, 1}}, padding::edge);
    REQUIRE_NOTHROW(tshift::shift(nothing, nothing, plan));
    REQUIRE_NOTHROW(tshift::shift_inplace(nothing, plan));
    REQUIRE_NOTHROW(tshift::shift_add(nothing, nothing, nothing, plan));
    REQUIRE_NOTHROW(tshift::shift_adjoint(nothing, nothing, plan));
    REQUIRE_NOTHROW(tshift::shift_adjoint_inplace(nothing, plan));
  }
}

TEMPLATE_TEST_CASE("Small dense tensors are copied and written over block by block", "[shift][overlay]", float,
                   bytes<3>, bytes<16>) {
  using T = TestType;
  constexpr index_t block = tshift::kernel::overlay_block;
  // Frames of which many fit a block, one does, and none does; sequences of one block and of several, none even.
  index_t const wide = block / index_t{sizeof(T)} / 8;
  shape const tensors[] = {{1, 3 * block / 256 + 5, 240 / index_t{sizeof(T)}},
                           {3, block / 128 - 1, 32},
                           {2, 3, 9, wide},
                           {2, 2, 8, wide},
                           {1, 2 * block / 300, 300}};
  random_bits random(77);
  tally result;
  for (shape const& dims : tensors) {
    index_t const C = dims.channels, T1 = dims.time;
    auto const x = any_values<T>(dims.size(), random), poison = any_values<T>(dims.size(), random);
    T const fill = any_value<T>(random);
    for (index_t const offset : {index_t{1}, index_t{2}, block / 256, T1 - 1, T1, T1 + 3}) {
      for (padding const edge : paddings) {
        for (index_t const way : {1, -1}) {
          // Not in order, and all channels in the last.
          for (shift_plan const& plan : {shift_plan(C, {{C - C / 8, C / 8, way * offset}, {1, C / 8, -way}}, edge),
                                         shift_plan(C, {{C / 4, C / 2, way * offset}, {0, 1, 0}}, edge),
                                         shift_plan(C, {{C / 2, C - C / 2, -way}, {0, C / 2, way * offset}}, edge)}) {
            auto want = poison, got = poison, called = poison;
            tensor_view<T const> const in(x.data(), dims);
            tshift::reference::shift(in, tensor_view<T>(want.data(), dims), plan, fill);
            tshift::kernel::overlay<xsimd::default_arch>(
                dims, plan, index_t{sizeof(T)}, tshift::kernel::fill_pattern(fill, edge),
                reinterpret_cast<std::byte const*>(x.data()), reinterpret_cast<std::byte*>(got.data()));
            tshift::shift(in, tensor_view<T>(called.data(), dims), plan, fill);
            result.count(same_bytes(want.data(), got.data(), want.size() * sizeof(T)) &&
                             same_bytes(want.data(), called.data(), want.size() * sizeof(T)),
                         [&] { return describe(dims, plan); });
          }
        }
      }
    }
  }
  REQUIRE_ALL(result, 5 * 6 * 4 * 2 * 3);
}

TEST_CASE("Where copying everything first pays", "[shift][overlay]") {
  constexpr index_t block = tshift::kernel::overlay_block;
  auto const pays = [](index_t bytes, index_t moved) {
    return tshift::kernel::overlay_pays(bytes, shift_plan(64, {{0, moved, 1}}));
  };
  index_t const most = std::min<index_t>(tshift::kernel::overlay_bytes, TSHIFT_STREAMING_BYTES) - 1;
  REQUIRE(pays(std::min(block, most), 64));
  REQUIRE(pays(most, 8));
  REQUIRE_FALSE(pays(most + 1, 8));
  REQUIRE(pays(std::min(4 * block, most), 16));
  if (most > 4 * block) {  // not where streaming begins early
    REQUIRE_FALSE(pays(block + 1, 17));
    REQUIRE_FALSE(pays(4 * block + 1, 9));
  }
}

TEST_CASE("Two dense views far enough apart are known at a glance, all others are looked at", "[shift][check]") {
  std::array<float, 80> memory = {};
  shape const dims = {2, 3, 4, 1};
  shift_plan const plan(4, {{0, 1, 1}});
  using view = tensor_view<float>;
  auto const glance = [&](view const& x, view const& y, shift_plan const& by) {
    return tshift::detail::dense_pair_bytes<float>(x, y, by);
  };
  view const x(memory.data(), dims), after(memory.data() + 24, dims);
  REQUIRE(glance(x, after, plan) == 96);
  REQUIRE(glance(after, x, plan) == 96);
  REQUIRE(glance(x, x, plan) == 0);
  REQUIRE(glance(x, view(memory.data() + 23, dims), plan) == 0);
  REQUIRE(glance(view(memory.data() + 23, dims), x, plan) == 0);
  REQUIRE_THROWS_AS(tshift::shift(x, view(memory.data() + 23, dims), plan), tshift::shape_error);
  REQUIRE(glance(x, after, shift_plan(5, {{0, 1, 1}})) == 0);
  REQUIRE(glance(x, view(memory.data() + 24, {2, 3, 4, 2}), plan) == 0);
  REQUIRE(glance(x, view(memory.data() + 24, {3, 2, 4, 1}), plan) == 0);
  REQUIRE(glance(x, view(memory.data() + 24, dims, layout::nct), plan) == 0);
  REQUIRE(glance(view(memory.data(), dims, layout::nct), view(memory.data() + 24, dims, layout::nct), plan) == 0);
  index_t const lengths[] = {3, 2};
  REQUIRE(glance(view(memory.data(), dims, layout::ntc, lengths), after, plan) == 0);
  REQUIRE(glance(x, view(memory.data() + 24, dims, layout::ntc, lengths), plan) == 0);
  REQUIRE(glance(view(nullptr, dims), after, plan) == 0);
  REQUIRE(glance(x, view(nullptr, dims), plan) == 0);
  view empty(memory.data(), {2, 0, 4, 1});
  REQUIRE(glance(empty, empty, plan) == 0);
  view wrong = after;
  wrong.shape.time = -3;
  REQUIRE(glance(wrong, wrong, plan) == 0);
  wrong.shape.time = std::numeric_limits<index_t>::max();
  REQUIRE(glance(wrong, wrong, plan) == 0);
  // Each stride but those of dimensions of one element.
  for (auto const stride : {&tshift::strides::batch, &tshift::strides::time, &tshift::strides::channels}) {
    view one = x, two = after;
    one.strides.*stride += 1;
    two.strides.*stride += 1;
    REQUIRE(glance(one, two, plan) == 0);
  }
  view one = x, two = after;
  one.strides.space = two.strides.space = 17;
  REQUIRE(glance(one, two, plan) == 96);
}
