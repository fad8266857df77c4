// SPDX-License-Identifier: MIT
// interop/mdspan.hpp: std::mdspan, Kokkos', or a stand-in where the library has none (see support/mdspan.hpp). Each
// layout is seen where it lies, const stays const, and shifts between them are the definition.
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>
#include <vector>

#include <tshift/interop/mdspan.hpp>

#include "../support/catch.hpp"
#include "../support/mdspan.hpp"
#include "../support/message_of.hpp"
#include "../support/views.hpp"

namespace {

using namespace test_support;
using tshift::shape;
using tshift::tensor_view;
using tshift::interop::view_of;

template <class Index, std::size_t Rank>
using sizes = md::dextents<Index, Rank>;

template <class T, class Index, std::size_t Rank, class Layout = md::layout_right>
using span_of = md::mdspan<T, sizes<Index, Rank>, Layout>;

/// A dense one over that memory.
template <class Layout, class T, class Index, std::size_t Rank>
span_of<T, Index, Rank, Layout> dense(T* memory, std::array<Index, Rank> const& dims) {
  return {memory, typename Layout::template mapping<sizes<Index, Rank>>(sizes<Index, Rank>{dims})};
}

template <class T, class Index, std::size_t Rank>
span_of<T, Index, Rank, md::layout_stride> strided(T* memory, std::array<Index, Rank> const& dims,
                                                   std::array<Index, Rank> const& steps) {
  return {memory, md::layout_stride::mapping<sizes<Index, Rank>>(sizes<Index, Rank>{dims}, steps)};
}

template <class X, class... Indices>
auto& at(X const& x, Indices... indices) {
  return x.data_handle()[x.mapping()(static_cast<int>(indices)...)];
}

/// A layout without strides: only every other diagonal has a place.
struct layout_odd {
  template <class Extents>
  struct mapping : md::layout_right::mapping<Extents> {
    using layout_type = layout_odd;
    using md::layout_right::mapping<Extents>::mapping;
    static constexpr bool is_always_strided() { return false; }
    static constexpr bool is_strided() { return false; }
  };
};

}  // namespace

TEST_CASE("An mdspan is seen where it lies", "[interop][mdspan]") {
  std::vector<float> memory(2000);
  float* const data = memory.data();
  auto const right = dense<md::layout_right>(data, std::array{2, 3, 4});
  auto const left = dense<md::layout_left>(data, std::array{2, 3, 4});
  auto const gaps = strided(data, std::array{2, 3, 4}, std::array{100, 2, 7});
  shape const dims{2, 3, 4, 1};
  auto const in = [](auto const& x) {
    return [x](index_t n, index_t t, index_t c, index_t) -> auto& { return at(x, n, t, c); };
  };
  REQUIRE(lies_as(view_of(right), dims, in(right)));
  REQUIRE(lies_as(view_of(left), dims, in(left)));
  REQUIRE(lies_as(view_of(gaps), dims, in(gaps)));
  REQUIRE(lies_as(view_of(gaps, "CTN"), {4, 3, 2, 1},
                  [&](index_t n, index_t t, index_t c, index_t) -> float& { return at(gaps, c, t, n); }));
  auto const plane = dense<md::layout_right>(data, std::array<std::uint32_t, 2>{3, 4});
  REQUIRE(lies_as(view_of(plane), {1, 3, 4, 1},
                  [&](index_t, index_t t, index_t c, index_t) -> float& { return at(plane, t, c); }));
  auto const video = dense<md::layout_right>(data, std::array<std::size_t, 5>{2, 3, 4, 5, 6});
  REQUIRE(lies_as(view_of(video, "NTHWC"), {2, 3, 6, 20}, [&](index_t n, index_t t, index_t c, index_t s) -> float& {
    return at(video, n, t, s / 5, s % 5, c);
  }));
  auto const reversed = dense<md::layout_left>(data, std::array<long, 5>{6, 5, 4, 3, 2});
  REQUIRE(lies_as(view_of(reversed, "WHCTN"), {2, 3, 4, 30}, [&](index_t n, index_t t, index_t c, index_t s) -> float& {
    return at(reversed, s % 6, s / 6, c, t, n);
  }));
  std::array<index_t, 2> const lengths{1, 3};
  REQUIRE(view_of(right, "NTC", lengths).length(0) == 1);
  REQUIRE(view_of(dense<md::layout_left>(data, std::array{2, 0, 4})).shape == shape{2, 0, 4, 1});
}

TEST_CASE("Const elements of an mdspan stay const", "[interop][mdspan]") {
  using writable = span_of<double, int, 3>;
  using readable = span_of<double const, int, 3>;
  STATIC_REQUIRE(std::is_same_v<decltype(view_of(std::declval<writable>())), tensor_view<double>>);
  STATIC_REQUIRE(std::is_same_v<decltype(view_of(std::declval<writable const&>())), tensor_view<double>>);
  STATIC_REQUIRE(std::is_same_v<decltype(view_of(std::declval<readable&>())), tensor_view<double const>>);
}

TEST_CASE("An mdspan that cannot be seen is refused", "[interop][mdspan][errors]") {
  std::vector<float> memory(2000);
  auto const video = dense<md::layout_right>(memory.data(), std::array{2, 3, 4, 5});
  REQUIRE(message_of([&] { view_of(video); }) == "view_of: x has 4 dimensions, which must be named, as in \"NTCHW\"");
  REQUIRE(message_of([&] { view_of(video, "NTC"); }) == "view_of: axes = \"NTC\", must name the 4 dimensions of x");
  REQUIRE(message_of([&] { view_of(video, "HTCW"); }) ==
          "view_of: H and W of x cannot be walked with one stride, must lie as in dense memory");
  auto const odd = dense<layout_odd>(memory.data(), std::array{2, 3, 4});
  REQUIRE(message_of([&] { view_of(odd); }) == "view_of: x has no strides, must be strided");
  constexpr std::size_t huge = std::size_t{1} << (std::numeric_limits<std::size_t>::digits - 1);
  std::string const limit = "must fit in 2^" + std::to_string(tshift::detail::index_bits) + " - 1";
  REQUIRE(message_of([&] {
            view_of(strided(memory.data(), std::array<std::size_t, 2>{huge, 1}, std::array<std::size_t, 2>{1, 1}));
          }) == "view_of: a size of x is too large, " + limit);
  REQUIRE(message_of([&] {
            view_of(strided(memory.data(), std::array<std::size_t, 2>{1, 1}, std::array<std::size_t, 2>{huge, 1}));
          }) == "view_of: a stride of x is too large, " + limit);
}

TEST_CASE("Shifts between mdspans are the definition", "[interop][mdspan]") {
  tally result;
  random_bits random(8);
  std::vector<float> a = numbers<float>(2 * 6 * 5, random), b(a.size()), c(2000);
  auto const right = dense<md::layout_right>(a.data(), std::array{2, 6, 5});
  auto const constant = dense<md::layout_right>(const_cast<float const*>(a.data()), std::array{2, 6, 5});
  auto const left = dense<md::layout_left>(b.data(), std::array{5, 6, 2});
  auto const gaps = strided(c.data(), std::array{2, 6, 5}, std::array{400, 3, 20});
  shift_between(view_of(constant), view_of(left, "CTN"), result);
  shift_between(view_of(left, "CTN"), view_of(gaps), result);
  shift_between(view_of(gaps), view_of(right), result);
  REQUIRE_ALL(result, 3 * cases_between);
  std::printf("interop/mdspan.hpp: %td cases with %s\n", result.cases, TEST_MDSPAN);
}
