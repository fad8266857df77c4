// SPDX-License-Identifier: MIT
#include <array>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tshift/plan.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::fold;
using tshift::index_t;
using tshift::padding;
using tshift::shift_plan;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr index_t least = std::numeric_limits<index_t>::min();

constexpr shift_plan both(8, {{0, 2, 1}, {2, 2, -1}});

// Whether a plan of one fold is a constant expression.
template <index_t Channels, index_t Begin, index_t Count, index_t Offset>
concept constant = requires {
  typename std::integral_constant<index_t, shift_plan(Channels, {{Begin, Count, Offset}}).channels()>;
};

}  // namespace

TEST_CASE("A plan is a value: constexpr, trivially copyable, default constructible", "[plan]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<shift_plan>);
  STATIC_REQUIRE(std::is_standard_layout_v<shift_plan>);
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<shift_plan>);
  STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<shift_plan>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<fold>);
  STATIC_REQUIRE(std::is_aggregate_v<fold>);
  STATIC_REQUIRE(shift_plan::capacity == 16);

  STATIC_REQUIRE(shift_plan().channels() == 0);
  STATIC_REQUIRE(shift_plan().folds().empty());
  STATIC_REQUIRE(shift_plan().edge() == padding::zero);
  STATIC_REQUIRE(shift_plan() == shift_plan(0, {}));
}

TEST_CASE("A plan holds what it was given, in the order it was given", "[plan]") {
  constexpr shift_plan plan(10, {{6, 3, -2}, {0, 2, 5}, {4, 0, 1}, {2, 1, 0}}, padding::edge);
  STATIC_REQUIRE(plan.channels() == 10);
  STATIC_REQUIRE(plan.edge() == padding::edge);
  STATIC_REQUIRE(plan.folds().size() == 4);
  STATIC_REQUIRE(plan.folds()[0] == fold{6, 3, -2});
  STATIC_REQUIRE(plan.folds()[1] == fold{0, 2, 5});
  STATIC_REQUIRE(plan.folds()[2] == fold{4, 0, 1});
  STATIC_REQUIRE(plan.folds()[3] == fold{2, 1, 0});

  // From a list whose length is known at run time, also after that list is gone.
  shift_plan copy;
  {
    std::vector<fold> const folds = {{6, 3, -2}, {0, 2, 5}, {4, 0, 1}, {2, 1, 0}};
    copy = shift_plan(10, folds, padding::edge);
  }
  REQUIRE(copy == plan);
  REQUIRE(shift_plan(10, std::span<fold const>{}) == shift_plan(10, {}));
}

TEST_CASE("moved, latency and history count only what moves", "[plan]") {
  STATIC_REQUIRE(both.moved() == 4);
  STATIC_REQUIRE(both.latency() == 1);
  STATIC_REQUIRE(both.history() == 1);

  constexpr shift_plan delays(9, {{0, 1, 2}, {4, 3, 7}});
  STATIC_REQUIRE(delays.moved() == 4);
  STATIC_REQUIRE(delays.latency() == 0);
  STATIC_REQUIRE(delays.history() == 7);

  constexpr shift_plan advances(9, {{0, 1, -2}, {4, 3, -7}, {8, 1, -3}});
  STATIC_REQUIRE(advances.moved() == 5);
  STATIC_REQUIRE(advances.latency() == 7);
  STATIC_REQUIRE(advances.history() == 0);

  // A fold of no channels asks for no frame, a fold of offset 0 moves nothing.
  constexpr shift_plan idle(9, {{0, 0, 5}, {3, 0, -6}, {1, 2, 0}, {9, 0, 4}});
  STATIC_REQUIRE(idle.moved() == 0);
  STATIC_REQUIRE(idle.latency() == 0);
  STATIC_REQUIRE(idle.history() == 0);

  constexpr shift_plan extreme(2, {{0, 1, most}, {1, 1, -most}});
  STATIC_REQUIRE(extreme.history() == most);
  STATIC_REQUIRE(extreme.latency() == most);

  STATIC_REQUIRE(shift_plan().moved() == 0);
  STATIC_REQUIRE(shift_plan().latency() == 0);
  STATIC_REQUIRE(shift_plan().history() == 0);
}

TEST_CASE("The adjoint of zero and circular padding is the plan with opposite offsets", "[plan]") {
  STATIC_REQUIRE(both.adjoint() == shift_plan(8, {{0, 2, -1}, {2, 2, 1}}));
  STATIC_REQUIRE(both.adjoint().adjoint() == both);

  constexpr shift_plan wheel(3, {{1, 2, 4}}, padding::circular);
  STATIC_REQUIRE(wheel.adjoint() == shift_plan(3, {{1, 2, -4}}, padding::circular));
  STATIC_REQUIRE(wheel.adjoint().adjoint() == wheel);

  REQUIRE(message_of([] {
            shift_plan(3, {{0, 1, 1}}, padding::keep).adjoint();
          }) == "shift_plan: the adjoint of padding keep is not a plan, use shift_adjoint");
  REQUIRE(message_of([] {
            shift_plan(3, {{0, 1, 1}}, padding::edge).adjoint();
          }) == "shift_plan: the adjoint of padding edge is not a plan, use shift_adjoint");
}

TEST_CASE("reversed turns the offsets and takes the padding given", "[plan]") {
  constexpr shift_plan kept(5, {{3, 2, 3}, {0, 1, -1}, {1, 1, 0}}, padding::keep);
  STATIC_REQUIRE(kept.reversed(padding::edge) == shift_plan(5, {{3, 2, -3}, {0, 1, 1}, {1, 1, 0}}, padding::edge));
  STATIC_REQUIRE(kept.reversed(padding::keep).reversed(padding::keep) == kept);
  STATIC_REQUIRE(kept.reversed(padding::zero).latency() == kept.history());
  STATIC_REQUIRE(kept.reversed(padding::zero).history() == kept.latency());
  STATIC_REQUIRE(kept.reversed(padding::zero).moved() == kept.moved());
  STATIC_REQUIRE(shift_plan(1, {{0, 1, -most}}).reversed(padding::zero).history() == most);
}

TEST_CASE("Plans are equal if channels, folds, their order and the padding are", "[plan]") {
  STATIC_REQUIRE(both == shift_plan(8, {{0, 2, 1}, {2, 2, -1}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(9, {{0, 2, 1}, {2, 2, -1}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(8, {{0, 2, 1}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(8, {{0, 2, 1}, {2, 2, -2}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(8, {{0, 2, 1}, {2, 1, -1}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(8, {{0, 2, 1}, {3, 2, -1}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(8, {{2, 2, -1}, {0, 2, 1}}));
  STATIC_REQUIRE_FALSE(both == shift_plan(8, {{0, 2, 1}, {2, 2, -1}}, padding::keep));
  STATIC_REQUIRE(both != shift_plan());
}

TEST_CASE("Folds of no channels are allowed anywhere inside the channels", "[plan]") {
  STATIC_REQUIRE(constant<4, 0, 0, 1>);
  STATIC_REQUIRE(constant<4, 4, 0, 1>);
  STATIC_REQUIRE(constant<0, 0, 0, 1>);
  // Inside another fold, and twice in the same place.
  STATIC_REQUIRE(shift_plan(4, {{0, 4, 1}, {2, 0, -1}, {2, 0, 5}}).moved() == 4);
  STATIC_REQUIRE(shift_plan(4, {{2, 0, -1}, {0, 4, 1}}).latency() == 0);
}

TEST_CASE("A wrong plan is a compile error in a constant expression", "[plan]") {
  STATIC_REQUIRE(constant<4, 0, 4, 1>);
  STATIC_REQUIRE(constant<4, 0, 4, -most>);
  STATIC_REQUIRE_FALSE(constant<-1, 0, 0, 1>);
  STATIC_REQUIRE_FALSE(constant<4, -1, 2, 1>);
  STATIC_REQUIRE_FALSE(constant<4, 0, -1, 1>);
  STATIC_REQUIRE_FALSE(constant<4, 0, 5, 1>);
  STATIC_REQUIRE_FALSE(constant<4, 5, 0, 1>);
  STATIC_REQUIRE_FALSE(constant<4, most, most, 1>);
  STATIC_REQUIRE_FALSE(constant<4, 0, 1, least>);
}

TEST_CASE("A wrong plan says which fold and which rule", "[plan]") {
  struct refusal {
    std::function<void()> make;
    std::string message;
  };
  std::array const refusals = {
      refusal{[] { shift_plan(-1, {}); }, "shift_plan: channels = -1, must be >= 0"},
      refusal{[] {
                shift_plan(least, {{0, 1, 1}});
              },
              "shift_plan: channels = -9223372036854775808, must be >= 0"},
      refusal{[] {
                shift_plan(4, {{-1, 2, 1}});
              },
              "shift_plan: fold 0 has begin -1 and count 2, both must be >= 0"},
      refusal{[] {
                shift_plan(4, {{0, 1, 1}, {1, -3, 1}});
              },
              "shift_plan: fold 1 has begin 1 and count -3, both must be >= 0"},
      refusal{[] {
                shift_plan(4, {{0, 2, 1}, {3, 2, 1}});
              },
              "shift_plan: fold 1 is channels [3, 3 + 2), must lie in [0, 4)"},
      refusal{[] {
                shift_plan(4, {{5, 0, 1}});
              },
              "shift_plan: fold 0 is channels [5, 5 + 0), must lie in [0, 4)"},
      refusal{[] {
                shift_plan(0, {{0, 1, 1}});
              },
              "shift_plan: fold 0 is channels [0, 0 + 1), must lie in [0, 0)"},
      // begin + count would overflow.
      refusal{[] {
                shift_plan(4, {{most, most, 1}});
              },
              "shift_plan: fold 0 is channels [9223372036854775807, 9223372036854775807 + 9223372036854775807), "
              "must lie in [0, 4)"},
      refusal{[] {
                shift_plan(4, {{1, most, 1}});
              },
              "shift_plan: fold 0 is channels [1, 1 + 9223372036854775807), must lie in [0, 4)"},
      refusal{[] {
                shift_plan(4, {{0, 1, least}});
              },
              "shift_plan: fold 0 has offset -9223372036854775808, which has no opposite"},
      // Overlaps: by one channel, contained, equal, in either order, not neighbours in the list, and of offset 0.
      refusal{[] {
                shift_plan(8, {{0, 3, 1}, {2, 4, -1}});
              },
              "shift_plan: folds 0 and 1 overlap at channel 2"},
      refusal{[] {
                shift_plan(8, {{2, 4, -1}, {0, 3, 1}});
              },
              "shift_plan: folds 0 and 1 overlap at channel 2"},
      refusal{[] {
                shift_plan(8, {{0, 8, 1}, {3, 1, 1}});
              },
              "shift_plan: folds 0 and 1 overlap at channel 3"},
      refusal{[] {
                shift_plan(8, {{5, 2, 1}, {5, 2, 1}});
              },
              "shift_plan: folds 0 and 1 overlap at channel 5"},
      refusal{[] {
                shift_plan(8, {{0, 2, 1}, {4, 2, 1}, {1, 1, 0}});
              },
              "shift_plan: folds 0 and 2 overlap at channel 1"},
  };
  for (auto const& one : refusals) CHECK(message_of(one.make) == one.message);
}

TEST_CASE("A plan takes a named padding", "[plan]") {
  for (int const other : {-1, 4, 1000}) {
    REQUIRE(message_of([&] {
              shift_plan(4, {{0, 1, 1}}, static_cast<padding>(other));
            }) == "shift_plan: padding = " + std::to_string(other) + ", must be a named padding");
  }
}

TEST_CASE("A plan holds sixteen folds and no more", "[plan]") {
  std::vector<fold> folds;
  for (index_t i = 0; i < 16; ++i) folds.push_back({i, 1, i - 8});
  shift_plan const full(20, folds);
  REQUIRE(full.folds().size() == 16);
  REQUIRE(full.folds()[15] == fold{15, 1, 7});
  REQUIRE(full.moved() == 15);

  folds.push_back({16, 1, 1});
  REQUIRE(message_of([&] { shift_plan(20, folds); }) == "shift_plan: 17 folds, must be <= 16");
  REQUIRE(message_of([&] { shift_plan(20, std::vector<fold>(1000)); }) == "shift_plan: 1000 folds, must be <= 16");
}

TEST_CASE("Latencies of stacked shifts add up", "[plan]") {
  constexpr shift_plan causal(8, {{0, 2, 3}});
  constexpr shift_plan ahead(8, {{0, 2, -3}});
  STATIC_REQUIRE(tshift::stacked_latency() == 0);
  STATIC_REQUIRE(tshift::stacked_latency(both) == 1);
  STATIC_REQUIRE(tshift::stacked_latency(both, causal, ahead, both) == 5);

  // Bidirectional TSM in ten layers waits ten frames.
  std::vector<shift_plan> const layers(10, both);
  REQUIRE(tshift::stacked_latency(std::span<shift_plan const>(layers)) == 10);
  REQUIRE(tshift::stacked_latency(std::span<shift_plan const>{}) == 0);

  std::vector<shift_plan> far{shift_plan(1, {{0, 1, 1 - most}}), both};
  REQUIRE(tshift::stacked_latency(std::span<shift_plan const>(far)) == most);
  far.push_back(both);
  REQUIRE(message_of([&] { tshift::stacked_latency(std::span<shift_plan const>(far)); }) ==
          "stacked_latency: the sum must fit in 2^63 - 1 frames");
}

TEST_CASE("Paddings and directions have names", "[plan]") {
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::padding::zero)) == "zero");
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::padding::keep)) == "keep");
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::padding::edge)) == "edge");
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::padding::circular)) == "circular");
  STATIC_REQUIRE(std::string_view(tshift::name_of(static_cast<tshift::padding>(4))) == "?");
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::direction::delay)) == "delay");
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::direction::advance)) == "advance");
  STATIC_REQUIRE(std::string_view(tshift::name_of(tshift::direction::both)) == "both");
  STATIC_REQUIRE(std::string_view(tshift::name_of(static_cast<tshift::direction>(-1))) == "?");
}
