// SPDX-License-Identifier: MIT
// 16-bit floats: conversions over every pattern, sums against exact ones in double, and every operation against the
// reference, for ours and for the compiler's.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <tshift/tshift.hpp>

#include "../support/bytes.hpp"
#include "../support/cases.hpp"
#include "../support/catch.hpp"
#include "../support/float16.hpp"
#include "../support/operations.hpp"
#include "../support/thread_executor.hpp"

namespace {

using namespace test_support;
using tshift::bfloat16;
using tshift::float16;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

// A format by its definition: fraction bits, and the exponent of the smallest normal number.
template <class T>
struct format {
  static constexpr int fraction = tshift::detail::is_half<T> ? 10 : 7;
  static constexpr int smallest = tshift::detail::is_half<T> ? -14 : -126;
  static constexpr unsigned infinity = 0x7fffu >> fraction << fraction;
};

template <class T>
bool is_nan(std::uint16_t bits) {
  return (bits & 0x7fffu) > format<T>::infinity;
}

// What a pattern stands for, in double.
template <class T>
double value_of(std::uint16_t bits) {
  using f = format<T>;
  unsigned const size = bits & 0x7fffu, exponent = size >> f::fraction, rest = size & ((1u << f::fraction) - 1);
  double value;
  if (is_nan<T>(bits)) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (size == f::infinity) {
    value = std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(rest, f::smallest - f::fraction);
  } else {
    value = std::ldexp(rest + (1u << f::fraction), static_cast<int>(exponent) - 1 + f::smallest - f::fraction);
  }
  return (bits & 0x8000u) != 0 ? -value : value;
}

// The pattern nearest to a number, ties to even; any NaN as 0x7fff. By the steps of the format, in double, where all of
// it is exact: of sums of two as well, whose terms are less than 2^52 apart or else far below half a step.
template <class T>
std::uint16_t nearest_pattern(double value) {
  using f = format<T>;
  if (std::isnan(value)) return 0x7fffu;
  unsigned const sign = std::signbit(value) ? 0x8000u : 0;
  double const size = std::fabs(value);
  if (size == 0) return static_cast<std::uint16_t>(sign);
  if (std::isinf(size)) return static_cast<std::uint16_t>(sign | f::infinity);
  int const exponent = std::max(std::ilogb(size), f::smallest);
  double const steps = std::nearbyint(std::ldexp(size, f::fraction - exponent));  // in [0, 2^(fraction + 1)]
  unsigned const pattern =
      static_cast<unsigned>(steps) + (static_cast<unsigned>(exponent - f::smallest) << f::fraction);
  return static_cast<std::uint16_t>(sign | std::min(pattern, f::infinity));
}

// Equal, any NaN to any other.
template <class T>
bool same_number(std::uint16_t want, std::uint16_t got) {
  return is_nan<T>(want) ? is_nan<T>(got) : want == got;
}

// Patterns at which a format changes: zeros, the ends of the subnormals and of the normals, ones, infinity, NaN; and
// some at random.
template <class T>
std::vector<std::uint16_t> interesting(index_t more, random_bits& random) {
  constexpr unsigned one = static_cast<unsigned>(-format<T>::smallest + 1) << format<T>::fraction;
  std::vector<std::uint16_t> patterns;
  for (unsigned const middle :
       {0u, 1u << format<T>::fraction, one, one + (3u << format<T>::fraction),
        one + (static_cast<unsigned>(format<T>::fraction) << format<T>::fraction), format<T>::infinity}) {
    for (int away = -3; away <= 3; ++away) {
      auto const pattern = static_cast<std::uint16_t>((static_cast<int>(middle) + away) & 0x7fff);
      patterns.push_back(pattern);
      patterns.push_back(pattern | 0x8000u);
    }
  }
  for (index_t i = 0; i < more; ++i) patterns.push_back(static_cast<std::uint16_t>(random()));
  return patterns;
}

template <class T>
std::vector<T> numbers_of(std::vector<std::uint16_t> const& patterns) {
  std::vector<T> result(patterns.size());
  std::memcpy(result.data(), patterns.data(), 2 * patterns.size());
  return result;
}

template <class T>
tensor_view<T> row_of(std::vector<T>& values) {
  return {values.data(), {1, 1, static_cast<index_t>(values.size())}};
}

template <class T>
void check_data() {
  STATIC_REQUIRE(sizeof(T) == 2);
  STATIC_REQUIRE(alignof(T) <= 2);
  STATIC_REQUIRE(std::is_trivial_v<T>);
  STATIC_REQUIRE(std::is_standard_layout_v<T>);
  STATIC_REQUIRE(tshift::addable<T>);
  STATIC_REQUIRE(std::is_convertible_v<T, float>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<float, T>);
  STATIC_REQUIRE(std::is_same_v<decltype(T{} + T{}), T>);
  STATIC_REQUIRE(T{}.bits == 0);
  STATIC_REQUIRE(T(1.5f) + T(0.25f) == T(1.75f));
  STATIC_REQUIRE(T(1.5f) != T(1.75f));
  STATIC_REQUIRE(T(-0.f) == T(0.f));
  STATIC_REQUIRE(T::from_bits(0x8000u).bits == T(-0.f).bits);
  T const nan(std::numeric_limits<float>::quiet_NaN());
  REQUIRE_FALSE(nan == nan);
  REQUIRE(T(2.5f) * 2.f == 5.f);
}

}  // namespace

TEST_CASE("Our 16-bit floats are data, and their numbers known to the compiler", "[float16]") {
  check_data<float16>();
  check_data<bfloat16>();
  STATIC_REQUIRE(float16(65519.f).bits == 0x7bffu);
  STATIC_REQUIRE(float16(65520.f).bits == 0x7c00u);
  STATIC_REQUIRE(float16(0x1p-24f).bits == 1);
  STATIC_REQUIRE(float16(0x1p-25f).bits == 0);
  STATIC_REQUIRE(float16(0x1.8p-25f).bits == 1);
  STATIC_REQUIRE(bfloat16(1.f).bits == 0x3f80u);
  STATIC_REQUIRE(bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80u);
}

TEMPLATE_TEST_CASE("Every pattern becomes the float it stands for, and comes back", "[float16][exhaustive]", float16,
                   bfloat16) {
  using T = TestType;
  tally result;
  for (unsigned i = 0; i < 65536; ++i) {
    auto const bits = static_cast<std::uint16_t>(i);
    float const value = T::from_bits(bits);
    std::uint16_t const back = T(value).bits;
    bool const good = is_nan<T>(bits)
                          ? std::isnan(value) && is_nan<T>(back) && (back | 0x200u) >> 9 == (bits | 0x200u) >> 9
                          : static_cast<double>(value) == value_of<T>(bits) && back == bits &&
                                std::signbit(value) == (bits >> 15 != 0);
    result.count(good, [&] { return std::to_string(bits); });
  }
  REQUIRE_ALL(result, 65536);
}

TEMPLATE_TEST_CASE("A float becomes the nearest number, ties to even", "[float16][exhaustive]", float16, bfloat16) {
  using T = TestType;
  tally result;
  auto const check = [&](float value) {
    std::uint16_t const got = T(value).bits;
    bool const sign = std::isnan(value) || got >> 15 == std::uint16_t{std::signbit(value)};
    result.count(sign && same_number<T>(nearest_pattern<T>(static_cast<double>(value)), got),
                 [&] { return std::to_string(value); });
  };
  // Halfway between neighbours, and next to that; the last of them lies between the largest number and infinity.
  for (unsigned i = 0; i < format<T>::infinity; ++i) {
    double const low = value_of<T>(static_cast<std::uint16_t>(i));
    double const high = i + 1 < format<T>::infinity ? value_of<T>(static_cast<std::uint16_t>(i + 1))
                                                    : std::ldexp(1., tshift::detail::is_half<T> ? 16 : 128);
    auto const middle = static_cast<float>((low + high) / 2);
    for (float const size : {middle, std::nextafter(middle, 0.f), std::nextafter(middle, HUGE_VALF)}) {
      check(size);
      check(-size);
    }
  }
  random_bits random(160);
  for (int i = 0; i < 1000000; ++i) check(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  for (float const size : {0.f, 0x1p-149f, 0x1p-126f, std::numeric_limits<float>::max(), HUGE_VALF}) {
    check(size);
    check(-size);
  }
  for (std::uint32_t const bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffc00000u, 0x7fbfffffu}) {
    check(std::bit_cast<float>(bits));
  }
  REQUIRE_ALL(result, index_t{format<T>::infinity} * 6 + 1000000 + 10 + 5);
}

TEMPLATE_LIST_TEST_CASE("A sum of two is the exact one, rounded once", "[float16][exhaustive]", all_16_bit_floats) {
  using T = TestType;
  random_bits random(161);
  tally result;
  // Every pattern, and one more, so that there are ends too short for a register; beside each of the others.
  std::vector<std::uint16_t> all(65537);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i * 40503u);
  std::vector<T> x = numbers_of<T>(all), r(x.size()), y(x.size()), want(x.size());
  for (std::uint16_t const other : interesting<T>(40, random)) {
    std::fill(r.begin(), r.end(), from_bits<T>(other));
    tshift::shift_add(row_of(x), row_of(r), row_of(y), {static_cast<index_t>(x.size()), {}});
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::uint16_t const sum = nearest_pattern<T>(value_of<T>(all[i]) + value_of<T>(other));
      bool const good =
          same_number<T>(sum, bits_of(y[i])) && same_number<T>(sum, bits_of(tshift::detail::add<T>(x[i], r[i])));
      result.count(good, [&] { return std::to_string(all[i]) + " + " + std::to_string(other); });
    }
  }
  REQUIRE_ALL(result, 65537 * (6 * 14 + 40));
}

TEMPLATE_LIST_TEST_CASE("A sum of many is made in float, in the order of time, and rounded once", "[float16]",
                        all_16_bit_floats) {
  using T = TestType;
  random_bits random(162);
  tally result;
  for (index_t const channels : {1, 3, 16, 37, 70}) {
    for (index_t const time : {2, 9, 40}) {
      shape const dims = {1, time, channels};
      auto const dy = numbers<T>(time * channels, random);
      for (bool const delay : {true, false}) {
        // All frames were taken from the first or the last.
        shift_plan const plan(channels, {{0, channels, delay ? time : -time}}, padding::edge);
        for (layout const order : layouts) {
          auto out = dy, in_place = dy;
          tensor_view<T const> const from(dy.data(), dims, order);
          tensor_view<T> const to(out.data(), dims, order), both(in_place.data(), dims, order);
          tshift::shift_adjoint(from, to, plan);
          tshift::shift_adjoint_inplace(both, plan);
          bool good = true;
          for (index_t c = 0; c < channels; ++c) {
            float sum = static_cast<float>(value_of<T>(bits_of(from(0, 0, c))));
            for (index_t t = 1; t < time; ++t) sum += static_cast<float>(value_of<T>(bits_of(from(0, t, c))));
            std::uint16_t const want = nearest_pattern<T>(static_cast<double>(sum));
            index_t const nearest = delay ? 0 : time - 1;
            good = good && bits_of(to(0, nearest, c)) == want && bits_of(both(0, nearest, c)) == want;
          }
          result.count(good, [&] { return name(order) + ", " + describe(dims, plan); });
        }
      }
    }
  }
  REQUIRE_ALL(result, 5 * 3 * 2 * 4);
}

TEMPLATE_LIST_TEST_CASE("Small terms that vanish one by one are not lost in a sum of many", "[float16]",
                        all_16_bit_floats) {
  using T = TestType;
  // 1 + 40 * e with e a quarter of the step at 1: added one by one to a T, each would be rounded away.
  float const step = tshift::detail::is_half<T> ? 0x1p-10f : 0x1p-7f;
  std::vector<T> dy(41 * 70, tshift::detail::nearest<T>(step / 4));
  std::fill(dy.begin(), dy.begin() + 70, tshift::detail::nearest<T>(1.f));
  shape const dims = {1, 41, 70};
  tshift::shift_adjoint_inplace(tensor_view<T>(dy.data(), dims), shift_plan(70, {{0, 70, 41}}, padding::edge));
  for (int c = 0; c < 70; ++c) REQUIRE(tshift::detail::to_float(dy[static_cast<std::size_t>(c)]) == 1.f + 10 * step);
}

TEMPLATE_LIST_TEST_CASE("What is not added keeps its bits, NaN's payload as well", "[float16]", all_16_bit_floats) {
  using T = TestType;
  tally result;
  random_bits random(163);
  // keep and edge with offsets that leave frames without a partner: sums of one term.
  for (padding const edge : paddings) {
    for (index_t const offset : {1, -1, 3, -3, 9}) {
      for (layout const order : layouts) {
        shape const dims = {1, 7, 70};
        std::vector<std::uint16_t> patterns(7 * 70);
        for (auto& p : patterns) p = static_cast<std::uint16_t>(random() | 0x7c01u);  // NaN in either format, or large
        auto const dy = numbers_of<T>(patterns);
        auto want = dy, got = dy, same = dy;
        shift_plan const plan(70, {{0, 70, offset}}, edge);
        tensor_view<T const> const from(dy.data(), dims, order);
        tensor_view<T> const to(want.data(), dims, order), out(got.data(), dims, order), both(same.data(), dims, order);
        tshift::reference::shift_adjoint(from, to, plan);
        tshift::shift_adjoint(from, out, plan);
        tshift::shift_adjoint_inplace(both, plan);
        std::vector<int> terms(7);
        for (index_t t = 0; t < 7; ++t) {
          index_t const source = tshift::reference::source_frame(t, offset, 7, edge);
          if (source >= 0) ++terms[static_cast<std::size_t>(source)];
        }
        bool good = true;
        for (index_t t = 0; t < 7; ++t) {
          for (index_t c = 0; c < 70; ++c) {
            std::uint16_t const bits = bits_of(to(0, t, c)), first = bits_of(out(0, t, c)),
                                second = bits_of(both(0, t, c));
            bool const exact = terms[static_cast<std::size_t>(t)] < 2;
            good = good && (exact ? bits == first && bits == second
                                  : same_number<T>(bits, first) && same_number<T>(bits, second));
          }
        }
        result.count(good, [&] { return name(order) + ", " + describe(dims, plan); });
      }
    }
  }
  REQUIRE_ALL(result, 4 * 5 * 4);
}

TEMPLATE_LIST_TEST_CASE("Every operation is the reference for every layout, padding and executor", "[float16]",
                        all_16_bit_floats) {
  using T = TestType;
  tally result;
  random_bits random(164);
  for (index_t const time : {1, 2, 5, 9}) {
    for (index_t const channels : {1, 3, 16, 37, 70, 150}) {
      for (index_t const space : {1, 3}) {
        shape const dims = {2, time, channels, space};
        index_t const size = dims.size(), lengths[] = {time, time / 2};
        auto const x = numbers<T>(size, random), r = numbers<T>(size, random), start = numbers<T>(size, random);
        for (int i = 0; i < 16; ++i) {
          shift_plan const plan(channels, {{0, channels / 3, i % 3 + 1}, {channels / 3, channels / 2, -2}},
                                paddings[i / 4]);
          std::span<index_t const> const ragged(lengths, i % 3 == 0 ? 2 : 0);
          layout const order = layouts[i % 4];
          tensor_view<T const> const in(x.data(), dims, layouts[(i + time) % 4], ragged);
          tensor_view<T const> const beside(r.data(), dims, i % 2 == 0 ? order : layout::nct);
          for (operation const what : operations) {
            auto want = start, got = start;
            tensor_view<T> const to(want.data(), dims, order, ragged), out(got.data(), dims, order, ragged);
            T const fill = number<T>(random);
            apply_reference<T>(what, in, beside, to, plan, fill);
            if (i % 4 < 2) {
              apply<T>(what, in, beside, out, plan, fill);
            } else {
              apply<T>(what, in, beside, out, plan, fill, thread_executor{2});
            }
            result.count(same_bytes(want.data(), got.data(), want.size() * sizeof(T)),
                         [&] { return name(what) + ", " + name(order) + ", " + describe(dims, plan, ragged); });
          }
        }
      }
    }
  }
  REQUIRE_ALL(result, 4 * 6 * 2 * 16 * operation_count);
}

TEMPLATE_LIST_TEST_CASE("Large tensors: around the caches, in several parts, for every architecture", "[float16]",
                        all_16_bit_floats) {
  using T = TestType;
  tally result;
  random_bits random(165);
  auto const check = [&]<class Arch>(Arch, shape const& dims, layout order, padding edge) {
    index_t const size = dims.size(), C = dims.channels;
    auto const x = numbers<T>(size + 1, random), r = numbers<T>(size + 1, random);
    // One element off, so that registers and lines do not begin where the tensor does.
    tensor_view<T const> const in(x.data() + 1, dims, order), beside(r.data() + 1, dims, order);
    shift_plan const plan(C, {{1, C / 3, 1}, {C / 3 + 1, C / 3, -3}}, edge);
    std::vector<T> want = x, got = x;
    tensor_view<T> const to(want.data() + 1, dims, order), out(got.data() + 1, dims, order);
    auto const count = [&](char const* what) {
      result.count(same_bytes(want.data(), got.data(), want.size() * sizeof(T)),
                   [&] { return what + name(order) + ", " + describe(dims, plan); });
    };
    tshift::reference::shift_add<T>(in, beside, to, plan);
    tshift::shift_add<Arch>(thread_executor{3}, in, beside, out, plan);
    count("shift_add, ");
    if (dims.time > 100) return;  // the definition takes the square of it
    tshift::reference::shift_adjoint<T>(in, to, plan);
    tshift::shift_adjoint<Arch>(thread_executor{3}, in, out, plan);
    count("shift_adjoint, ");
  };
  REQUIRE(2 * 2 * 2200 * 1501 >= TSHIFT_STREAMING_BYTES);
  auto const check_all = [&]<class Arch>(Arch arch) {
    for (padding const edge : paddings) {
      check(arch, {2, 9, 133, 3}, layouts[static_cast<int>(edge)], edge);
      check(arch, {1, 30, 130}, layout::ntc, edge);
    }
  };
  check(xsimd::default_arch(), {2, 2200, 1501}, layout::ntc, padding::zero);
  check(xsimd::default_arch(), {2, 2200, 1501}, layout::nct, padding::circular);
  check_all(xsimd::default_arch());
  index_t architectures = 2;
#if XSIMD_VERSION_MAJOR < 14  // no vector registers at all
  check_all(xsimd::generic());
#else
  check_all(xsimd::common());
#endif
#if XSIMD_WITH_SSE2
  ++architectures;
  check_all(xsimd::sse2());
#endif
#if XSIMD_WITH_AVX2
  ++architectures;
  check_all(xsimd::avx2());
#endif
  REQUIRE_ALL(result, 2 + architectures * 16);
}
