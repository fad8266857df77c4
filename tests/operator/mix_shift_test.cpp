// SPDX-License-Identifier: MIT
// mix_shift: the definition in every memory order, both conventions, adjoint and slopes.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tshift/mix_shift.hpp>
#include <tshift/presets.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/bytes.hpp"
#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/thread_executor.hpp"
#include "../support/weighted_cases.hpp"

namespace {

using namespace test_support;
using tshift::mixing;
using tshift::padding;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;

shift_plan draw_plan(index_t channels, index_t time, random_bits& random) {
  padding const edge = paddings[random.in(0, 3)];
  index_t const first = random.in(0, channels), second = random.in(0, channels - first);
  index_t const far = random.in(-time - 2, time + 2), close = random.in(-1, 1);
  if (random.chance(3)) return {channels, {{0, channels, 1}}, edge};
  return {channels, {{first, second, far}, {0, first, close}}, edge};
}

}  // namespace

TEMPLATE_TEST_CASE("mix_shift, its adjoint and its slopes are the reference's", "[mix]", float, double) {
  using T = TestType;
  tally result;
  random_bits random(81);
  T const nan = std::numeric_limits<T>::quiet_NaN();
  double const eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (int i = 0; i < 2000; ++i) {
    constexpr index_t channels[] = {1, 2, 5, 16, 17, 33, 70};
    index_t const N = random.in(0, 3), time = random.in(0, 14), C = random.one_of(channels);
    shape const dims{N, time, C, random.chance(3) ? 5 : 1};
    auto const lengths = draw_frames(N, time, random);
    shift_plan const plan = draw_plan(C, time, random);
    mixing const how = i % 2 == 0 ? mixing::v5 : mixing::v6;
    std::vector<T> mu = drawn_list<T>(C, random), weight;
    for (T const each : mu) weight.push_back(how == mixing::v5 ? each : 1 - each);
    spaced_tensor<T> x(dims, nan, random), dy(dims, nan, random), y(dims, T(9), random), dx(dims, T(9), random);
    x.fill([&](auto...) { return drawn<T>(random); });
    dy.fill([&](index_t n, index_t t, index_t, index_t) {
      T const number = drawn<T>(random);
      return !lengths.empty() && t >= lengths[static_cast<std::size_t>(n)] ? nan : number;
    });
    tensor_view<T const> from = x.view, above = dy.view;
    from.lengths = above.lengths = lengths;
    std::vector<T> memory(static_cast<std::size_t>(dims.size()));
    tensor_view<T> const want(memory.data(), dims);
    tshift::mix_shift(from, y.view, mu, plan, how);
    tshift::reference::mix_shift<T>(from, want, weight, plan);
    bool good = distance(y.view, want) <= 6 * eps;
    tshift::mix_shift_adjoint(above, dx.view, mu, plan, how);
    tshift::reference::mix_shift_adjoint<T>(above, want, weight, plan);
    good = good && distance(dx.view, want) <= eps * static_cast<double>(8 + 6 * time);
    std::vector<T> dmu = drawn_list<T>(C, random), slopes = dmu;
    tshift::mix_shift_slopes(from, above, mu, std::span<T>(dmu), plan, how);
    std::vector<T> added(static_cast<std::size_t>(C));
    tshift::reference::mix_shift_slopes<T>(from, above, std::span<T>(added), plan);
    double const terms = static_cast<double>(2 + N * time * dims.space);
    for (std::size_t c = 0; c < dmu.size(); ++c) {
      T const expected = slopes[c] + (how == mixing::v5 ? added[c] : -added[c]);
      good = good && std::fabs(static_cast<double>(dmu[c] - expected)) <= 4 * eps * terms;
    }
    good = good && y.gaps_untouched() && dx.gaps_untouched();
    result.count(good, [&] { return describe(dims, plan, lengths); });
  }
  REQUIRE_ALL(result, 2000);
}

TEST_CASE("The two conventions of RWKV", "[mix]") {
  double const x[] = {1, 10, 100};
  double const mu[] = {0.25};
  double y[3];
  tensor_view<double const> const from(x, {1, 3, 1});
  tensor_view<double> const to(y, {1, 3, 1});
  tshift::mix_shift(from, to, mu, tshift::token_shift(1), mixing::v5);
  CHECK(std::vector<double>(y, y + 3) == std::vector<double>{0.25, 2.5 + 0.75, 25 + 7.5});
  tshift::mix_shift(from, to, mu, tshift::token_shift(1), mixing::v6);
  CHECK(std::vector<double>(y, y + 3) == std::vector<double>{0.75, 7.5 + 0.25, 75 + 2.5});
  // Of dy = (1, 1, 1): each x goes to its own frame and to the next; mu sees x - S x, which telescopes to the last.
  double const g[] = {1, 1, 1};
  double dmu[] = {0.5};
  tensor_view<double const> const above(g, {1, 3, 1});
  tshift::mix_shift_adjoint(above, to, mu, tshift::token_shift(1), mixing::v5);
  CHECK(std::vector<double>(y, y + 3) == std::vector<double>{1, 1, 0.25});
  tshift::mix_shift_slopes(from, above, mu, std::span<double>(dmu), tshift::token_shift(1), mixing::v5);
  CHECK(dmu[0] == 100.5);
  tshift::mix_shift_slopes(from, above, mu, std::span<double>(dmu), tshift::token_shift(1), mixing::v6);
  CHECK(dmu[0] == 0.5);
}

static_assert(tshift::reference::blend(0.0, 3.0, 1.0, 5.0) == 5 && tshift::reference::blend(1.0, 3.0, 0.0, 5.0) == 3 &&
              tshift::reference::blend(0.5, 3.0, 0.5, 5.0) == 4);

TEST_CASE("A weight of 0 or 1 moves bits, and so does a channel that stays", "[mix]") {
  double const nothing = std::numeric_limits<double>::quiet_NaN();
  CHECK(tshift::reference::blend(0.0, nothing, 1.0, 5.0) == 5);
  CHECK(tshift::reference::blend(1.0, 3.0, 0.0, nothing) == 3);
  random_bits random(82);
  shape const dims{2, 9, 40};
  shift_plan const plan(40, {{0, 30, 2}, {30, 5, -1}}, padding::circular);
  auto const values = any_values<float>(dims.size(), random);
  std::vector<float> got(values.size()), want(values.size());
  tensor_view<float const> const x(values.data(), dims);
  tensor_view<float> const y(got.data(), dims), z(want.data(), dims);
  auto const same = [&] { return same_bytes(got.data(), want.data(), got.size() * sizeof(float)); };
  for (mixing const how : {mixing::v5, mixing::v6}) {
    for (float const mu : {0.0f, 1.0f}) {
      tshift::mix_shift(x, y, std::vector<float>(40, mu), plan, how);
      tshift::shift(x, z, (mu == 0.0f) == (how == mixing::v5) ? plan : shift_plan(40, {}));
      CHECK(same());
    }
    tshift::mix_shift(x, y, std::vector<float>(40, 0.3f), shift_plan(40, {}), how);
    tshift::shift(x, z, shift_plan(40, {}));
    CHECK(same());
  }
}

TEST_CASE("<M x, g> is <x, M' g>", "[mix]") {
  tally result;
  random_bits random(83);
  for (int i = 0; i < 400; ++i) {
    shape const dims{random.in(1, 3), random.in(1, 14), random.in(1, 40)};
    auto const lengths = draw_frames(dims.batch, dims.time, random);
    shift_plan const plan = draw_plan(dims.channels, dims.time, random);
    auto const values = drawn_list<double>(dims.size(), random), gradients = drawn_list<double>(dims.size(), random);
    auto const mu = drawn_list<double>(dims.channels, random, 2);
    std::vector<double> forth(values.size()), back(values.size());
    tensor_view<double const> const x(values.data(), dims, tshift::layout::ntc, lengths);
    tensor_view<double const> const g(gradients.data(), dims, tshift::layout::ntc, lengths);
    tensor_view<double> const y(forth.data(), dims), dx(back.data(), dims);
    mixing const how = i % 2 == 0 ? mixing::v5 : mixing::v6;
    tshift::mix_shift(x, y, mu, plan, how);
    tshift::mix_shift_adjoint(g, dx, mu, plan, how);
    double const left = inner_product<double const>(y, g, lengths), right = inner_product<double const>(x, dx, lengths);
    result.count(std::fabs(left - right) <= 1e-12 * static_cast<double>(dims.size()),
                 [&] { return describe(dims, plan, lengths); });
  }
  REQUIRE_ALL(result, 400);
}

TEST_CASE("mix_shift: threads and memory", "[mix][threads]") {
  shape const dims{3, 200, 400};
  random_bits random(84);
  auto const x = drawn_list<float>(dims.size(), random), g = drawn_list<float>(dims.size(), random);
  auto const mu = drawn_list<float>(400, random);
  shift_plan const plan = tshift::token_shift(400);
  std::vector<float> y(x.size()), z(x.size()), one(400), other(400);
  tensor_view<float const> const from(x.data(), dims), above(g.data(), dims);
  tensor_view<float> const to(y.data(), dims), beside(z.data(), dims);
  any_executor const exec{thread_executor{5}};
  CHECK(allocations_in([&] {
          tshift::mix_shift(from, to, mu, plan, mixing::v6);
          tshift::mix_shift_slopes(from, above, mu, std::span<float>(one), plan, mixing::v6);
        }) == 0);
  tshift::mix_shift(exec, from, beside, mu, plan, mixing::v6);
  CHECK(y == z);
  tshift::mix_shift_slopes(exec, from, above, mu, std::span<float>(other), plan, mixing::v6);
  CHECK(one == other);
  tshift::mix_shift_adjoint(from, to, mu, plan, mixing::v5);
  tshift::mix_shift_adjoint(exec, from, beside, mu, plan, mixing::v5);
  CHECK(y == z);
}

TEST_CASE("What mix_shift refuses", "[mix][errors]") {
  std::vector<float> x(64, 1.0f), y(64, 5.0f), mu(4, 0.5f), dmu(4, 5.0f);
  tensor_view<float> const from(x.data(), {2, 3, 4}), to(y.data(), {2, 3, 4});
  shift_plan const plan = tshift::token_shift(4);
  auto const refused = [&](std::string const& sentence, auto const& call) {
    CHECK(message_of(call) == sentence);
    CHECK(y == std::vector<float>(64, 5.0f));
    CHECK(dmu == std::vector<float>(4, 5.0f));
  };
  refused("mix_shift: y is x, must be other memory", [&] { tshift::mix_shift(from, from, mu, plan, mixing::v5); });
  refused("mix_shift: plan has 5 channels, x has 4",
          [&] { tshift::mix_shift(from, to, mu, tshift::token_shift(5), mixing::v5); });
  refused("mix_shift_adjoint: mu has 3 elements, x has 4 channels",
          [&] { tshift::mix_shift_adjoint(from, to, std::span(mu).first(3), plan, mixing::v5); });
  refused("mix_shift: mixing = 7, must be a named mixing",
          [&] { tshift::mix_shift(from, to, mu, plan, static_cast<mixing>(7)); });
  refused("mix_shift_slopes: dmu has 3 elements, x has 4 channels",
          [&] { tshift::mix_shift_slopes(from, from, mu, std::span<float>(dmu).first(3), plan, mixing::v5); });
}
