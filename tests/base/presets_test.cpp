// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include <tshift/plan.hpp>
#include <tshift/presets.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::direction;
using tshift::fold;
using tshift::index_t;
using tshift::padding;
using tshift::shift_plan;
namespace presets = tshift::presets;

constexpr bool is(shift_plan const& plan, index_t channels, std::initializer_list<fold> folds,
                  padding edge = padding::zero) {
  return plan.channels() == channels && plan.edge() == edge &&
         std::equal(plan.folds().begin(), plan.folds().end(), folds.begin(), folds.end());
}

// floor(product rounded to a float32), in integers alone: ratio is mantissa * 2^exponent, the product keeps its 24
// leading bits, ties to even.
std::int64_t truncated_product(std::int64_t factor, float ratio) {
  int exponent = 0;
  auto const mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(ratio, &exponent), 24));
  exponent -= 24;
  std::int64_t product = factor * mantissa;
  while (product >= std::int64_t{1} << 24) {
    int cut = 0;
    while ((product >> cut) >= std::int64_t{1} << 24) ++cut;
    std::int64_t const lost = product & ((std::int64_t{1} << cut) - 1);
    std::int64_t const half = std::int64_t{1} << (cut - 1);
    product >>= cut;
    exponent += cut;
    if (lost > half || (lost == half && product % 2 == 1)) ++product;
  }
  return exponent >= 0 ? product << exponent : exponent > -63 ? product >> -exponent : 0;
}

}  // namespace

TEST_CASE("The presets give the folds of the published systems", "[presets]") {
  STATIC_REQUIRE(is(presets::shiftser(768, 16), 768, {{0, 48, 1}}));
  STATIC_REQUIRE(is(presets::shiftser(768, 4), 768, {{0, 192, 1}}));
  STATIC_REQUIRE(is(presets::shiftser(768, 4, direction::both), 768, {{0, 192, 1}, {192, 192, -1}}));
  STATIC_REQUIRE(is(presets::shiftser(10, 4, direction::advance), 10, {{0, 2, -1}}));
  STATIC_REQUIRE(is(presets::shiftser(10, 4, direction::both, 3), 10, {{0, 2, 3}, {2, 2, -3}}));
  STATIC_REQUIRE(is(presets::shiftser(10, 4, direction::delay, 2, padding::keep), 10, {{0, 2, 2}}, padding::keep));
  STATIC_REQUIRE(is(presets::shiftser(7, 1), 7, {{0, 7, 1}}));

  STATIC_REQUIRE(is(presets::tsm(64), 64, {{0, 8, -1}, {8, 8, 1}}));
  STATIC_REQUIRE(is(presets::tsm(9, 4), 9, {{0, 2, -1}, {2, 2, 1}}));

  STATIC_REQUIRE(is(presets::tsm_online(64), 64, {{0, 8, 1}}));
  STATIC_REQUIRE(is(presets::tsm_online(9, 4), 9, {{0, 2, 1}}));
  STATIC_REQUIRE(is(presets::tsm_online(3, 1), 3, {{0, 3, 1}}));

  STATIC_REQUIRE(is(presets::paddle(64), 64, {{0, 16, 1}, {16, 16, -1}}));
  STATIC_REQUIRE(is(presets::paddle(64, 0.125f), 64, {{0, 8, 1}, {8, 8, -1}}));

  STATIC_REQUIRE(is(presets::tps(9, 4), 9, {{0, 2, 1}, {2, 2, -1}}, padding::keep));

  STATIC_REQUIRE(is(presets::rwkv(8), 8, {{0, 4, 1}}));
  STATIC_REQUIRE(is(presets::rwkv(7), 7, {{0, 3, 1}}));
  STATIC_REQUIRE(is(presets::rwkv(1), 1, {{0, 0, 1}}));

  STATIC_REQUIRE(is(presets::shift_gcn(20), 20,
                    {{0, 2, -1}, {2, 2, -2}, {4, 2, -3}, {6, 2, -4}, {8, 2, 1}, {10, 2, 2}, {12, 2, 3}, {14, 2, 4}}));
}

TEST_CASE("What holds of every preset holds of each in the table", "[presets]") {
  for (presets::entry const& preset : presets::table) {
    std::string const name = std::string("presets::") + preset.name();
    INFO(name);
    REQUIRE(presets::find(preset.name()) == &preset);  // so no two have one name
    REQUIRE(message_of([&] { preset.make(-1, {.n_div = 4}); }).starts_with(name + ": channels = -1, must be "));
    for (index_t channels = 0; channels <= 70; ++channels) {
      INFO(channels << " channels");
      shift_plan const plan = preset.make(channels, {.n_div = 4});
      REQUIRE(plan.channels() == channels);
      REQUIRE_FALSE(plan.folds().empty());
      index_t next = 0;  // folds lie side by side from the first channel on
      for (fold const& f : plan.folds()) {
        REQUIRE(f.begin == next);
        REQUIRE(f.offset != 0);
        next += f.count;
      }
      REQUIRE(plan.moved() == next);
    }
    REQUIRE(preset.make(64, {.n_div = 4}).moved() > 0);
  }
  REQUIRE(presets::find("tms") == nullptr);
  REQUIRE(presets::find("") == nullptr);
}

TEST_CASE("An entry of the table hands on the arguments that its preset takes, and no others", "[presets]") {
  presets::arguments const usual{.n_div = 4};
  presets::arguments const others[] = {
      {.n_div = 5},
      {.n_div = 4, .shift_ratio = 0.125f},
      {.n_div = 4, .way = direction::both},
      {.n_div = 4, .stride = 2},
      {.n_div = 4, .edge = padding::keep},
  };
  for (presets::entry const& preset : presets::table) {
    INFO("presets::" << preset.name());
    bool const takes[] = {preset.takes_n_div(), preset.takes_shift_ratio(), preset.takes_direction(),
                          preset.takes_direction(), preset.takes_direction()};
    for (std::size_t i = 0; i < std::size(others); ++i) {
      INFO("argument " << i);
      REQUIRE((preset.make(40, others[i]) != preset.make(40, usual)) == takes[i]);
    }
  }
  STATIC_REQUIRE(presets::find("shiftser")->make(40, {5, direction::both, 3, padding::keep}) ==
                 presets::shiftser(40, 5, direction::both, 3, padding::keep));
  STATIC_REQUIRE(presets::find("paddle")->make(40, {.shift_ratio = 0.125f}) == presets::paddle(40, 0.125f));
  STATIC_REQUIRE(presets::find("tps")->make(40, {.n_div = 5}) == presets::tps(40, 5));
}

TEST_CASE("An entry of the table has its preset's own defaults", "[presets]") {
  STATIC_REQUIRE(presets::find("tsm")->make(64) == presets::tsm(64));
  STATIC_REQUIRE(presets::find("tsm_online")->make(64) == presets::tsm_online(64));
  STATIC_REQUIRE(presets::find("paddle")->make(64) == presets::paddle(64));
  STATIC_REQUIRE(presets::find("shiftser")->make(64, {.n_div = 4}) == presets::shiftser(64, 4));
  REQUIRE(message_of([] { presets::find("tps")->make(64); }) == "presets::tps needs n_div");
  REQUIRE(message_of([] { presets::find("shiftser")->make(64); }) == "presets::shiftser needs n_div");
}

TEST_CASE("GSM moves every channel, and of an odd number the larger half comes from the past", "[presets]") {
  STATIC_REQUIRE(is(presets::gsm(8), 8, {{0, 4, -1}, {4, 4, 1}}));
  STATIC_REQUIRE(is(presets::gsm(7), 7, {{0, 3, -1}, {3, 4, 1}}));
  STATIC_REQUIRE(is(presets::gsm(1), 1, {{0, 0, -1}, {0, 1, 1}}));
  STATIC_REQUIRE(presets::gsm(8) == presets::tsm(8, 2));
}

TEST_CASE("TSM's and Paddle's folds point in opposite directions", "[presets]") {
  STATIC_REQUIRE(presets::tsm(16, 4) == presets::paddle(16, 0.25f).reversed(padding::zero));
  STATIC_REQUIRE(presets::tsm(16, 4) == presets::shiftser(16, 4, direction::both).adjoint());
  STATIC_REQUIRE(presets::tps(16, 4) == presets::shiftser(16, 4, direction::both, 1, padding::keep));
  STATIC_REQUIRE(presets::tsm_online(16, 4) == presets::shiftser(16, 4));
}

TEST_CASE("The online demo's ten caches have the published sizes", "[presets]") {
  // Inputs of the shifted MobileNetV2 blocks, and the channels the demo keeps of each.
  constexpr std::pair<index_t, index_t> sites[] = {{24, 3}, {32, 4},  {32, 4},  {64, 8},   {64, 8},
                                                   {64, 8}, {96, 12}, {96, 12}, {160, 20}, {160, 20}};
  for (auto const& [channels, cached] : sites) REQUIRE(is(presets::tsm_online(channels), channels, {{0, cached, 1}}));
}

TEST_CASE("n_div above the number of channels moves nothing", "[presets]") {
  STATIC_REQUIRE(presets::tsm(7, 8).moved() == 0);
  STATIC_REQUIRE(presets::tsm_online(7, 8).moved() == 0);
  STATIC_REQUIRE(presets::tps(7, 8).moved() == 0);
  STATIC_REQUIRE(presets::shiftser(7, 8, direction::both).moved() == 0);
  STATIC_REQUIRE(presets::shiftser(7, std::numeric_limits<index_t>::max()).moved() == 0);
  STATIC_REQUIRE(presets::shift_gcn(8).moved() == 0);
  STATIC_REQUIRE(presets::rwkv(1).moved() == 0);
  STATIC_REQUIRE(presets::paddle(1, 0.25f).moved() == 0);
  STATIC_REQUIRE(presets::paddle(3, 0.1f).moved() == 0);
  // A plan that moves nothing also waits for nothing.
  STATIC_REQUIRE(presets::shift_gcn(8).latency() == 0);
  STATIC_REQUIRE(presets::shift_gcn(8).history() == 0);
}

TEST_CASE("No channels make a plan of no channels", "[presets]") {
  STATIC_REQUIRE(is(presets::shiftser(0, 4, direction::both), 0, {{0, 0, 1}, {0, 0, -1}}));
  STATIC_REQUIRE(is(presets::tsm(0), 0, {{0, 0, -1}, {0, 0, 1}}));
  STATIC_REQUIRE(is(presets::tsm_online(0), 0, {{0, 0, 1}}));
  STATIC_REQUIRE(is(presets::paddle(0), 0, {{0, 0, 1}, {0, 0, -1}}));
  STATIC_REQUIRE(is(presets::tps(0, 4), 0, {{0, 0, 1}, {0, 0, -1}}, padding::keep));
  STATIC_REQUIRE(is(presets::rwkv(0), 0, {{0, 0, 1}}));
  STATIC_REQUIRE(presets::shift_gcn(0).moved() == 0);
}

TEST_CASE("Both directions at n_div 2 leave the last of an odd number of channels", "[presets]") {
  STATIC_REQUIRE(is(presets::shiftser(5, 2, direction::both), 5, {{0, 2, 1}, {2, 2, -1}}));
  STATIC_REQUIRE(is(presets::tsm(5, 2), 5, {{0, 2, -1}, {2, 2, 1}}));
  STATIC_REQUIRE(is(presets::tps(5, 2), 5, {{0, 2, 1}, {2, 2, -1}}, padding::keep));
}

TEST_CASE("A stride of 0 moves nothing", "[presets]") {
  STATIC_REQUIRE(is(presets::shiftser(8, 4, direction::both, 0), 8, {{0, 2, 0}, {2, 2, 0}}));
  STATIC_REQUIRE(presets::shiftser(8, 4, direction::both, 0).moved() == 0);
}

TEST_CASE("Latency and history of the presets follow from their directions", "[presets]") {
  STATIC_REQUIRE(presets::tsm(64).latency() == 1);
  STATIC_REQUIRE(presets::tsm_online(64).latency() == 0);
  STATIC_REQUIRE(presets::tsm_online(64).history() == 1);
  STATIC_REQUIRE(presets::shiftser(64, 8, direction::advance, 3).latency() == 3);
  STATIC_REQUIRE(presets::shiftser(64, 8, direction::advance, 3).history() == 0);
  STATIC_REQUIRE(presets::shift_gcn(64).latency() == 4);
  STATIC_REQUIRE(presets::shift_gcn(64).history() == 4);
  STATIC_REQUIRE(presets::rwkv(64).latency() == 0);
  STATIC_REQUIRE(presets::paddle(64).latency() == 1);
}

TEST_CASE("Paddle truncates twice, so its second fold can be wider than its first", "[presets]") {
  STATIC_REQUIRE(is(presets::paddle(9, 0.2f), 9, {{0, 1, 1}, {1, 2, -1}}));
  STATIC_REQUIRE(is(presets::paddle(5, 1.0f / 3.0f), 5, {{0, 1, 1}, {1, 2, -1}}));
  STATIC_REQUIRE(is(presets::paddle(2, 1.0f / 3.0f), 2, {{0, 0, 1}, {0, 1, -1}}));
  STATIC_REQUIRE(is(presets::paddle(7, 0.25f), 7, {{0, 1, 1}, {1, 2, -1}}));
  // Seven and not six: the float32 product is 7 exactly, where a converter in double truncated below it.
  STATIC_REQUIRE(is(presets::paddle(10, 0.35f), 10, {{0, 3, 1}, {3, 4, -1}}));
}

TEST_CASE("Paddle's folds are the float32 products, for every number of channels to 512", "[presets]") {
  for (float const ratio : {0.25f, 0.125f, 0.2f, 0.1f, 0.3f, 0.35f, 0.4f, 0.45f, 0.49f, 0.499999f, 1e-3f, 1e-30f,
                            1.0f / 3.0f, 1.0f / 6.0f, 1.0f / 7.0f, 1.0f / 12.0f, 1.0f / 16.0f}) {
    for (index_t channels = 1; channels <= 512; ++channels) {
      index_t const c1 = truncated_product(channels, ratio);
      index_t const c2 = truncated_product(2 * channels, ratio);
      INFO("C = " << channels << ", r = " << ratio);
      REQUIRE(is(presets::paddle(channels, ratio), channels, {{0, c1, 1}, {c1, c2 - c1, -1}}));
    }
  }
}

TEST_CASE("Paddle's split differs from TSM's where 2 C / n rounds up to one more channel", "[presets]") {
  for (index_t const n_div : {3, 4, 5, 6, 7, 8, 10, 12, 16}) {
    index_t differ = 0;
    index_t expected = 0;
    for (index_t channels = 1; channels <= 512; ++channels) {
      auto const paddle = presets::paddle(channels, 1.0f / static_cast<float>(n_div));
      auto const tsm = presets::tsm(channels, n_div);
      INFO("C = " << channels << ", n_div = " << n_div);
      REQUIRE(paddle.folds()[0].count == tsm.folds()[0].count);
      // In integers: floor(2 C / n) - floor(C / n) is one more than floor(C / n) iff C mod n is at least n / 2.
      bool const wider = 2 * (channels % n_div) >= n_div;
      REQUIRE(paddle.folds()[1].count == tsm.folds()[1].count + (wider ? 1 : 0));
      differ += paddle.folds()[1].count != tsm.folds()[1].count ? 1 : 0;
      expected += wider ? 1 : 0;
    }
    REQUIRE(differ == expected);
    REQUIRE(differ > 0);
  }
}

TEST_CASE("Paddle's folds stay inside the channels where float32 itself rounds", "[presets]") {
  constexpr index_t limit = std::numeric_limits<int>::max() / 2;
  for (index_t const channels : {(index_t{1} << 24) - 1, (index_t{1} << 24) + 1, limit - 1, limit}) {
    for (float const ratio : {0.49999997f, 0.25f, 1e-9f}) {
      auto const plan = presets::paddle(channels, ratio);
      INFO("C = " << channels << ", r = " << ratio);
      REQUIRE(plan.moved() <= channels);
      REQUIRE(plan.folds()[1].begin == plan.folds()[0].count);
    }
  }
}

TEST_CASE("A preset with a wrong argument names itself, the argument and the rule", "[presets]") {
  REQUIRE(message_of([] { presets::shiftser(-1, 4); }) == "presets::shiftser: channels = -1, must be >= 0");
  REQUIRE(message_of([] { presets::shiftser(8, 1, direction::both); }) ==
          "presets::shiftser: n_div = 1, must be >= 2, the number of folds of 1/n_div of the channels");
  REQUIRE(message_of([] { presets::shiftser(8, 4, direction::delay, -1); }) ==
          "presets::shiftser: stride = -1, must be >= 0; the direction is an own argument");
  REQUIRE(message_of([] { presets::tsm(-3); }) == "presets::tsm: channels = -3, must be >= 0");
  REQUIRE(message_of([] { presets::tsm(8, 1); }) ==
          "presets::tsm: n_div = 1, must be >= 2, the number of folds of 1/n_div of the channels");
  REQUIRE(message_of([] { presets::tsm(8, 0); }) ==
          "presets::tsm: n_div = 0, must be >= 2, the number of folds of 1/n_div of the channels");
  REQUIRE(message_of([] { presets::tsm_online(-2); }) == "presets::tsm_online: channels = -2, must be >= 0");
  REQUIRE(message_of([] { presets::tps(-1, 4); }) == "presets::tps: channels = -1, must be >= 0");
  REQUIRE(message_of([] { presets::tps(8, -4); }) ==
          "presets::tps: n_div = -4, must be >= 2, the number of folds of 1/n_div of the channels");
  REQUIRE(message_of([] { presets::shift_gcn(-1); }) == "presets::shift_gcn: channels = -1, must be >= 0");
  REQUIRE(message_of([] { presets::paddle(8, 0.0f); }) == "presets::paddle: shift_ratio = 0, must be > 0 and < 0.5");
  REQUIRE(message_of([] { presets::paddle(8, 0.5f); }) == "presets::paddle: shift_ratio = 0.5, must be > 0 and < 0.5");
  REQUIRE(message_of([] { presets::paddle(8, -0.25f); }) ==
          "presets::paddle: shift_ratio = -0.25, must be > 0 and < 0.5");
  REQUIRE(message_of([] { presets::paddle(8, std::numeric_limits<float>::infinity()); }) ==
          "presets::paddle: shift_ratio = inf, must be > 0 and < 0.5");
  REQUIRE(message_of([] { presets::paddle(8, std::numeric_limits<float>::quiet_NaN()); }) ==
          "presets::paddle: shift_ratio = nan, must be > 0 and < 0.5");
  REQUIRE(message_of([] { presets::paddle(-1); }) ==
          "presets::paddle: channels = -1, must be in [0, 1073741823]: the kernel counts 2 C in 32 bits");
  REQUIRE(message_of([] { presets::paddle(1073741824); }) ==
          "presets::paddle: channels = 1073741824, must be in [0, 1073741823]: the kernel counts 2 C in 32 bits");
}

TEST_CASE("A preset of one fold asks for n_div of at least 1", "[presets]") {
  for (auto const& [name, message] : {std::pair{"shiftser", message_of([] { presets::shiftser(8, 0); })},
                                      std::pair{"tsm_online", message_of([] { presets::tsm_online(8, 0); })}}) {
    // Not word for word: what stands behind the rule is an explanation.
    INFO(message);
    REQUIRE(message.starts_with(std::string("presets::") + name + ": n_div = 0, must be >= 1"));
  }
  REQUIRE(message_of([] { presets::rwkv(-1); }).ends_with(": channels = -1, must be >= 0"));
}
