// SPDX-License-Identifier: MIT
// learned_shift: the definition in every memory order, the shift's bits at integers, continuity, adjoint and slopes; and
// that it has none of the faults of the published ones.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/learned_offsets.hpp>
#include <tshift/learned_shift.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/edge_buffer.hpp"
#include "../support/message_of.hpp"
#include "../support/thread_executor.hpp"
#include "../support/weighted_cases.hpp"

namespace {

using namespace test_support;
using tshift::interpolation;
using tshift::layout;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

shape draw_shape(random_bits& random) {
  constexpr index_t channels[] = {1, 2, 5, 16, 17, 33, 70};
  index_t const batch = random.in(0, 3), time = random.in(0, 14), C = random.one_of(channels);
  return {batch, time, C, random.chance(3) ? 5 : 1};
}

std::string describe(shape const& dims, padding edge) {
  return test_support::describe(dims, {dims.channels, {}, edge});
}

/// The closed form that a static_assert can read: x[t] = 10 t, one channel.
constexpr bool line_is_read_between(double offset, double at_frame_3) {
  double x[] = {0, 10, 20, 30, 40, 50}, y[6] = {};
  double const offsets[] = {offset};
  shape const dims{1, 6, 1};
  tshift::reference::learned_shift<double>(tensor_view<double const>(x, dims), tensor_view<double>(y, dims), offsets,
                                           padding::keep);
  return y[3] == at_frame_3;
}
static_assert(line_is_read_between(0, 30) && line_is_read_between(0.5, 25) && line_is_read_between(-0.25, 32.5) &&
              line_is_read_between(2, 10) && line_is_read_between(-1.75, 47.5) && line_is_read_between(9, 30));

}  // namespace

TEMPLATE_TEST_CASE("learned_shift, its adjoint and its slopes are the reference's", "[learned]", float, double) {
  using T = TestType;
  tally result;
  random_bits random(71);
  T const nan = std::numeric_limits<T>::quiet_NaN();
  double const eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (int i = 0; i < 3000; ++i) {
    shape const dims = draw_shape(random);
    auto const lengths = draw_frames(dims.batch, dims.time, random);
    auto const offsets = draw_offsets<T>(dims.channels, dims.time, random);
    padding const edge = paddings[random.in(0, 3)];
    spaced_tensor<T> x(dims, nan, random), dy(dims, nan, random), y(dims, T(9), random), dx(dims, T(9), random);
    x.fill([&](auto...) { return drawn<T>(random); });
    // Behind a length a NaN is carried through, and harms nobody.
    dy.fill([&](index_t n, index_t t, index_t, index_t) {
      T const number = drawn<T>(random);
      return !lengths.empty() && t >= lengths[static_cast<std::size_t>(n)] ? nan : number;
    });
    tensor_view<T const> from = x.view, above = dy.view;
    from.lengths = above.lengths = lengths;
    std::vector<T> memory(static_cast<std::size_t>(dims.size()));
    tensor_view<T> const want(memory.data(), dims);
    tshift::learned_shift(from, y.view, offsets, edge);
    tshift::reference::learned_shift<T>(from, want, offsets, edge);
    bool good = distance(y.view, want) <= 3 * eps;
    tshift::learned_shift_adjoint(above, dx.view, offsets, edge);
    tshift::reference::learned_shift_adjoint<T>(above, want, offsets, edge);
    good = good && distance(dx.view, want) <= eps * static_cast<double>(4 + 3 * dims.time);
    std::vector<T> da = drawn_list<T>(dims.channels, random), slopes = da;
    tshift::learned_shift_slopes(from, above, offsets, std::span<T>(da), edge);
    tshift::reference::learned_shift_slopes<T>(from, above, offsets, std::span<T>(slopes), edge);
    double const terms = static_cast<double>(2 + dims.batch * dims.time * dims.space);
    for (std::size_t c = 0; c < da.size(); ++c) {
      good = good && std::fabs(static_cast<double>(da[c] - slopes[c])) <= 4 * eps * terms;
    }
    good = good && y.gaps_untouched() && dx.gaps_untouched();
    result.count(good, [&] { return describe(dims, edge); });
  }
  REQUIRE_ALL(result, 3000);
}

TEST_CASE("Many channels, and memory that ends at a closed page", "[learned]") {
  tally result;
  random_bits random(72);
  for (index_t const channels : {1, 3, 31, 64, 1100, 2051}) {
    for (index_t const time : {1, 2, 9}) {
      for (side const where : sides) {
        shape const dims{2, time, channels};
        auto const offsets = draw_offsets<float>(channels, time, random);
        auto const values = drawn_list<float>(dims.size(), random);
        padding const edge = paddings[random.in(0, 3)];
        edge_buffer<float> const x(std::span<float const>(values), where);
        edge_buffer<float> const y(values.size(), 9.0f, where), a(std::span<float const>(offsets), where),
            da(offsets.size(), 0.0f, where);
        std::vector<float> memory(values.size()), slopes(offsets.size());
        tensor_view<float const> const from(x.data(), dims);
        tensor_view<float> const to(y.data(), dims), want(memory.data(), dims);
        tshift::learned_shift(from, to, a.span(), edge);
        tshift::reference::learned_shift<float>(from, want, offsets, edge);
        bool good = distance(to, want) <= 1e-6;
        tshift::learned_shift_slopes(from, from, a.span(), da.span(), edge);
        tshift::reference::learned_shift_slopes<float>(from, from, offsets, std::span<float>(slopes), edge);
        for (std::size_t c = 0; c < slopes.size(); ++c) good = good && std::fabs(da.data()[c] - slopes[c]) <= 1e-5f;
        result.count(good, [&] { return describe(dims, edge); });
      }
    }
  }
  REQUIRE_ALL(result, 36);
}

TEMPLATE_TEST_CASE("At integers learned_shift is the shift, bit for bit", "[learned]", float, double) {
  using T = TestType;
  tally result;
  random_bits random(73);
  for (int i = 0; i < 600; ++i) {
    shape const dims = draw_shape(random);
    auto const lengths = draw_frames(dims.batch, dims.time, random);
    // At most as many runs as a plan has folds.
    std::vector<T> offsets;
    while (static_cast<index_t>(offsets.size()) < dims.channels) {
      index_t const longest = dims.channels / 8 + 1;
      auto const run = static_cast<std::size_t>(random.in(longest / 2 + 1, longest));
      offsets.insert(offsets.end(), run, static_cast<T>(random.in(-dims.time - 1, dims.time + 1)));
    }
    offsets.resize(static_cast<std::size_t>(dims.channels));
    padding const edge = paddings[random.in(0, 3)];
    shift_plan const plan = tshift::rounded<T>(offsets, edge);
    layout const order = layouts[random.in(0, 3)];
    // Any bits: payloads of NaN, infinities, zeros of either sign, also next to a weight of 0.
    auto const values = any_values<T>(dims.size(), random), sums = numbers<T>(dims.size(), random);
    std::vector<T> got(values.size()), want(values.size());
    tensor_view<T const> const x(values.data(), dims, order, lengths), dy(sums.data(), dims, order, lengths);
    tensor_view<T> const y(got.data(), dims, order), z(want.data(), dims, order);
    auto const same = [&] { return same_bytes(got.data(), want.data(), got.size() * sizeof(T)); };
    bool good = true;
    for (interpolation const how : {interpolation::linear, interpolation::nearest}) {
      tshift::learned_shift(x, y, offsets, edge, how);
      tshift::shift(x, z, plan);
      good = good && same();
      tshift::learned_shift_adjoint(dy, y, offsets, edge, how);
      tshift::shift_adjoint(dy, z, plan);
      good = good && same();
    }
    result.count(good, [&] { return test_support::describe(dims, plan, lengths); });
  }
  REQUIRE_ALL(result, 600);
}

TEST_CASE("learned_shift is continuous where its frames change", "[learned]") {
  tally result;
  random_bits random(74);
  shape const dims{2, 9, 3};
  auto const values = drawn_list<double>(dims.size(), random);
  tensor_view<double const> const x(values.data(), dims);
  for (padding const edge : paddings) {
    for (int k = -10; k <= 10; ++k) {
      std::vector<double> at(values.size()), near(values.size());
      std::vector<double> offsets(3, k);
      tshift::learned_shift(x, tensor_view<double>(at.data(), dims), offsets, edge);
      for (double const h : {1e-6, -1e-6, std::ldexp(1.0, -45), -std::ldexp(1.0, -45), 1e-300, -1e-300}) {
        for (double& a : offsets) a = k + h;
        tshift::learned_shift(x, tensor_view<double>(near.data(), dims), offsets, edge);
        double const off = distance(tensor_view<double>(at.data(), dims), tensor_view<double>(near.data(), dims));
        result.count(off <= 2.1 * std::fabs(h) + 1e-15, [&] { return describe(dims, edge) + std::to_string(k); });
      }
    }
  }
  REQUIRE_ALL(result, 4 * 21 * 6);
}

TEST_CASE("So little below 0 that it is 0: the frame after counts for nothing, and the slope is that at 0",
          "[learned]") {
  float const x[] = {1, 2, std::numeric_limits<float>::quiet_NaN(), 4};
  float y[4], at_zero[] = {0}, below[] = {0};
  float const little[] = {-1e-30f}, zero[] = {0};
  tensor_view<float const> const from(x, {1, 4, 1});
  tshift::learned_shift(from, tensor_view<float>(y, {1, 4, 1}), little);
  CHECK(same_bytes(x, y, sizeof x));
  float defined[4];
  tshift::reference::learned_shift<float>(from, tensor_view<float>(defined, {1, 4, 1}), little);
  CHECK(same_bytes(x, defined, sizeof x));
  float const finite[] = {1, 2, 4, 9}, g[] = {1, 10, 100, 1000};
  tensor_view<float const> const moves(finite, {1, 4, 1}), above(g, {1, 4, 1});
  tshift::learned_shift_slopes(moves, above, zero, std::span<float>(at_zero));
  tshift::learned_shift_slopes(moves, above, little, std::span<float>(below));
  CHECK(at_zero[0] == -1 - 10 - 200 - 5000);
  CHECK(below[0] == at_zero[0]);
}

TEST_CASE("Images whose frames lie closer together than their pixels, in one part and in several",
          "[learned][threads]") {
  shape const dims{4, 40, 70, 5};
  random_bits random(75);
  std::vector<double> const x = drawn_list<double>(dims.size(), random), g = drawn_list<double>(dims.size(), random);
  std::vector<double> y(x.size()), forth(x.size()), back(x.size()), a = draw_offsets<double>(70, 40, random);
  auto const view = [&dims]<class T>(T* data) {
    tensor_view<T> turned(data, dims);
    turned.strides = {.batch = 70 * 5 * 40, .time = 1, .channels = 5 * 40, .space = 40};
    return turned;
  };
  tensor_view<double const> const from = view(x.data()), above = view(g.data());
  tensor_view<double> const to = view(y.data()), y_want(forth.data(), dims), dx_want(back.data(), dims);
  std::vector<double> slopes(a.size());
  tshift::reference::learned_shift<double>(from, y_want, a);
  tshift::reference::learned_shift_adjoint<double>(above, dx_want, a);
  tshift::reference::learned_shift_slopes<double>(from, above, a, std::span<double>(slopes));
  for (any_executor const& exec : {any_executor(thread_executor{1}), any_executor(thread_executor{3})}) {
    tshift::learned_shift(exec, from, to, a);
    CHECK(distance(to, y_want) <= 1e-15);
    tshift::learned_shift_adjoint(exec, above, to, a);
    CHECK(distance(to, dx_want) <= 1e-14);
    std::vector<double> da(a.size());
    tshift::learned_shift_slopes(exec, from, above, a, std::span<double>(da));
    for (std::size_t c = 0; c < da.size(); ++c) CHECK(std::fabs(da[c] - slopes[c]) <= 1e-12);
  }
}

TEST_CASE("Pixels that do not begin where a vector does", "[learned]") {
  shape const dims{2, 40, 6, 16};  // 6 channels a pixel: rows and images begin at multiples of 16, pixels do not
  random_bits random(77);
  std::vector<float> const x = drawn_list<float>(dims.size(), random);
  std::vector<float> y(x.size()), want(x.size()), a = draw_offsets<float>(6, 40, random);
  tensor_view<float const> const from(x.data(), dims, layout::ntsc);
  tensor_view<float> const to(y.data(), dims, layout::ntsc), expected(want.data(), dims, layout::ntsc);
  tshift::reference::learned_shift<float>(from, expected, a);
  tshift::learned_shift(from, to, a);
  CHECK(distance(to, expected) <= 1e-6);
}

TEST_CASE("<L x, g> is <x, L' g>, and slopes are slopes", "[learned]") {
  tally result;
  random_bits random(75);
  for (int i = 0; i < 800; ++i) {
    shape dims = draw_shape(random);
    dims.time += 1;
    dims.batch += 1;
    auto const lengths = draw_frames(dims.batch, dims.time, random);
    auto offsets = draw_offsets<double>(dims.channels, dims.time, random);
    // Half of them at integers: there the slope is the one to the right.
    bool const at_integers = i % 2 == 0;
    for (double& a : offsets) a = std::floor(a) + (at_integers ? 0 : 0.1 + 0.4 * (1 + drawn<double>(random)));
    padding const edge = paddings[i / 2 % 4];
    auto const values = drawn_list<double>(dims.size(), random), gradients = drawn_list<double>(dims.size(), random);
    std::vector<double> forth(values.size()), back(values.size());
    tensor_view<double const> const x(values.data(), dims, layout::ntc, lengths);
    tensor_view<double const> const g(gradients.data(), dims, layout::ntc, lengths);
    tensor_view<double> const y(forth.data(), dims), dx(back.data(), dims);
    bool good = true;
    for (interpolation const how : {interpolation::nearest, interpolation::linear}) {
      tshift::learned_shift(x, y, offsets, edge, how);
      tshift::learned_shift_adjoint(g, dx, offsets, edge, how);
      double const left = inner_product<double const>(y, g, lengths),
                   right = inner_product<double const>(x, dx, lengths);
      good = good && std::fabs(left - right) <= 1e-12 * static_cast<double>(dims.size());
    }
    // L is a line between integers, so that a difference is its slope.
    double const before = inner_product<double const>(y, g, lengths), h = 1.0 / 16;
    std::vector<double> da(offsets.size());
    tshift::learned_shift_slopes(x, g, offsets, std::span<double>(da), edge);
    auto const direction = drawn_list<double>(dims.channels, random);
    double expected = 0, size = 0;
    for (std::size_t c = 0; c < da.size(); ++c) {
      double const way = at_integers ? std::fabs(direction[c]) : direction[c];  // to the right
      offsets[c] += h * way;
      expected += da[c] * way;
      size += std::fabs(da[c]);
    }
    tshift::learned_shift(x, y, offsets, edge);
    double const slope = (inner_product<double const>(y, g, lengths) - before) / h;
    good = good && std::fabs(slope - expected) <= 1e-11 * (1 + size + static_cast<double>(dims.size()));
    result.count(good, [&] { return describe(dims, edge); });
  }
  REQUIRE_ALL(result, 800);
}

TEST_CASE("What published learnable shifts do, and this one does not", "[learned][threads]") {
  shape const dims{1, 9, 1};
  auto const impulse = [&](index_t at) {
    std::vector<double> values(9);
    values[static_cast<std::size_t>(at)] = 1;
    return values;
  };
  double const offsets[] = {2.25};
  std::vector<double> to(9);
  tensor_view<double> const y(to.data(), dims);
  SECTION("The second frame is the one before, not the one after") {
    auto const x = impulse(3);
    tshift::learned_shift(tensor_view<double const>(x.data(), dims), y, offsets);
    CHECK(to == std::vector<double>{0, 0, 0, 0, 0, 0.75, 0.25, 0, 0});
  }
  SECTION("The gradient goes back to the frames that were read, not to those of the forward pass once more") {
    auto const g = impulse(5);
    tshift::learned_shift_adjoint(tensor_view<double const>(g.data(), dims), y, offsets);
    CHECK(to == std::vector<double>{0, 0, 0.25, 0.75, 0, 0, 0, 0, 0});
  }
  SECTION("The slope has the sign of moving a signal, in the sparse form as well") {
    // y is the ramp t - a: later means less.
    double x[9], g[9] = {};
    for (int t = 0; t < 9; ++t) x[t] = 3 * t;
    g[4] = 1;
    double da[] = {0};
    tshift::learned_shift_slopes(tensor_view<double const>(x, dims), tensor_view<double const>(g, dims), offsets,
                                 std::span<double>(da));
    CHECK(da[0] == -3);
  }
  SECTION("Gradients of many threads are added, none is lost") {
    shape const large{3, 300, 700};
    random_bits random(76);
    auto const x = drawn_list<float>(large.size(), random), g = drawn_list<float>(large.size(), random);
    auto const a = drawn_list<float>(700, random);
    std::vector<float> one(700), other(700), forth(x.size()), back(x.size()), wanted(x.size());
    tensor_view<float const> const from(x.data(), large), above(g.data(), large);
    tshift::learned_shift_slopes(from, above, a, std::span<float>(one));
    std::vector<index_t> parts;
    any_executor const all[] = {any_executor(thread_executor{2}), any_executor(thread_executor{7}),
                                any_executor(reversed_executor{}), any_executor(recording_executor{parts})};
    for (any_executor const& exec : all) {
      std::fill(other.begin(), other.end(), 0.0f);
      tshift::learned_shift_slopes(exec, from, above, a, std::span<float>(other));
      CHECK(other == one);
      tshift::learned_shift(from, tensor_view<float>(wanted.data(), large), a);
      tshift::learned_shift(exec, from, tensor_view<float>(forth.data(), large), a);
      CHECK(forth == wanted);
      tshift::learned_shift_adjoint(above, tensor_view<float>(wanted.data(), large), a);
      tshift::learned_shift_adjoint(exec, above, tensor_view<float>(back.data(), large), a);
      CHECK(back == wanted);
    }
    REQUIRE(parts.size() == 3);
    for (index_t const each : parts) CHECK(each > 1);
    // Sequences one by one give the same bits.
    std::fill(other.begin(), other.end(), 0.0f);
    for (index_t n = 0; n < 3; ++n) {
      tshift::learned_shift_slopes(from.slice_sequences(n, 1), above.slice_sequences(n, 1), a, std::span<float>(other));
    }
    CHECK(other == one);
  }
}

TEST_CASE("learned_shift allocates nothing", "[learned]") {
  shape const dims{2, 40, 100};
  std::vector<float> x(8000, 1.0f), y(8000), a(100, 0.3f), da(100);
  for (layout const order : layouts) {
    tensor_view<float const> const from(x.data(), dims, order);
    tensor_view<float> const to(y.data(), dims, order);
    CHECK(allocations_in([&] {
            tshift::learned_shift(from, to, a, padding::edge);
            tshift::learned_shift_adjoint(from, to, a, padding::edge);
            tshift::learned_shift_slopes(from, from, a, std::span<float>(da), padding::edge);
          }) == 0);
  }
}

TEST_CASE("What learned_shift refuses", "[learned][errors]") {
  std::vector<float> x(64, 1.0f), y(64, 5.0f), a(4, 0.5f), da(4, 5.0f);
  tensor_view<float> const from(x.data(), {2, 3, 4}), to(y.data(), {2, 3, 4});
  auto const refused = [&](std::string const& sentence, auto const& call) {
    CHECK(message_of(call) == sentence);
    CHECK(y == std::vector<float>(64, 5.0f));
    CHECK(da == std::vector<float>(4, 5.0f));
  };
  refused("learned_shift: y is x, must be other memory", [&] { tshift::learned_shift(from, from, a); });
  refused("learned_shift_adjoint: dx is dy, must be other memory", [&] { tshift::learned_shift_adjoint(to, to, a); });
  refused("learned_shift: x and y overlap in memory, must be the same view or share no element", [&] {
    tshift::learned_shift(tensor_view<float const>(y.data() + 4, {2, 3, 4}), to, a);
  });
  refused("learned_shift: x has time 3, y has 2", [&] {
    tshift::learned_shift(from, tensor_view<float>(y.data(), {2, 2, 4}), a);
  });
  refused("learned_shift: offsets has 3 elements, x has 4 channels",
          [&] { tshift::learned_shift(from, to, std::span(a).first(3)); });
  refused("learned_shift: padding = 4, must be a named padding",
          [&] { tshift::learned_shift(from, to, a, static_cast<padding>(4)); });
  refused("learned_shift: padding = -1, must be a named padding",
          [&] { tshift::learned_shift(from, to, a, static_cast<padding>(-1)); });
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1.1e9f}) {
    auto wrong = a;
    wrong[2] = bad;
    char text[32];
    std::snprintf(text, sizeof text, "%g", static_cast<double>(bad));
    std::string const rest = std::string(": offsets[2] = ") + text + ", must be within 2^30 frames";
    refused("learned_shift" + rest, [&] { tshift::learned_shift(from, to, wrong); });
    refused("learned_shift_slopes" + rest,
            [&] { tshift::learned_shift_slopes(from, from, wrong, std::span<float>(da)); });
  }
  refused("learned_shift_slopes: da has 3 elements, x has 4 channels",
          [&] { tshift::learned_shift_slopes(from, from, a, std::span<float>(da).first(3)); });
  refused("learned_shift_slopes: x and da overlap in memory, must share no element",
          [&] { tshift::learned_shift_slopes(to, from, a, std::span<float>(y).first(4)); });
  refused("learned_shift_slopes: x has channels 4, dy has 5", [&] {
    tshift::learned_shift_slopes(from, tensor_view<float>(x.data(), {2, 3, 5}), a, std::span<float>(da));
  });
  // Without elements there is nothing that could be the same.
  tshift::learned_shift(tensor_view<float const>(y.data(), {0, 3, 4}), tensor_view<float>(y.data(), {0, 3, 4}), a);
  // The farthest that is allowed is far outside.
  std::vector<float> const far(4, 0x1p30f);
  tshift::learned_shift(from, to, far, padding::edge);
  for (index_t t = 0; t < 3; ++t) CHECK(to(1, t, 2) == from(1, 0, 2));
}
