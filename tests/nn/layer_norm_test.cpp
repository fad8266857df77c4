// SPDX-License-Identifier: MIT
// layer_norm: all widths, rows without variance, a large mean, in place.
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/nn/layer_norm.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;
using tshift::nn::layer_norm;

template <class T>
void check_sizes() {
  random_bits random(321);
  summary sum;
  auto const check = [&](tshift::shape const& dims, T eps) {
    auto const weight = uniform<T>(dims.channels, random), bias = uniform<T>(dims.channels, random);
    layer_norm<T> const block(weight, bias, eps);
    check_case<T>(
        sum, random, dims, dims.channels, rows::alone, 2, [&](auto const& x, auto const& y) { block.forward(x, y); },
        [&](auto const& x, auto const& y) { reference::layer_norm<oracle::number, T>(x, y, weight, bias, eps); });
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 200})
    check({random.in(0, 3), time, random.in(0, 70)}, T(1e-5));
  for (index_t channels = 0; channels <= 140; ++channels) check({random.in(1, 3), 3, channels}, T(1e-5));
  for (index_t const channels : {255, 256, 257, 768, 1000}) check({1, 4, channels}, T(1e-12));
  sum.print("layer_norm", type_name<T>());
  REQUIRE_ALL(sum, 156);
}

/// One row through the block, in place; the worst error in epsilons of (|x| + the mean of |x|) / deviation * |w| + |b|.
template <class T>
double row_error(std::vector<T> x, T eps = T(1e-5)) {
  random_bits random(322);
  auto const C = static_cast<index_t>(x.size());
  auto const weight = uniform<T>(C, random), bias = uniform<T>(C, random);
  tensor_view<T> const view(x.data(), {1, 1, C});
  oracle::tensor want(view.shape);
  reference::layer_norm<oracle::number, T>(oracle::read(view), want.view(), weight, bias, eps);
  layer_norm<T>(weight, bias, eps).forward(view, view);
  return error_of<T>(view, want);
}

template <class T>
void check_hard_rows() {
  random_bits random(323);
  index_t ran = 0;
  double worst = 0;
  for (index_t const C : {1, 2, 3, 16, 17, 64, 100, 768}) {
    for (T const value : {T(0), T(1), T(-0.1), T(1e4), T(1e-30)}) {  // no variance
      worst = std::max(worst, row_error(std::vector<T>(static_cast<std::size_t>(C), value)));
      ++ran;
    }
    for (double const mean : {1e2, 1e4, -1e6}) {  // a large mean, and little around it
      auto x = uniform<T>(C, random);
      for (T& value : x) value += static_cast<T>(mean);
      worst = std::max(worst, row_error(x));
      ++ran;
    }
    auto tiny = uniform<T>(C, random, 1e-6), huge = uniform<T>(C, random, 1e12);
    worst = std::max({worst, row_error(tiny), row_error(huge), row_error(tiny, T(1e-20))});
    ran += 3;
  }
  std::cout << "layer_norm, hard rows, " << type_name<T>() << ": " << ran << " cases, worst error " << worst
            << " epsilon\n";
  CHECK(worst <= 6);
  REQUIRE(ran == 88);
}

template <class T>
void check_errors() {
  std::vector<T> const three(3, T(1)), two(2, T(1));
  using block = layer_norm<T>;
  CHECK(message_of([&] { block(three, two); }) == "layer_norm: bias has 2 elements, must have 3");
  CHECK(message_of([&] { block(three, three, T(0)); }) == "layer_norm: eps = 0, must be > 0 and finite");
  CHECK(message_of([&] { block(three, three, T(-1)); }) == "layer_norm: eps = -1, must be > 0 and finite");
  T const infinite = std::numeric_limits<T>::infinity();
  CHECK(message_of([&] { block(three, three, infinite); }) == "layer_norm: eps = inf, must be > 0 and finite");
  CHECK(message_of([&] { block(three, three, std::numeric_limits<T>::quiet_NaN()); }) ==
        "layer_norm: eps = nan, must be > 0 and finite");
  block const good(three, three);
  CHECK(good.channels() == 3);
  check_refusals<T>("layer_norm", 3, 3, true, [&](auto const& x, auto const& y) { good.forward(x, y); });
}

}  // namespace

TEST_CASE("layer_norm: against the oracle, a shift in memory and single rows", "[nn][layer_norm]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("layer_norm: rows without variance, with a large mean, tiny and huge ones", "[nn][layer_norm]") {
  check_hard_rows<float>();
  check_hard_rows<double>();
}

TEST_CASE("layer_norm: in place, between canaries, gives the bits of another place", "[nn][layer_norm]") {
  random_bits random(324);
  auto const weight = uniform<float>(37, random), bias = uniform<float>(37, random);
  layer_norm<float> const block(weight, bias);
  for (int i = 0; i < 20; ++i) {
    tshift::shape const dims = {2, 5, 37};
    placed_tensor<float> x(dims, around_outputs<float>, random);
    x.fill(uniform<float>(dims.size(), random));
    std::vector<float> y(static_cast<std::size_t>(dims.size()));
    tensor_view<float> const other(y.data(), dims);
    block.forward(x.view, other);
    block.forward(x.view, x.view);
    bool same = true;
    tshift::reference::for_each_element(
        dims, [&](index_t n, index_t t, index_t c, index_t) { same &= same_bits(other(n, t, c), x.view(n, t, c)); });
    CHECK(same);
    CHECK(x.gaps_untouched());
  }
}

TEST_CASE("layer_norm refuses what does not fit", "[nn][layer_norm][errors]") {
  check_errors<float>();
  check_errors<double>();
}
