// SPDX-License-Identifier: MIT
// Bad arguments: the exact sentence, and not one byte written. Arguments that only look bad: accepted.
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
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
using tshift::strides;
using tshift::tensor_view;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr index_t least = std::numeric_limits<index_t>::min();
constexpr shape dims = {2, 4, 3};  // 24 elements
shift_plan const plan = {3, {{0, 1, 1}, {1, 1, -1}}};

struct refusal {
  char const* message;
  std::function<void()> call;
};

// Three tensors in one piece of memory that must not change.
class refusals {
 public:
  refusals() {
    random_bits random(71);
    memory_ = any_values<std::int32_t>(400, random);
  }

  std::int32_t* x() { return memory_.data(); }
  std::int32_t* r() { return memory_.data() + 100; }
  std::int32_t* y() { return memory_.data() + 200; }
  tensor_view<std::int32_t> x_view() { return {x(), dims}; }
  tensor_view<std::int32_t> r_view() { return {r(), dims}; }
  tensor_view<std::int32_t> y_view() { return {y(), dims}; }

  void check(std::vector<refusal> const& all) {
    for (refusal const& one : all) {
      check([&] { CHECK(message_of(one.call) == one.message); });
    }
  }

  void check(std::function<void()> const& call) {
    auto const before = memory_;
    call();
    CHECK(memory_ == before);
  }

 private:
  std::vector<std::int32_t> memory_;
};

}  // namespace

TEST_CASE("A plan for another number of channels is refused by every operation", "[errors]") {
  refusals on;
  shift_plan const wide(768, {{0, 96, 1}});
  auto const x = on.x_view(), r = on.r_view(), y = on.y_view();
  on.check({
      {"shift: plan has 768 channels, x has 3", [&] { tshift::shift(x, y, wide); }},
      {"shift: plan has 768 channels, x has 3", [&] { tshift::shift(y, y, wide); }},
      {"shift_inplace: plan has 768 channels, x has 3", [&] { tshift::shift_inplace(y, wide); }},
      {"shift_add: plan has 768 channels, x has 3", [&] { tshift::shift_add(x, r, y, wide); }},
      {"shift_adjoint: plan has 768 channels, dy has 3", [&] { tshift::shift_adjoint(x, y, wide); }},
      {"shift_adjoint_inplace: plan has 768 channels, dy has 3", [&] { tshift::shift_adjoint_inplace(y, wide); }},
      {"shift: plan has 0 channels, x has 3", [&] { tshift::shift(x, y, shift_plan()); }},
  });
}

TEST_CASE("Every operation of the table refuses what is wrong with its tensors, and writes nothing", "[errors]") {
  refusals on;
  index_t const three[] = {1, 2, 3}, good[] = {2, 4};
  auto const x = on.x_view(), r = on.r_view(), y = on.y_view();
  tensor_view<std::int32_t> const nowhere(static_cast<std::int32_t*>(nullptr), dims);
  tensor_view<std::int32_t> const twice(on.y(), dims, strides{12, 2, 1, 1});
  tensor_view<std::int32_t> const ragged(on.y(), dims, layout::ntc, three), late(on.y(), dims, layout::ntc, good);
  tensor_view<std::int32_t> const narrow(on.r(), {2, 4, 2}), shorter(on.y(), {2, 3, 3});
  using view = tensor_view<std::int32_t> const&;
  for (operation_row const& row : operation_table) {
    INFO(row.name);
    std::string const call = std::string(row.call) + ": ", in = row.input;
    // The message begins with the operation and this; what stands after it depends on the names of the output.
    auto const refuses = [&](std::string const& begin, view from, view beside, view to, shift_plan const& folds) {
      std::string message;
      on.check([&] { message = message_of([&] { apply<std::int32_t>(row.what, from, beside, to, folds, 0); }); });
      INFO(message);
      CHECK(message.starts_with(call + begin));
    };
    refuses("plan has 768 channels, " + in + " has 3", x, r, y, shift_plan(768, {{0, 96, 1}}));
    refuses("", x, r, nowhere, plan);
    refuses("", x, r, twice, plan);
    refuses("", x, r, ragged, plan);
    if (row.has_x) {
      refuses(in + " has no data, must have 24 elements", nowhere, r, y, plan);
      refuses(in + " has time 4, ", x, r, shorter, plan);
      refuses("", x, r, late, plan);  // lengths belong to the input
    }
    if (row.has_r) {
      refuses("r has no data, must have 24 elements", x, nowhere, y, plan);
      refuses(in + " has channels 3, r has 2", x, narrow, y, plan);
    }
  }
}

TEST_CASE("Shapes that differ in any dimension are refused by its name", "[errors]") {
  refusals on;
  auto const x = on.x_view(), r = on.r_view(), y = on.y_view();
  auto const y_of = [&](shape const& other) { return tensor_view<std::int32_t>(on.y(), other); };
  on.check({
      {"shift: x has batch 2, y has 1",
       [&] {
         tshift::shift(x, y_of({1, 4, 3}), plan);
       }},
      {"shift: x has time 4, y has 5",
       [&] {
         tshift::shift(x, y_of({2, 5, 3}), plan);
       }},
      {"shift: x has channels 3, y has 4",
       [&] {
         tshift::shift(x, y_of({2, 4, 4}), plan);
       }},
      {"shift: x has space 1, y has 2",
       [&] {
         tshift::shift(x, y_of({2, 4, 3, 2}), plan);
       }},
      {"shift: x has time 4, y has 0",
       [&] {
         tshift::shift(x, y_of({2, 0, 3}), plan);
       }},
      {"shift_add: x has time 4, y has 3",
       [&] {
         tshift::shift_add(x, r, y_of({2, 3, 3}), plan);
       }},
      {"shift_add: x has channels 3, r has 2",
       [&] {
         tshift::shift_add(x, tensor_view<std::int32_t>(on.r(), {2, 4, 2}), y, plan);
       }},
      {"shift_adjoint: dy has batch 2, dx has 3",
       [&] {
         tshift::shift_adjoint(x, y_of({3, 4, 3}), plan);
       }},
  });
}

TEST_CASE("Lengths are one for each sequence, within time, and do not contradict", "[errors]") {
  refusals on;
  index_t const good[] = {2, 4}, other[] = {2, 3}, three[] = {1, 1, 1}, long_one[] = {2, 5}, negative[] = {-1, 4};
  auto const x = [&](std::span<index_t const> l) { return tensor_view<std::int32_t>(on.x(), dims, layout::ntc, l); };
  auto const r = [&](std::span<index_t const> l) { return tensor_view<std::int32_t>(on.r(), dims, layout::ntc, l); };
  auto const y = [&](std::span<index_t const> l) { return tensor_view<std::int32_t>(on.y(), dims, layout::ntc, l); };
  std::span<index_t const> const none;
  on.check({
      {"shift: x has 3 lengths, must be one for each of 2 sequences", [&] { tshift::shift(x(three), y(none), plan); }},
      {"shift: y has 1 lengths, must be one for each of 2 sequences",
       [&] { tshift::shift(x(good), y(std::span(good).first(1)), plan); }},
      {"shift: x.lengths[1] = 5, must be in [0, 4]", [&] { tshift::shift(x(long_one), y(none), plan); }},
      {"shift: x.lengths[0] = -1, must be in [0, 4]", [&] { tshift::shift(x(negative), y(none), plan); }},
      {"shift: y.lengths[1] = 5, must be in [0, 4]", [&] { tshift::shift(x(good), y(long_one), plan); }},
      {"shift: x.lengths[1] = 4, y.lengths[1] = 3, must be equal", [&] { tshift::shift(x(good), y(other), plan); }},
      {"shift: y has lengths, x has none; give them to x", [&] { tshift::shift(x(none), y(good), plan); }},
      {"shift_inplace: x.lengths[1] = 5, must be in [0, 4]", [&] { tshift::shift_inplace(y(long_one), plan); }},
      {"shift_add: r has lengths, x has none; give them to x",
       [&] { tshift::shift_add(x(none), r(good), y(none), plan); }},
      {"shift_add: x.lengths[1] = 4, r.lengths[1] = 3, must be equal",
       [&] { tshift::shift_add(x(good), r(other), y(none), plan); }},
      {"shift_adjoint: dx has lengths, dy has none; give them to dy",
       [&] { tshift::shift_adjoint(x(none), y(good), plan); }},
      {"shift_adjoint_inplace: dy has 3 lengths, must be one for each of 2 sequences",
       [&] { tshift::shift_adjoint_inplace(y(three), plan); }},
  });
  // Equal ones, and an output that has none, are fine.
  index_t const again[] = {2, 4};
  REQUIRE_NOTHROW(tshift::shift(x(good), y(again), plan));
  REQUIRE_NOTHROW(tshift::shift(x(good), y(none), plan));
  REQUIRE_NOTHROW(tshift::shift_add(x(good), r(again), y(none), plan));
}

TEST_CASE("A view without memory is refused, unless it has no elements", "[errors]") {
  refusals on;
  auto const x = on.x_view(), y = on.y_view();
  tensor_view<std::int32_t> const nowhere(static_cast<std::int32_t*>(nullptr), dims);
  on.check({
      {"shift: x has no data, must have 24 elements", [&] { tshift::shift(nowhere, y, plan); }},
      {"shift: y has no data, must have 24 elements", [&] { tshift::shift(x, nowhere, plan); }},
      {"shift_inplace: x has no data, must have 24 elements", [&] { tshift::shift_inplace(nowhere, plan); }},
      {"shift_add: r has no data, must have 24 elements", [&] { tshift::shift_add(x, nowhere, y, plan); }},
      {"shift_adjoint: dx has no data, must have 24 elements", [&] { tshift::shift_adjoint(x, nowhere, plan); }},
  });
}

TEST_CASE("An output whose elements share memory is refused by the stride at fault", "[errors]") {
  refusals on;
  auto const x = on.x_view();
  auto const y = [&](strides const& by) { return tensor_view<std::int32_t>(on.y(), dims, by); };
  on.check({
      {"shift: y has stride 0 along time, must be at least 1 or elements would share memory",
       [&] {
         tshift::shift(x, y({12, 0, 1, 1}), plan);
       }},
      {"shift: y has stride 0 along batch, must be at least 1 or elements would share memory",
       [&] {
         tshift::shift(x, y({0, 3, 1, 1}), plan);
       }},
      {"shift: y has stride 2 along time, must be at least 3 or elements would share memory",
       [&] {
         tshift::shift(x, y({12, 2, 1, 1}), plan);
       }},
      {"shift: y has stride -2 along time, must be at least 3 or elements would share memory",
       [&] {
         tshift::shift(x, y({12, -2, 1, 1}), plan);
       }},
      {"shift: y has stride 11 along batch, must be at least 12 or elements would share memory",
       [&] {
         tshift::shift(x, y({11, 3, 1, 1}), plan);
       }},
      {"shift_inplace: x has stride 0 along channels, must be at least 1 or elements would share memory",
       [&] {
         tshift::shift_inplace(y({12, 3, 0, 1}), plan);
       }},
      {"shift_add: y has stride 1 along time, must be at least 3 or elements would share memory",
       [&] {
         tshift::shift_add(x, x, y({12, 1, 1, 1}), plan);
       }},
      {"shift_adjoint: dx has stride 2 along time, must be at least 3 or elements would share memory",
       [&] {
         tshift::shift_adjoint(x, y({12, 2, 1, 1}), plan);
       }},
      {"shift_adjoint_inplace: dy has stride 2 along time, must be at least 3 or elements would share memory",
       [&] {
         tshift::shift_adjoint_inplace(y({12, 2, 1, 1}), plan);
       }},
  });
  // A dimension of one element has no neighbour: its stride may be anything, also in an output.
  tensor_view<std::int32_t> const one(on.y(), {1, 4, 3, 1}, strides{least, 3, 1, 0});
  REQUIRE_NOTHROW(tshift::shift(tensor_view<std::int32_t>(on.x(), {1, 4, 3}), one, plan));
  // Inputs may repeat elements.
  REQUIRE_NOTHROW(tshift::shift(tensor_view<std::int32_t>(on.x(), dims, strides{0, 0, 1, 0}), on.y_view(), plan));
}

TEST_CASE("Views that overlap in part are refused", "[errors]") {
  refusals on;
  auto const at = [&](index_t first, strides const& by = {12, 3, 1, 1}) {
    return tensor_view<std::int32_t>(on.x() + first, dims, by);
  };
  tensor_view<std::int32_t> const other_order(on.x(), dims, layout::nct);
  auto const r = on.r_view(), y = on.y_view();
  constexpr char in_part[] = "shift: x and y overlap in memory, must be the same view or share no element";
  on.check({
      {in_part, [&] { tshift::shift(at(0), at(1), plan); }},   // one element on
      {in_part, [&] { tshift::shift(at(3), at(0), plan); }},   // one frame on
      {in_part, [&] { tshift::shift(at(0), at(12), plan); }},  // one sequence on
      {in_part, [&] { tshift::shift(at(0), at(23), plan); }},  // only the last element
      {in_part, [&] { tshift::shift(at(23), at(0), plan); }},  // only the first
      {in_part, [&] { tshift::shift(at(0), other_order, plan); }},
      {in_part,
       [&] {
         tshift::shift(at(9, {12, -3, 1, 1}), at(0), plan);
       }},  // the same frames backwards
      {in_part,
       [&] {
         tshift::shift(at(4, {0, 0, 1, 1}), at(0), plan);
       }},  // one frame of y, repeated
      {in_part,
       [&] {
         tshift::shift(at(0, {24, 6, 2, 1}), at(0), plan);
       }},  // other strides from the same place
      {in_part,
       [&] {
         tshift::shift(at(0, {24, 6, 2, 1}), at(2, {24, 6, 2, 1}), plan);
       }},
      {"shift_add: x and y overlap in memory, must be the same view or share no element",
       [&] { tshift::shift_add(at(0), r, at(3), plan); }},
      {"shift_add: r and y overlap in memory, must be the same view or share no element",
       [&] { tshift::shift_add(y, at(3), at(0), plan); }},
      {"shift_add: r and y overlap in memory, must be the same view or share no element",
       [&] { tshift::shift_add(at(0), at(1), at(0), plan); }},
      {"shift_add: r and y overlap in memory, must be the same view or share no element",
       [&] { tshift::shift_add(y, other_order, at(0), plan); }},
      {"shift_add: x, r and y are the same view, y must be apart from x or from r",
       [&] { tshift::shift_add(y, y, y, plan); }},
      {"shift_adjoint: dy and dx overlap in memory, must be the same view or share no element",
       [&] { tshift::shift_adjoint(at(0), at(3), plan); }},
  });

  // Less than an element apart.
  std::vector<rgb> pixels(30, rgb{1, 2, 3});
  auto const bytes_on = reinterpret_cast<rgb*>(reinterpret_cast<unsigned char*>(pixels.data()) + 1);
  REQUIRE(message_of([&] {
            tshift::shift(tensor_view<rgb>(pixels.data(), dims), tensor_view<rgb>(bytes_on, dims), plan);
          }) == in_part);
}

TEST_CASE("Views that interleave without sharing an element are accepted", "[errors]") {
  tally result;
  auto const check = [&](char const* what, index_t size, index_t x_first, index_t y_first, shape const& sizes,
                         strides const& by) {
    random_bits random(72);
    auto memory = any_values<std::uint16_t>(size, random), want = memory;
    shift_plan const folds(sizes.channels, {{0, sizes.channels / 2, 1}, {sizes.channels / 2, 1, -1}}, padding::edge);
    std::string message;
    for (bool const add : {false, true}) {
      tensor_view<std::uint16_t> const x(memory.data() + x_first, sizes, by), y(memory.data() + y_first, sizes, by);
      tensor_view<std::uint16_t> const want_y(want.data() + y_first, sizes, by);
      message = message_of([&] { add ? tshift::shift_add(x, y, y, folds) : tshift::shift(x, y, folds); });
      auto const what_ran = add ? operation::shift_add_onto_r : operation::shift;
      apply_reference<std::uint16_t>(what_ran, x, x, want_y, folds, 0);
      result.count(message.empty() && memory == want, [&] { return std::string(what) + ": " + message; });
    }
  };
  // Halves of the channels of one tensor, in each order of dimensions.
  check("halves of channels, NTC", 2 * 5 * 8, 0, 4, {2, 5, 4}, {40, 8, 1, 1});
  check("halves of channels, NTC, the other way round", 2 * 5 * 8, 4, 0, {2, 5, 4}, {40, 8, 1, 1});
  check("halves of channels, NCT", 2 * 5 * 8, 0, 20, {2, 5, 4}, {40, 1, 5, 1});
  check("halves of channels, NTCS", 2 * 5 * 8 * 3, 12, 0, {2, 5, 4, 3}, {120, 24, 3, 1});
  check("every second channel", 2 * 5 * 8, 1, 0, {2, 5, 4}, {40, 8, 2, 1});
  check("every second frame", 2 * 10 * 4, 0, 4, {2, 5, 4}, {40, 8, 1, 1});
  check("every second sequence", 4 * 5 * 4, 20, 0, {2, 5, 4}, {40, 4, 1, 1});
  check("halves of time, NTC", 2 * 10 * 4, 0, 20, {2, 5, 4}, {40, 4, 1, 1});
  check("halves of channels, backwards in time", 2 * 5 * 8, 32, 36, {2, 5, 4}, {40, -8, 1, 1});
  check("halves of channels, backwards in channels", 2 * 5 * 8, 3, 7, {2, 5, 4}, {40, 8, -1, 1});
  REQUIRE_ALL(result, 20);

  // Inputs may overlap as they like.
  std::vector<std::int32_t> memory(40, 1), y(24);
  REQUIRE_NOTHROW(tshift::shift_add(tensor_view<std::int32_t>(memory.data(), dims),
                                    tensor_view<std::int32_t>(memory.data() + 5, dims),
                                    tensor_view<std::int32_t>(y.data(), dims), plan));
}

TEST_CASE("A view whose members were changed afterwards is checked again", "[errors]") {
  refusals on;
  auto const x = on.x_view(), y = on.y_view();
  auto const changed = [&](auto change) {
    tensor_view<std::int32_t> view = y;
    change(view);
    return view;
  };
  auto const far = changed([](auto& v) { v.strides.time = most; });
  auto const far_back = changed([](auto& v) { v.strides.time = least; });
  auto const far_sum = changed([](auto& v) { v.strides = {most / 8, most / 16, most / 16, 1}; });
  auto const negative = changed([](auto& v) { v.shape.time = -1; });
  auto const huge = changed([](auto& v) { v.shape.time = index_t{1} << 62; });
  auto const wrapped = changed([](auto& v) { v.shape = {index_t{1} << 32, index_t{1} << 32, 3, 1}; });
  constexpr char stride_most[] =
      "tensor_view: 4 elements with stride 9223372036854775807 along time, must fit in 2^63 - 1 bytes";
  constexpr char stride_least[] =
      "tensor_view: 4 elements with stride -9223372036854775808 along time, must fit in 2^63 - 1 bytes";
  on.check({
      {stride_most, [&] { tshift::shift(x, far, plan); }},
      {stride_most, [&] { tshift::shift(far, y, plan); }},
      {stride_most, [&] { tshift::shift_inplace(far, plan); }},
      {stride_most, [&] { tshift::shift_add(x, far, y, plan); }},
      {stride_most, [&] { tshift::shift_adjoint_inplace(far, plan); }},
      {stride_least, [&] { tshift::shift(x, far_back, plan); }},
      {"tensor_view: 4 elements with stride 576460752303423487 along time, must fit in 2^63 - 1 bytes",
       [&] { tshift::shift(x, far_sum, plan); }},
      {"tensor_view: time = -1, must be >= 0", [&] { tshift::shift(x, negative, plan); }},
      {"tensor_view: 2 x 4611686018427387904 x 3 x 1 elements of 4 bytes, must fit in 2^63 - 1 bytes",
       [&] { tshift::shift(huge, huge, plan); }},
      {"tensor_view: 4294967296 x 4294967296 x 3 x 1 elements of 4 bytes, must fit in 2^63 - 1 bytes",
       [&] { tshift::shift_inplace(wrapped, plan); }},
  });
}

TEST_CASE("Sizes around 2^31 and 2^62 are counted exactly, and no element means no work", "[errors]") {
  constexpr index_t two31 = index_t{1} << 31;
  auto const message = [](shape const& sizes) {
    tensor_view<std::uint8_t> const nowhere(static_cast<std::uint8_t*>(nullptr), sizes);
    return message_of([&] { tshift::shift(nowhere, nowhere, shift_plan(sizes.channels, {{0, 1, 1}})); });
  };
  REQUIRE(message({1, two31 - 1, 1}) == "shift: x has no data, must have 2147483647 elements");
  REQUIRE(message({1, two31, 1}) == "shift: x has no data, must have 2147483648 elements");
  REQUIRE(message({1, 2 * two31 + 1, 1}) == "shift: x has no data, must have 4294967297 elements");
  REQUIRE(message({1, two31, two31}) == "shift: x has no data, must have 4611686018427387904 elements");
  REQUIRE(message({1, most, 1}) == "shift: x has no data, must have 9223372036854775807 elements");
  // Empty, however large the other sizes are.
  REQUIRE(message({0, two31, two31}).empty());
  REQUIRE(message({1, 0, most}).empty());
  REQUIRE(message({two31, two31, 1, 0}).empty());
}
