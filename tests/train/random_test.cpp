// SPDX-License-Identifier: MIT
// train::random_stream: published answers of Philox4x32-10, pinned numbers, uniformity, the moments and tails of normal
// numbers, and independence of streams.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <set>
#include <vector>

#include <tshift/train/random.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
using tshift::train::random_stream;
namespace purposes = tshift::train::purposes;

constexpr bool gives(std::uint64_t key, std::array<std::uint32_t, 4> const& c,
                     std::array<std::uint32_t, 4> const& want) {
  auto const got = tshift::train::kernel::philox(key, {{c[0], c[1], c[2], c[3]}});
  for (std::size_t i = 0; i < 4; ++i) {
    if (got.word[i] != want[i]) return false;
  }
  return true;
}

// The known answers that come with the paper's code (kat_vectors of Random123).
static_assert(gives(0, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
static_assert(gives(0xffffffffffffffff, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                    {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
static_assert(gives(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                    {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));

}  // namespace

TEST_CASE("train::random: lanes are counters, and streams are Philox as documented", "[train][random]") {
  constexpr index_t lanes = 16;
  std::uint32_t words[4 * lanes];
  tshift::train::kernel::philox<lanes>(77, {{0xfffffff8, 2, 3, 4}}, words);
  for (std::uint32_t i = 0; i < lanes; ++i) {
    auto const one = tshift::train::kernel::philox(77, {{0xfffffff8 + i, 2, 3, 4}});
    for (std::size_t w = 0; w < 4; ++w) CHECK(words[w * lanes + i] == one.word[w]);
  }
  random_stream stream(0x123456789abcdef, 7, 5, 9);
  for (std::uint64_t i = 0; i < 9; ++i) {
    auto const block =
        tshift::train::kernel::philox(0x123456789abcdef, {{static_cast<std::uint32_t>(i / 2), 7u << 16, 5, 9}});
    std::size_t const word = 2 * (i % 2);
    std::uint64_t const want = block.word[word] | static_cast<std::uint64_t>(block.word[word + 1]) << 32;
    CHECK(stream.bits(i) == want);
    CHECK(stream.next() == want);
  }
  auto const far = tshift::train::kernel::philox(0x123456789abcdef, {{3, (7u << 16) | 1, 5, 9}});
  CHECK(stream.bits((std::uint64_t{1} << 33) + 6) == (far.word[0] | static_cast<std::uint64_t>(far.word[1]) << 32));
}

TEST_CASE("train::random: pinned numbers", "[train][random]") {
  random_stream a(42, purposes::own, 3, 8);
  CHECK(a.uniform() == 0x1.66b8a6a6f91acp-2);
  CHECK(a.below(1000) == 744);
  CHECK(a.normal() == 0x1.578f0d2437a98p+0);
  CHECK(a.normal() == 0x1.181753f7551c4p-1);
  std::array<index_t, 10> order{};
  tshift::train::shuffle(42, 3, order);
  CHECK(order == std::array<index_t, 10>{7, 3, 1, 2, 8, 9, 6, 5, 0, 4});
}

TEST_CASE("train::random: seed, purpose, epoch and sample each change all numbers", "[train][random]") {
  std::set<std::uint64_t> seen;
  index_t streams = 0;
  for (std::uint64_t const seed : {0u, 1u, 42u}) {
    for (index_t const purpose : {0, 1, 2, 0x1000, 0xffff}) {
      for (index_t const epoch : {0, 1, 7}) {
        for (index_t const sample : {0, 1, 2, 100}) {
          random_stream stream(seed, purpose, epoch, sample);
          for (int i = 0; i < 5; ++i) seen.insert(stream.next());
          ++streams;
        }
      }
    }
  }
  CHECK(streams == 180);
  CHECK(seen.size() == 900);
}

TEST_CASE("train::random: uniform numbers, whole numbers and orders favour none", "[train][random]") {
  constexpr int draws = 200000;
  random_stream stream(1, purposes::own);
  std::array<int, 16> bins{};
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    double const u = stream.uniform();
    REQUIRE((u >= 0 && u < 1));
    ++bins[static_cast<std::size_t>(u * 16)];
    sum += u;
  }
  CHECK(std::fabs(sum / draws - 0.5) < 5 / std::sqrt(12.0 * draws));
  double chi = 0;
  for (int const bin : bins) chi += (bin - draws / 16.0) * (bin - draws / 16.0) / (draws / 16.0);
  CHECK(chi < 45);  // 15 degrees of freedom: 1 in 10000

  // Of 3 2^61, where one number in four is drawn again: without that the first third would come with 3/8.
  index_t const n = (index_t{1} << 62) + (index_t{1} << 61);
  int low = 0;
  for (int i = 0; i < draws; ++i) {
    index_t const drawn = stream.below(n);
    REQUIRE((drawn >= 0 && drawn < n));
    if (drawn < n / 3) ++low;
  }
  CHECK(std::fabs(low / static_cast<double>(draws) - 1.0 / 3) < 0.005);
  for (int i = 0; i < 100; ++i) CHECK(stream.below(1) == 0);

  std::array<int, 24> orders{};  // of four elements
  for (int i = 0; i < 48000; ++i) {
    std::array<index_t, 4> order{};
    stream.permutation(order);
    index_t code = 0;
    for (index_t a = 0; a < 4; ++a) {
      index_t smaller = 0;
      for (index_t b = a + 1; b < 4; ++b) {
        smaller += order[static_cast<std::size_t>(b)] < order[static_cast<std::size_t>(a)] ? 1 : 0;
      }
      code = code * (4 - a) + smaller;
    }
    ++orders[static_cast<std::size_t>(code)];
  }
  chi = 0;
  for (int const count : orders) chi += (count - 2000.0) * (count - 2000.0) / 2000.0;
  CHECK(chi < 56);  // 23 degrees of freedom: 1 in 10000

  std::vector<index_t> order(1000);
  tshift::train::shuffle(5, 0, order);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (index_t i = 0; i < 1000; ++i) CHECK(sorted[static_cast<std::size_t>(i)] == i);
  CHECK(order != sorted);
  std::vector<index_t> second(1000);
  tshift::train::shuffle(5, 1, second);
  CHECK(order != second);
}

TEST_CASE("train::random: normal numbers have the distribution's shape", "[train][random]") {
  constexpr int draws = 400000;
  random_stream stream(3, purposes::own);
  double moments[5] = {};
  std::array<int, 20> bins{};  // equally probable ones, by the distribution function
  int beyond_3 = 0;
  for (int i = 0; i < draws; ++i) {
    double const z = stream.normal();
    double power = 1;
    for (double& each : moments) {
      each += power;
      power *= z;
    }
    double const p = 0.5 * std::erfc(-z / std::sqrt(2.0));
    ++bins[std::min<std::size_t>(19, static_cast<std::size_t>(p * 20))];
    if (std::fabs(z) > 3) ++beyond_3;
  }
  double chi = 0;
  for (int const bin : bins) chi += (bin - draws / 20.0) * (bin - draws / 20.0) / (draws / 20.0);
  std::cout << "normal: mean " << moments[1] / draws << ", variance " << moments[2] / draws << ", third "
            << moments[3] / draws << ", fourth " << moments[4] / draws << ", chi^2 of 20 bins " << chi << '\n';
  CHECK(std::fabs(moments[1] / draws) < 0.008);
  CHECK(std::fabs(moments[2] / draws - 1) < 0.012);
  CHECK(std::fabs(moments[3] / draws) < 0.03);
  CHECK(std::fabs(moments[4] / draws - 3) < 0.08);
  CHECK(chi < 52);  // 19 degrees of freedom: 1 in 10000
  CHECK(std::fabs(beyond_3 / static_cast<double>(draws) - 0.0026998) < 0.0004);
}

TEST_CASE("train::random: what no stream has", "[train][random]") {
  CHECK(message_of([] { random_stream(0, -1); }) == "random_stream: purpose = -1, must be in [0, 2^16)");
  CHECK(message_of([] { random_stream(0, 0x10000); }) == "random_stream: purpose = 65536, must be in [0, 2^16)");
  CHECK(message_of([] { random_stream(0, 0, index_t{1} << 32); }) ==
        "random_stream: epoch = 4294967296, must be in [0, 2^32)");
  CHECK(message_of([] { random_stream(0, 0, 0, -7); }) == "random_stream: sample = -7, must be in [0, 2^32)");
}
