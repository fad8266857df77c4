// SPDX-License-Identifier: MIT
// Numbers as files hold them, read one at a time and a row at a time: every pattern of 16 bits, every kind of rounding, at
// any address.
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tshift/weights/tensor.hpp>
#include <tshift/weights/values.hpp>

#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/guard_pages.hpp"
#include "../support/message_of.hpp"
#include "../support/random.hpp"

namespace {

using namespace test_support;
using tshift::index_t;
using tshift::weights::dtype;
using tshift::weights::values;

// Little-endian bytes of unsigned integers.
template <class Unsigned>
std::vector<std::byte> little(std::vector<Unsigned> const& numbers) {
  std::vector<std::byte> bytes;
  for (Unsigned const number : numbers) {
    for (std::size_t i = 0; i < sizeof number; ++i) bytes.push_back(static_cast<std::byte>(number >> 8 * i & 0xff));
  }
  return bytes;
}

// The elements one by one, after a check that rows of any length give the same bits and write nothing else.
template <class T>
std::vector<T> read(values<T> const& from) {
  std::vector<T> one_by_one;
  for (index_t i = 0; i < from.size(); ++i) one_by_one.push_back(from[i]);
  for (index_t const first : {index_t{0}, index_t{1}, from.size() / 2}) {
    for (index_t const count : {index_t{0}, index_t{1}, index_t{7}, from.size() - first}) {
      if (first < 0 || count < 0 || first + count > from.size()) continue;
      std::vector<T> row(static_cast<std::size_t>(count) + 2, T(77));
      from.copy_to(row.data() + 1, first, count);
      bool const same =
          same_bytes(row.data() + 1, one_by_one.data() + first, static_cast<std::size_t>(count) * sizeof(T));
      if (!same || row.front() != T(77) || row.back() != T(77)) FAIL("a row of " << count << " from " << first);
    }
  }
  return one_by_one;
}

template <class T>
values<T> all_of(dtype type, std::vector<std::byte> const& bytes) {
  return {type, bytes.data(), static_cast<index_t>(bytes.size() * 8) / tshift::weights::bits_of(type)};
}

}  // namespace

TEST_CASE("A double overflows a float from half a step above the largest on, infinities do not", "[values]") {
  using tshift::detail::overflows_float;
  constexpr double largest = std::numeric_limits<double>::max(), infinite = std::numeric_limits<double>::infinity();
  constexpr double half_a_step_above = 0x1.ffffffp127;
  for (double const sign : {1., -1.}) {
    CHECK_FALSE(overflows_float(sign * 0x1.fffffefffffffp127));
    CHECK(overflows_float(sign * half_a_step_above));
    CHECK(overflows_float(sign * largest));
    CHECK_FALSE(overflows_float(sign * infinite));
    CHECK_FALSE(overflows_float(sign * 1));
  }
  CHECK_FALSE(overflows_float(std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("F16 and BF16 become the numbers they stand for", "[values]") {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<std::byte> const bytes = little(all);

  // sign * (1 + fraction) * 2^(exponent - bias), with the exceptions at both ends, in double
  auto const value_of = [](std::uint32_t bits, int fraction_bits) {
    int const exponent_bits = 15 - fraction_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int const exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    auto const fraction = static_cast<double>(bits & ((1u << fraction_bits) - 1));
    double const sign = (bits & 0x8000u) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) {
      return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    }
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
    return sign * std::ldexp(fraction + std::ldexp(1, fraction_bits), exponent - bias - fraction_bits);
  };
  long numbers = 0, nans = 0;
  for (auto const& [type, fraction_bits] : {std::pair(dtype::f16, 10), {dtype::bf16, 7}}) {
    std::vector<float> const floats = read(all_of<float>(type, bytes));
    std::vector<double> const doubles = read(all_of<double>(type, bytes));
    REQUIRE(floats.size() == 65536);
    REQUIRE(doubles.size() == 65536);
    for (std::uint32_t i = 0; i < 65536; ++i) {
      double const expected = value_of(i, fraction_bits);
      float const as_float = floats[i];
      double const as_double = doubles[i];
      bool right = as_double == expected && static_cast<double>(as_float) == expected &&
                   std::signbit(as_float) == std::signbit(expected) &&
                   std::signbit(as_double) == std::signbit(expected);
      if (std::isnan(expected)) {  // the payload stays, and its first bit is the first bit
        std::uint32_t const payload = (i & ((1u << fraction_bits) - 1)) << (23 - fraction_bits);
        right = std::bit_cast<std::uint32_t>(as_float) == ((i & 0x8000u) << 16 | 0x7f800000u | payload) &&
                std::isnan(as_double);
        ++nans;
      } else {
        ++numbers;
      }
      if (!right) FAIL(name_of(type) << " " << i << " became " << as_float << " and " << as_double);
    }
  }
  CHECK(nans == 2 * 1023 + 2 * 127);
  CHECK(numbers + nans == 2 * 65536);
}

TEST_CASE("F64 as float is rounded to nearest", "[values]") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  struct row {
    double from;
    float to;
  };
  std::vector<row> const rows = {
      {0.1, 0.1f},
      {1 + 0x1p-24, 1.f},  // a tie: to even
      {1 + 0x1p-24 + 0x1p-50, 1 + 0x1p-23f},
      {1 + 3 * 0x1p-24, 1 + 0x1p-22f},           // a tie: to even
      {0x1.fffffep127, 0x1.fffffep127f},         // the largest
      {0x1.fffffefffffffp127, 0x1.fffffep127f},  // just below half a step above it
      {-0x1.fffffefffffffp127, -0x1.fffffep127f},
      {0x1p-149, 0x1p-149f},  // the smallest
      {0x1p-150, 0.f},        // a tie: to even
      {0x1.8p-150, 0x1p-149f},
      {-5e-324, -0.f},
      {-0.0, -0.f},
      {infinity, std::numeric_limits<float>::infinity()},
      {-infinity, -std::numeric_limits<float>::infinity()},
  };
  std::vector<std::uint64_t> bits;
  for (row const& r : rows) bits.push_back(std::bit_cast<std::uint64_t>(r.from));
  bits.push_back(std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN()));
  std::vector<std::byte> const bytes = little(bits);
  std::vector<float> const to = read(all_of<float>(dtype::f64, bytes));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(rows[i].from);
    CHECK(to[i] == rows[i].to);
    CHECK(std::signbit(to[i]) == std::signbit(rows[i].to));
  }
  CHECK(std::isnan(to[rows.size()]));
  CHECK(rows.size() == 14);
}

TEMPLATE_TEST_CASE("Bits of T stay what they are, at any address, and nothing else is read", "[values]", float,
                   double) {
  using bits_t = std::conditional_t<sizeof(TestType) == 4, std::uint32_t, std::uint64_t>;
  random_bits random(8);
  std::vector<bits_t> bits(9);
  for (bits_t& one : bits) one = static_cast<bits_t>(random());
  std::vector<std::byte> const bytes = little(bits);
  for (std::size_t shift = 0; shift < 16; ++shift) {
    // From the end of the last page that may be read, moved back.
    guard_pages memory(static_cast<index_t>(bytes.size() + 16));
    std::byte* const begin = memory.end() - shift - bytes.size();
    std::copy(bytes.begin(), bytes.end(), begin);
    values<TestType> const from(tshift::weights::dtype_of<TestType>(), begin, 9);
    std::vector<TestType> const got = read(from);
    for (std::size_t i = 0; i < 9; ++i) {
      CHECK(std::bit_cast<bits_t>(got[i]) == bits[i]);
    }
    bool const usable =
        reinterpret_cast<std::uintptr_t>(begin) % alignof(TestType) == 0 && std::endian::native == std::endian::little;
    CHECK((from.native() == nullptr) == !usable);
    if (usable) CHECK(static_cast<void const*>(from.native()) == begin);
  }
}

TEST_CASE("Values are made of what has elements, and of none", "[values]") {
  std::vector<float> const vector{1, 2, 3};
  std::array<float, 3> const array{1, 2, 3};
  float plain[] = {1, 2, 3};
  auto const sum = [](values<float> const& from) { return from[0] + 10 * from[1] + 100 * from[2]; };
  CHECK(sum(vector) == 321.f);
  CHECK(sum(array) == 321.f);
  CHECK(sum(plain) == 321.f);
  CHECK(sum(std::span(vector)) == 321.f);
  CHECK(sum(std::span(plain)) == 321.f);
  CHECK(values<float>(vector).native() == vector.data());
  CHECK(values<float>(vector).type() == dtype::f32);
  CHECK(values<double>().type() == dtype::f64);
  CHECK(values<float>().empty());
  CHECK(values<float>().native() == nullptr);
  values<float>().copy_to(nullptr, 0, 0);
  CHECK_FALSE(std::is_convertible_v<std::vector<double> const&, values<float>>);
}

TEST_CASE("A tensor is read as float or double, or refused", "[values]") {
  using tshift::weights::read_as;
  using tshift::weights::tensor;
  std::array<std::byte, 64> const zeros{};
  int numbers = 0, refused = 0;
  for (int i = 0; i <= static_cast<int>(dtype::u64); ++i) {
    auto const type = static_cast<dtype>(i);
    tensor const one("t", type, {4, 2}, std::span(zeros).first(static_cast<std::size_t>(bits_of(type))), 12);
    INFO(name_of(type));
    CHECK(tshift::weights::dtype_named(name_of(type)) == type);
    if (is_number(type)) {
      CHECK(read_as<float>(one).size() == 8);
      CHECK(read_as<double>(one)[7] == 0);
      ++numbers;
    } else {
      std::string const sentence = std::string("t has dtype ") + name_of(type) + ", must be F32, F16, BF16 or F64";
      CHECK(message_of([&] { read_as<float>(one); }) == "tensor: " + sentence + " (byte 12)");
      CHECK(message_of([&] { read_as<double>(one, "model", "W"); }) == "model: " + sentence + " (W, byte 12)");
      ++refused;
    }
  }
  CHECK(numbers == 4);
  CHECK(refused == 18);
  CHECK_FALSE(tshift::weights::dtype_named("f32"));
  CHECK_FALSE(tshift::weights::dtype_named(""));
}
