// SPDX-License-Identifier: MIT
// train::mix_shift: both conventions, plans of every kind, shifts of x and of dy.
#include <cstddef>
#include <string>
#include <vector>

#include <tshift/train/mix_shift.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;
using tshift::mixing;
using tshift::padding;

}  // namespace

TEST_CASE("train::mix_shift: gradients are slopes, and bits depend on nothing", "[train][mix]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (padding const edge : paddings) {
    for (index_t const channels : {1, 7, 16, 50, 200}) {
      for (index_t const time : {1, 2, 9, 60}) {
        index_t const half = channels / 2;
        shift_plan const token(channels, {{0, channels, 1}}, edge);
        shift_plan const folds(channels, {{0, half, -2}, {half, channels - half, time / 2 + 1}}, edge);
        auto const make = [=]<class T>(T, parameter_table& table) {
          return tshift::train::mix_shift<T>(table, "mix", seed % 2 == 0 ? token : folds,
                                             seed % 3 == 0 ? mixing::v5 : mixing::v6);
        };
        check_training(make, {.dims = {3, time, channels}, .zero_slope = time < 9}, seed, sum);
        ++seed;
      }
    }
  }
  sum.print("mix_shift");
  REQUIRE(sum.cases == 80);
  REQUIRE(sum.gradients == 160);
}

TEST_CASE("train::mix_shift: the operator with its gradients", "[train][mix]") {
  random_bits random(8);
  tshift::shape const dims{2, 12, 45};
  shift_plan const plan = tshift::token_shift(45);
  for (mixing const how : {mixing::v5, mixing::v6}) {
    parameter_table table;
    tshift::train::mix_shift<float> block(table, "att", plan, how);
    REQUIRE(table.find("att.mu") != nullptr);
    CHECK_FALSE(table.begin()->decays);
    auto const mu = uniform<float>(45, random);
    auto const x = uniform<float>(dims.size(), random), g = uniform<float>(dims.size(), random);
    std::vector<float> y(x.size()), dx(x.size()), want(x.size()), gradients(45, 0.5f), slopes(45, 0.5f);
    tensor_view<float const> const from(x.data(), dims), above(g.data(), dims);
    tensor_view<float> const to(want.data(), dims);
    block.pack(mu);
    block.forward(from, tensor_view<float>(y.data(), dims), {});
    tshift::mix_shift(from, to, mu, plan, how);
    CHECK(equal_bits(y, want));
    block.backward(from, {}, above, tensor_view<float>(dx.data(), dims), gradients);
    tshift::mix_shift_adjoint(above, to, mu, plan, how);
    CHECK(equal_bits(dx, want));
    tshift::mix_shift_slopes(from, above, mu, std::span<float>(slopes), plan, how);
    CHECK(equal_bits(gradients, slopes));
  }
  parameter_table table;
  CHECK(message_of([&] { tshift::train::mix_shift<float>(table, "m", plan, static_cast<mixing>(7)); }) ==
        "mix_shift: mixing = 7, must be a named mixing");
}
