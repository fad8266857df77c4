// SPDX-License-Identifier: MIT
// The lazy shift: its elements and its runs are those of the definition, for every small plan and shape there is.
#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <iostream>
#include <iterator>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <tshift/presets.hpp>
#include <tshift/reference.hpp>
#include <tshift/shifted_view.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::direction;
using tshift::index_t;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::shifted;
using tshift::strides;
using tshift::tensor_view;
namespace presets = tshift::presets;

constexpr std::array layouts = {layout::ntcs, layout::ntsc, layout::ncts, layout::tncs};
constexpr std::array paddings = {padding::zero, padding::keep, padding::edge, padding::circular};

// How often the offset changes from one channel to the next, and once more for the first channel.
index_t runs_of(shift_plan const& plan) {
  index_t count = 0;
  for (index_t c = 0; c < plan.channels(); ++c) {
    bool const same = c > 0 && tshift::reference::offset_of(plan, c) == tshift::reference::offset_of(plan, c - 1);
    count += same ? 0 : 1;
  }
  return count;
}

// What is wrong with the lazy shift of x, or "".
template <class T>
std::string problem_of(tensor_view<T const> x, shift_plan const& plan, T fill) {
  auto const lazy = shifted(x, plan, fill);
  if (!(lazy.shape() == x.shape) || lazy.fill() != fill) return "shape or fill";
  if (lazy.base().data != x.data || !(lazy.base().strides == x.strides)) return "base";
  index_t const runs = runs_of(plan);
  if (lazy.runs_per_frame() != runs) return "runs_per_frame";
  for (index_t n = 0; n < x.shape.batch; ++n) {
    for (index_t t = 0; t < x.shape.time; ++t) {
      auto const list = lazy.runs(n, t);
      if (list.size() != runs || std::distance(list.begin(), list.end()) != runs) return "number of runs";
      index_t next = 0, at = 0;
      for (auto const& run : list) {
        if (run.begin != next || run.count <= 0) return "runs do not follow each other";
        next += run.count;
        auto const same = lazy.run(n, t, at++);
        if (same.begin != run.begin || same.count != run.count || same.data != run.data || same.frame != run.frame) {
          return "run() differs from runs()";
        }
        if ((run.data == nullptr) != (run.frame < 0)) return "data and frame disagree";
        if (run.frame >= 0 && run.data != x.at(n, run.frame, run.begin, 0)) return "data";
        for (index_t c = run.begin; c < next; ++c) {
          index_t const frame =
              tshift::reference::source_frame(t, tshift::reference::offset_of(plan, c), x.length(n), plan.edge());
          if (run.frame != frame) return "frame of channel " + std::to_string(c);
          for (index_t s = 0; s < x.shape.space; ++s) {
            T const want = frame < 0 ? fill : x(n, frame, c, s);
            if (lazy(n, t, c, s) != want) return "element of channel " + std::to_string(c);
            T const* const data = run.data;
            T const read =
                data == nullptr ? lazy.fill() : data[(c - run.begin) * x.strides.channels + s * x.strides.space];
            if (read != want) return "run of channel " + std::to_string(c);
          }
        }
      }
      if (next != x.shape.channels) return "runs do not cover all channels";
    }
  }
  return "";
}

// --- in constant expressions ----------------------------------------------------------------------------------------

constexpr std::array<int, 9> frames_of_three = {1, 2, 3,  //
                                                4, 5, 6,  //
                                                7, 8, 9};

// The first channel delays, the second advances, the third stays; [T = 3, C = 3].
constexpr std::array<int, 9> elements(padding edge) {
  shift_plan const plan(3, {{0, 1, 1}, {1, 1, -1}}, edge);
  auto const lazy = shifted(tensor_view<int const>(frames_of_three.data(), {1, 3, 3}), plan, 0);
  std::array<int, 9> y = {};
  for (index_t t = 0; t < 3; ++t)
    for (index_t c = 0; c < 3; ++c) y[static_cast<std::size_t>(3 * t + c)] = lazy(0, t, c);
  return y;
}

// The same, run by run.
constexpr std::array<int, 9> by_runs(padding edge) {
  shift_plan const plan(3, {{0, 1, 1}, {1, 1, -1}}, edge);
  auto const lazy = shifted(tensor_view<int const>(frames_of_three.data(), {1, 3, 3}), plan, 0);
  std::array<int, 9> y = {};
  for (index_t t = 0; t < 3; ++t)
    for (auto const& run : lazy.runs(0, t))
      for (index_t c = 0; c < run.count; ++c)
        y[static_cast<std::size_t>(3 * t + run.begin + c)] = run.data != nullptr ? run.data[c] : lazy.fill();
  return y;
}

}  // namespace

static_assert(elements(padding::zero) == std::array{0, 5, 3, 1, 8, 6, 4, 0, 9});
static_assert(elements(padding::keep) == std::array{1, 5, 3, 1, 8, 6, 4, 8, 9});
static_assert(elements(padding::edge) == std::array{1, 5, 3, 1, 8, 6, 4, 8, 9});
static_assert(elements(padding::circular) == std::array{7, 5, 3, 1, 8, 6, 4, 2, 9});
static_assert(by_runs(padding::zero) == elements(padding::zero));
static_assert(by_runs(padding::keep) == elements(padding::keep));
static_assert(by_runs(padding::edge) == elements(padding::edge));
static_assert(by_runs(padding::circular) == elements(padding::circular));

static_assert(std::ranges::forward_range<tshift::frame_runs<float>>);
static_assert(std::ranges::forward_range<tshift::frame_runs<float> const>);
static_assert(std::ranges::common_range<tshift::frame_runs<float>>);
static_assert(std::ranges::sized_range<tshift::frame_runs<float>>);
static_assert(std::forward_iterator<tshift::frame_runs<float>::iterator>);
static_assert(std::is_same_v<std::iter_value_t<tshift::frame_runs<float>::iterator>, tshift::channel_run<float>>);
static_assert(std::is_trivially_copyable_v<tshift::frame_runs<float>>);
static_assert(std::is_trivially_copyable_v<tshift::shifted_view<float>>);
static_assert(std::is_same_v<tshift::shifted_view<float>::element_type, float>);

TEST_CASE("The lazy shift of every small tensor is the definition's", "[shifted_view]") {
  std::array<int, 48> memory = {};
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<int>(i) + 1;
  std::size_t cases = 0;
  // Every pair of offsets for the first two of three channels, every padding, every pair of lengths, every layout.
  for (index_t first = -4; first <= 4; ++first) {
    for (index_t second = -4; second <= 4; ++second) {
      for (padding const edge : paddings) {
        shift_plan const plan(3, {{0, 1, first}, {1, 1, second}}, edge);
        for (index_t T = 0; T <= 3; ++T) {
          for (index_t pair = -1; pair < (T + 1) * (T + 1); ++pair) {
            index_t const lengths[] = {pair % (T + 1), pair / (T + 1)};
            auto const given = pair < 0 ? std::span<index_t const>() : std::span<index_t const>(lengths);
            for (layout const order : layouts) {
              for (index_t S = 1; S <= 2; ++S) {
                shape const dims{2, T, 3, S};
                std::string const problem =
                    problem_of<int>(tensor_view<int const>(memory.data(), dims, order, given), plan, -1);
                INFO("offsets " << first << " and " << second << ", padding " << static_cast<int>(edge) << ", T=" << T
                                << ", lengths " << pair << ", layout " << static_cast<int>(order) << ", S=" << S);
                if (!problem.empty()) FAIL(problem);
                ++cases;
              }
            }
          }
        }
      }
    }
  }
  std::cout << "shifted_view: " << cases << " tensors\n";
  REQUIRE(cases == 88128);
}

TEST_CASE("The lazy shift of every small plan is the definition's", "[shifted_view]") {
  std::array<std::int8_t, 30> memory = {};
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::int8_t>(i + 1);
  std::size_t cases = 0;
  // Every place for two folds in up to five channels, in both orders, with offsets that may be equal.
  for (index_t C = 0; C <= 5; ++C) {
    for (index_t a = 0; a <= C; ++a) {
      for (index_t b = a; b <= C; ++b) {
        for (index_t c = b; c <= C; ++c) {
          for (index_t d = c; d <= C; ++d) {
            for (index_t const second : {-1, 0, 1, 5}) {
              shift_plan const plan(C, {{a, b - a, 1}, {c, d - c, second}});
              shift_plan const turned(C, {{c, d - c, second}, {a, b - a, 1}});
              tensor_view<std::int8_t const> const x(memory.data(), {2, 3, C});
              INFO("C=" << C << ", folds [" << a << ", " << b << ") and [" << c << ", " << d << ") by " << second);
              REQUIRE(problem_of<std::int8_t>(x, plan, 0) == "");
              REQUIRE(problem_of<std::int8_t>(x, turned, 0) == "");
              cases += 2;
            }
          }
        }
      }
    }
  }
  std::cout << "shifted_view: " << cases << " plans\n";
  REQUIRE(cases == 2016);
}

TEST_CASE("The lazy shift reads slices, flipped and repeated memory", "[shifted_view]") {
  std::array<int, 24> memory = {};
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<int>(i) + 1;
  for (padding const edge : paddings) {
    shift_plan const plan(2, {{0, 1, 1}, {1, 1, -1}}, edge);
    REQUIRE(problem_of<int>({memory.data() + 1, {2, 3, 2}, strides{12, 4, 1, 1}}, plan, 0) == "");
    REQUIRE(problem_of<int>({memory.data() + 8, {2, 3, 2}, strides{12, -4, 2, 1}}, plan, 0) == "");
    REQUIRE(problem_of<int>({memory.data(), {2, 3, 2, 2}, strides{0, 0, 1, 3}}, plan, 0) == "");
  }
}

TEST_CASE("A lazy shift says whether a frame may come from another one", "[shifted_view]") {
  std::array<float, 12> const memory = {};
  auto const moves = [&memory](index_t channels, std::initializer_list<tshift::fold> folds) {
    tensor_view<float const> const x(memory.data(), {1, 3, channels});
    return shifted(x, shift_plan(channels, folds)).moves();
  };
  CHECK_FALSE(moves(4, {}));
  CHECK_FALSE(moves(4, {{0, 4, 0}}));
  CHECK(moves(4, {{0, 4, 1}}));
  CHECK(moves(4, {{1, 2, -1}}));
  CHECK_FALSE(moves(0, {}));
}

TEST_CASE("Channels and sequences of a lazy shift are those of the whole", "[shifted_view]") {
  std::vector<int> memory(3 * 5 * 7);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<int>(i);
  index_t const lengths[] = {5, 3, 0};
  tensor_view<int const> const x(memory.data(), {3, 5, 7}, layout::ntc, lengths);
  index_t compared = 0;
  for (padding const edge : paddings) {
    auto const whole = shifted(x, shift_plan(7, {{0, 2, 1}, {3, 2, -2}}, edge), -1);
    for (index_t first = 0; first <= 7; ++first) {
      for (index_t count = 0; first + count <= 7; ++count) {
        auto const part = whole.slice_channels(first, count);
        REQUIRE(part.shape() == shape{3, 5, count});
        REQUIRE(part.fill() == -1);
        index_t runs = 0;  // ascending, without gaps
        for (index_t i = 0; i < part.runs_per_frame(); ++i) {
          REQUIRE(part.segment(i).begin == runs);
          runs += part.segment(i).count;
        }
        REQUIRE(runs == count);
        tshift::reference::for_each_element(part.shape(), [&](index_t n, index_t t, index_t c, index_t) {
          compared += part(n, t, c) == whole(n, t, first + c) ? 1 : 0;
        });
      }
    }
    for (index_t first = 0; first <= 3; ++first) {
      auto const part = whole.slice_sequences(first, 3 - first);
      tshift::reference::for_each_element(part.shape(), [&](index_t n, index_t t, index_t c, index_t) {
        compared += part(n, t, c) == whole(first + n, t, c) ? 1 : 0;
      });
    }
  }
  REQUIRE(compared == 4 * (3 * 5 * 84 + 6 * 5 * 7));
  auto const whole = shifted(x, shift_plan(7, {{0, 2, 1}}));
  REQUIRE(message_of([&] { (void)whole.slice_channels(5, 3); }) ==
          "tensor_view: channels [5, 5 + 3), must lie in [0, 7)");
  REQUIRE(message_of([&] { (void)whole.slice_sequences(2, 2); }) != "");
}

TEST_CASE("The published shifts make few runs of a frame", "[shifted_view]") {
  auto const runs = [](shift_plan const& plan) {
    std::vector<float> const x(static_cast<std::size_t>(2 * plan.channels()));
    index_t const count = shifted(tensor_view<float const>(x.data(), {1, 2, plan.channels()}), plan).runs_per_frame();
    REQUIRE(count == runs_of(plan));
    return count;
  };
  REQUIRE(runs(presets::shiftser(64, 16)) == 2);
  REQUIRE(runs(presets::shiftser(64, 16, direction::advance)) == 2);
  REQUIRE(runs(presets::shiftser(64, 16, direction::both)) == 3);
  REQUIRE(runs(presets::shiftser(64, 2, direction::both)) == 2);
  REQUIRE(runs(presets::shiftser(65, 2, direction::both)) == 3);
  REQUIRE(runs(presets::shiftser(64, 1)) == 1);
  REQUIRE(runs(presets::tsm(64)) == 3);
  REQUIRE(runs(presets::tsm_online(64)) == 2);
  REQUIRE(runs(presets::paddle(64)) == 3);
  REQUIRE(runs(presets::tps(64, 8)) == 3);
  REQUIRE(runs(presets::rwkv(64)) == 2);
  REQUIRE(runs(presets::shift_gcn(64)) == 9);
  // A plan that moves nothing is one run, one of no channels none.
  REQUIRE(runs(presets::tsm(7, 8)) == 1);
  REQUIRE(runs(shift_plan(5, {})) == 1);
  REQUIRE(runs(shift_plan(5, {{1, 2, 0}})) == 1);
  REQUIRE(runs(shift_plan(0, {})) == 0);
  // Neighbours with one offset are one run; the most there can be are all folds and the gaps around them.
  REQUIRE(runs(shift_plan(6, {{3, 3, 2}, {0, 3, 2}})) == 1);
  std::vector<tshift::fold> folds;
  for (index_t i = 0; i < shift_plan::capacity; ++i) folds.push_back({2 * i + 1, 1, 1});
  REQUIRE(runs(shift_plan(33, folds)) == 33);
}

TEST_CASE("The runs of a frame are a forward range", "[shifted_view]") {
  shift_plan const plan(3, {{0, 1, 1}, {1, 1, -1}});
  auto const lazy = shifted(tensor_view<int const>(frames_of_three.data(), {1, 3, 3}), plan);
  auto const runs = lazy.runs(0, 0);
  auto it = runs.begin();
  auto const first = it;
  REQUIRE((*it).data == nullptr);
  REQUIRE((*it).frame == -1);
  REQUIRE(it++ == first);
  REQUIRE((*it).begin == 1);
  REQUIRE((*it).frame == 1);
  REQUIRE((*it).data == frames_of_three.data() + 4);
  REQUIRE(++it != first);
  REQUIRE((*first).begin == 0);  // several passes
  REQUIRE(++it == runs.end());
  REQUIRE(std::ranges::count_if(runs, [](auto const& run) { return run.data != nullptr; }) == 2);
}

TEST_CASE("The lazy shift reads x when it is asked, not before", "[shifted_view]") {
  std::array<int, 3> memory = {1, 2, 3};
  tensor_view<int> const x(memory.data(), {1, 3, 1});  // a writable view passes too
  auto const lazy = shifted(x, shift_plan(1, {{0, 1, 1}}), 9);
  STATIC_REQUIRE(std::is_same_v<decltype(lazy), tshift::shifted_view<int> const>);
  memory[0] = 77;
  REQUIRE(lazy(0, 0, 0) == 9);
  REQUIRE(lazy(0, 1, 0) == 77);
  // A copy is as good.
  auto const copy = lazy;
  REQUIRE(copy(0, 1, 0) == 77);
  REQUIRE((*copy.runs(0, 1).begin()).data == memory.data());
  // Without a fill value it is T{}.
  REQUIRE(shifted(x, shift_plan(1, {{0, 1, 1}}))(0, 0, 0) == 0);
}

TEST_CASE("A lazy shift that cannot be is refused", "[shifted_view]") {
  std::array<float, 24> memory = {};
  index_t const lengths[] = {3, 4, 1};
  shift_plan const plan(4, {{0, 2, 1}});
  auto const refused = [&](tensor_view<float const> x) { return message_of([&] { (void)shifted(x, plan); }); };
  auto const view = [&](shape dims, std::span<index_t const> given = {}) {
    return tensor_view<float const>(memory.data(), dims, layout::ntc, given);
  };
  REQUIRE(refused(view({2, 3, 4})) == "");
  REQUIRE(refused(view({2, 3, 3})) == "shifted: plan has 4 channels, x has 3");
  REQUIRE(refused(view({2, 3, 0})) == "shifted: plan has 4 channels, x has 0");
  REQUIRE(refused(view({2, 3, 4}, std::span(lengths).first(1))) ==
          "shifted: x has 1 lengths, must be one for each of 2 sequences");
  REQUIRE(refused(view({2, 3, 4}, lengths)) == "shifted: x has 3 lengths, must be one for each of 2 sequences");
  REQUIRE(refused(view({2, 3, 4}, std::span(lengths).first(2))) == "shifted: x.lengths[1] = 4, must be in [0, 3]");
  index_t const negative[] = {0, -1};
  REQUIRE(refused(view({2, 3, 4}, negative)) == "shifted: x.lengths[1] = -1, must be in [0, 3]");
  REQUIRE(refused({nullptr, {2, 3, 4}}) == "shifted: x has no data, must have 24 elements");
  REQUIRE(refused({nullptr, {2, 0, 4}}) == "");
  tensor_view<float const> spoilt = view({2, 3, 4});
  spoilt.shape.time = -3;
  REQUIRE(refused(spoilt) == "tensor_view: time = -3, must be >= 0");
}
