// SPDX-License-Identifier: MIT
// The definitions of the blocks themselves: against numbers worked out by hand, at compile time where that can be, and
// against PyTorch's. Numbers without an explanation were printed by python3 with torch 1.13, each by the line above it,
// after:
//   import torch, math; F = torch.nn.functional; torch.set_default_dtype(torch.float64)
//   r = lambda *s: ((torch.arange(float(math.prod(s))) * 7 % 11) / 8 - .5).reshape(s)
//   p = lambda t: print(['%.15g' % v for v in t.detach().flatten()])
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <tshift/nn/reference.hpp>

#include "../support/catch.hpp"
#include "../support/oracle.hpp"

namespace {

using test_support::index_t;
using tshift::frame_positions;
using tshift::layout;
using tshift::placement;
using tshift::tensor_view;
namespace reference = tshift::nn::reference;

/// r(...) of the lines of Python.
template <std::size_t Size>
constexpr std::array<double, Size> ramp() {
  std::array<double, Size> values{};
  for (std::size_t i = 0; i < Size; ++i) values[i] = static_cast<double>(i * 7 % 11) / 8 - 0.5;
  return values;
}

/// first, first + 1, first + 2, ...
template <std::size_t Size>
constexpr std::array<int, Size> counting_from(int first) {
  std::array<int, Size> values{};
  for (std::size_t i = 0; i < Size; ++i) values[i] = first + static_cast<int>(i);
  return values;
}

void check_close(std::vector<double> const& got, std::vector<double> const& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO(i << ": " << got[i] << " for " << want[i]);
    CHECK(std::fabs(got[i] - want[i]) <= 1e-13);
  }
}

// --- linear ----------------------------------------------------------------------------------------------------------

constexpr std::array<int, 4> linear_of(bool with_bias) {
  // Two frames of three channels to two: 1 2 3 | 4 5 6 and -1 0 1 | 2 -2 2.
  int const x[] = {1, 2, 3, 4, 5, 6}, weight[] = {-1, 0, 1, 2, -2, 2}, bias[] = {10, 20};
  std::array<int, 4> y = {9, 9, 9, 9};
  reference::linear(tensor_view<int const>(x, {1, 2, 3}), tensor_view<int>(y.data(), {1, 2, 2}), weight,
                    with_bias ? std::span<int const>(bias) : std::span<int const>());
  return y;
}
static_assert(linear_of(false) == std::array{2, 4, 2, 10});
static_assert(linear_of(true) == std::array{12, 24, 12, 30});

// --- conv1d ----------------------------------------------------------------------------------------------------------

// Filters of 3 on 5 frames at 0, 1, 2; every second; with a frame of padding at each end at -1, 1, 3. A filter of 6
// needs padding.
static_assert(reference::conv1d_frames(5, 3, 1, 0) == 3);
static_assert(reference::conv1d_frames(5, 3, 2, 0) == 2);
static_assert(reference::conv1d_frames(5, 3, 2, 1) == 3);
static_assert(reference::conv1d_frames(6, 3, 2, 1) == 3);
static_assert(reference::conv1d_frames(5, 6, 1, 0) == 0);
static_assert(reference::conv1d_frames(5, 7, 3, 1) == 1);
static_assert(reference::conv1d_frames(0, 2, 1, 1) == 1);
static_assert(reference::conv1d_frames(0, 1, 1, 0) == 0);
static_assert(reference::conv1d_frames(1, 9, 5, 2) == 0);
static_assert(reference::conv1d_frames(2, 9, 2, 0) == 0);

constexpr std::array<int, 18> grouped_conv() {
  auto const x = counting_from<20>(1);
  auto const weight = counting_from<24>(-8);
  auto const bias = counting_from<6>(0);
  std::array<int, 18> y{};
  reference::conv1d(tensor_view<int const>(x.data(), {1, 5, 4}), tensor_view<int>(y.data(), {1, 3, 6}), 2, 2, 1, 2,
                    weight, bias);
  return y;
}
// F.conv1d(torch.arange(1., 21).reshape(1, 5, 4).transpose(1, 2), torch.arange(-8., 16).reshape(6, 2, 2),
//          torch.arange(6.), stride=2, padding=1, groups=2).transpose(1, 2).flatten().int().tolist()
static_assert(grouped_conv() ==
              std::array{-17, -4, 9, 46, 75, 104, -189, -68, 53, 218, 371, 524, -397, -148, 101, 394, 675, 956});

// Channels 1 2 3 4 and 10 20 30 40 by 1 2 3 and 4 5 6, two frames of padding, every third place: the filter lies at -2,
// where it ends on frame 0, 3 * 1 + 6 * 10, and at 1: 1 * 2 + 2 * 3 + 3 * 4 + 4 * 20 + 5 * 30 + 6 * 40.
constexpr std::array<int, 2> strided_conv() {
  int const x[] = {1, 10, 2, 20, 3, 30, 4, 40}, weight[] = {1, 2, 3, 4, 5, 6};
  std::array<int, 2> y{};
  reference::conv1d(tensor_view<int const>(x, {1, 4, 2}), tensor_view<int>(y.data(), {1, 2, 1}), 3, 3, 2, 1, weight);
  return y;
}
static_assert(strided_conv() == std::array{63, 490});

// Sequences of 4, 2, 1 and 0 frames of 1 2 3 4, each by the filter 1 10 with a frame of padding: 4 + 2 * 1 - 2 + 1 = 5
// frames, 3, 2 and 1. What is past a length is not read, and frames of y past the sequence's own are 0. Bias 500 shows
// which frames are the sequence's.
constexpr std::array<int, 20> ragged_conv() {
  int const x[] = {1, 2, 3, 4, 1, 2, 77, 77, 1, 77, 77, 77, 77, 77, 77, 77}, weight[] = {1, 10}, bias[] = {500};
  index_t const lengths[] = {4, 2, 1, 0};
  std::array<int, 20> y{};
  y.fill(9);
  reference::conv1d(tensor_view<int const>(x, {4, 4, 1}, layout::ntc, lengths), tensor_view<int>(y.data(), {4, 5, 1}),
                    2, 1, 1, 1, weight, bias);
  return y;
}
static_assert(ragged_conv() == std::array{510, 521, 532, 543, 504,  //
                                          510, 521, 502, 0,   0,    //
                                          510, 501, 0,   0,   0,    //
                                          500, 0,   0,   0,   0});

// --- depthwise_conv1d ------------------------------------------------------------------------------------------------

// Filters 1 10 100 and 2 0 0 on 1 2 3 4 and 5 6 7 8, in a sequence of 4 frames and one of 2.
constexpr std::array<int, 16> depthwise(bool as_conv1d) {
  int const x[] = {1, 5, 2, 6, 3, 7, 4, 8, 1, 5, 2, 6, 77, 77, 77, 77}, weight[] = {1, 10, 100, 2, 0, 0};
  index_t const lengths[] = {4, 2};
  std::array<int, 16> y{};
  y.fill(9);
  tensor_view<int const> const from(x, {2, 4, 2}, layout::ntc, lengths);
  tensor_view<int> const to(y.data(), {2, 4, 2});
  if (as_conv1d) {
    reference::conv1d(from, to, 3, 1, 1, 2, weight);
  } else {
    reference::depthwise_conv1d(from, to, 3, weight);
  }
  return y;
}
static_assert(depthwise(false) == std::array{210, 0, 321, 10, 432, 12, 43, 14, 210, 0, 21, 10, 0, 0, 0, 0});
static_assert(depthwise(false) == depthwise(true));

// --- mean_pool -------------------------------------------------------------------------------------------------------

constexpr std::array<double, 4> pooled() {
  double const x[] = {1, 10, 2, 20, 6, 60, 4, 40, 5, 50, 99, 99};
  index_t const lengths[] = {3, 2};
  std::array<double, 4> y{};
  reference::mean_pool(tensor_view<double const>(x, {2, 3, 2}, layout::ntc, lengths),
                       tensor_view<double>(y.data(), {2, 1, 2}));
  return y;
}
static_assert(pooled() == std::array{3., 30., 4.5, 45.});

}  // namespace

TEST_CASE("Definitions: mean_pool of no frames is NaN", "[nn][reference]") {
  float y = 0;
  reference::mean_pool<float>(tensor_view<float const>(nullptr, {1, 0, 1}), tensor_view<float>(&y, {1, 1, 1}));
  CHECK(std::isnan(y));
}

TEST_CASE("Definitions: gelu", "[nn][reference]") {
  double const x[] = {-3, -.5, 0, 1, 2.5};
  std::vector<double> y(5);
  reference::gelu(tensor_view<double const>(x, {1, 1, 5}), tensor_view<double>(y.data(), {1, 1, 5}));
  // p(F.gelu(torch.tensor([-3., -.5, 0., 1., 2.5])))
  check_close(y, {-0.00404969409489031, -0.154268769362993, 0, 0.841344746068543, 2.48447583668556});
  // Far out, where 1 + erf(x / sqrt 2) would be 0: -20 Phi(-20), with Phi(-20) from tables.
  CHECK(std::fabs(reference::gelu(-20.) / (-20 * 2.753624118606233e-89) - 1) <= 1e-12);
}

TEST_CASE("Definitions: layer_norm", "[nn][reference]") {
  double const x[] = {1, 2, 4, 9, 5, 5, 5, 5}, weight[] = {1, 2, -1, .5}, bias[] = {0, 1, 2, 3};
  std::vector<double> y(8);
  reference::layer_norm(tensor_view<double const>(x, {1, 2, 4}), tensor_view<double>(y.data(), {1, 2, 4}), weight, bias,
                        1e-5);
  // p(F.layer_norm(torch.tensor([[1., 2., 4., 9.], [5., 5., 5., 5.]]), (4,), torch.tensor([1., 2., -1., .5]),
  //                torch.tensor([0., 1., 2., 3.]), 1e-5))
  check_close(y, {-0.973328014506808, -0.297770686009077, 2, 3.81110667875567, 0, 1, 2, 3});
}

TEST_CASE("Definitions: mlp", "[nn][reference]") {
  auto const x = ramp<6>(), w1 = ramp<6>(), w2 = ramp<6>();
  auto const b1 = ramp<3>();
  auto const b2 = ramp<2>();
  std::vector<double> y(6);
  reference::mlp(tensor_view<double const>(x.data(), {1, 3, 2}), tensor_view<double>(y.data(), {1, 3, 2}), 3, w1, b1,
                 w2, b2);
  // p(F.linear(F.gelu(F.linear(r(1, 3, 2), r(3, 2), r(3))), r(2, 3), r(2)))
  check_close(y, {-0.253449813868666, 0.506223007424581, -0.153515820492677, 0.552803797931236, -0.382200004415519,
                  0.269658075163395});
}

TEST_CASE("Definitions: lstm, two directions of ragged sequences", "[nn][reference]") {
  // m = torch.nn.LSTM(2, 2, bidirectional=True, batch_first=True)
  // for i, (n, t) in enumerate(m.named_parameters()): t.data = r(*t.shape) * (2 if i > 3 else 1)
  auto const weight = ramp<16>();
  auto const bias = ramp<8>();
  auto twice = weight;
  auto twice_bias = bias;
  for (double& w : twice) w *= 2;
  for (double& b : twice_bias) b *= 2;
  auto const one = ramp<6>();
  std::vector<double> x(one.begin(), one.end()), y(24, 9.);
  x.insert(x.end(), one.begin(), one.begin() + 4);
  x.insert(x.end(), 2, std::nan(""));
  index_t const lengths[] = {3, 2};
  tensor_view<double const> const from(x.data(), {2, 3, 2}, layout::ntc, lengths);
  tensor_view<double> const to(y.data(), {2, 3, 4});
  reference::lstm(from, to.slice_channels(0, 2), false, weight, weight, bias, bias);
  reference::lstm(from, to.slice_channels(2, 2), true, twice, twice, twice_bias, twice_bias);
  // p(m(r(1, 3, 2))[0]); p(m(r(1, 3, 2)[:, :2])[0])
  check_close(y, {0.17836126496139,
                  -0.206331242622269,
                  0.15715299371848,
                  -0.442388639002142,
                  0.220667890803916,
                  -0.422430731549893,
                  0.152197504323643,
                  -0.548010503982161,
                  0.120309116355137,
                  -0.40994732073947,
                  0.0384854482045725,
                  -0.298724466420642,
                  0.17836126496139,
                  -0.206331242622269,
                  0.171827049731461,
                  -0.436242511629033,
                  0.220667890803916,
                  -0.422430731549893,
                  0.179498628577481,
                  -0.469931082761165,
                  0,
                  0,
                  0,
                  0});
}

TEST_CASE("Definitions: self_attention with every kind of position", "[nn][reference]") {
  // def att(x, w, b, H, kind, table):   # kind 0, 1, 2: absolute, relative_key, relative_key_query
  //   D = x.shape[-1]; d = D // H; L = x.shape[1]; R = (table.shape[0] + 1) // 2
  //   q, k, v = F.linear(x, w, b)[0].reshape(L, 3, H, d).permute(1, 2, 0, 3)
  //   s = q @ k.transpose(1, 2)
  //   P = table[torch.arange(L)[:, None] - torch.arange(L)[None] + R - 1]
  //   if kind > 0: s = s + torch.einsum('hld,lrd->hlr', q, P)
  //   if kind > 1: s = s + torch.einsum('hrd,lrd->hlr', k, P)
  //   return (torch.softmax(s / math.sqrt(d), -1) @ v).transpose(0, 1).reshape(L, D)
  // for kind in range(3): p(att(r(1, 3, 4), r(12, 4), r(12), 2, kind, r(7, 2)))
  std::vector<double> const want[] = {{-0.451731628677546, 0.411502576549306, -0.0122793927558456, -0.209869208926762,
                                       -0.414236648316998, 0.499165482986202, -0.000668855598064698, -0.167413388111561,
                                       -0.412873083077184, 0.462685441648691, -0.0405040030422595, -0.222083510539603},
                                      {-0.46615541517095, 0.42963120083118, -0.0530709178867754, -0.220785327174419,
                                       -0.500437994805527, 0.56949101042575, -0.0687629713820112, 0.0281932511574039,
                                       -0.375981601093753, 0.488455846164931, -0.0475850621258004, -0.282920288966032},
                                      {-0.455894222331328, 0.496122620165911, -0.0574274274438141, -0.115419764201622,
                                       -0.488508435408776, 0.533336688252129, -0.0277842755284684, -0.0659252995471337,
                                       -0.417945523611306, 0.452149122716308, -0.096714230862031, -0.337076944597224}};
  auto const weight = ramp<48>();
  auto const bias = ramp<12>(), one = ramp<12>();
  auto const table = ramp<14>();
  // A second sequence ends after 3 frames, and has 4.
  std::vector<double> x(one.begin(), one.end());
  x.insert(x.end(), 4, std::nan(""));
  index_t const lengths[] = {3};
  for (int kind = 0; kind < 3; ++kind) {
    INFO(kind);
    std::vector<double> y(16, 9.);
    reference::self_attention(tensor_view<double const>(x.data(), {1, 4, 4}, layout::ntc, lengths),
                              tensor_view<double>(y.data(), {1, 4, 4}), 2, weight, bias,
                              static_cast<frame_positions>(kind),
                              kind == 0 ? std::span<double const>() : std::span<double const>(table));
    auto ragged = want[kind];
    ragged.resize(16, 0.);
    check_close(y, ragged);
  }
}

TEST_CASE("Definitions: the four placements", "[nn][reference]") {
  float const x[] = {1, 2, 4};
  auto const tenfold = [](tensor_view<float const> const& from, tensor_view<float> const& to) {
    for (index_t t = 0; t < 3; ++t) to(0, t, 0) = 10 * from(0, t, 0);
  };
  auto const result = [&](placement where) {
    std::vector<float> y(3);
    reference::residual(tenfold, where, tshift::shift_plan(1, {{0, 1, 1}}), tensor_view<float const>(x, {1, 3, 1}),
                        tensor_view<float>(y.data(), {1, 3, 1}));
    return y;
  };
  CHECK(result(placement::none) == std::vector<float>{11, 22, 44});
  CHECK(result(placement::branch) == std::vector<float>{1, 12, 24});
  CHECK(result(placement::skip) == std::vector<float>{10, 21, 42});
  CHECK(result(placement::both) == std::vector<float>{0, 11, 22});
}

TEST_CASE("Definitions: weights of another type, and a number type of one's own", "[nn][reference]") {
  // 0.1f is not 0.1: it is computed in the type of y.
  float const weight[] = {0.1f, 3}, bias[] = {5};
  double const x[] = {1, -4};
  double y = 0;
  reference::linear<double, float>(tensor_view<double const>(x, {1, 1, 2}), tensor_view<double>(&y, {1, 1, 1}), weight,
                                   bias);
  CHECK(y == 5 + double(0.1f) - 12);
  // The tests' own: 5 + 2 * 1 + 3 * -4 = -5, from magnitudes of 5 + 2 + 12.
  using test_support::oracle::number;
  number const from[] = {number(1), number(-4)};
  double const whole[] = {2, 3}, five[] = {5};
  number to;
  reference::linear<number, double>(tensor_view<number const>(from, {1, 1, 2}), tensor_view<number>(&to, {1, 1, 1}),
                                    whole, five);
  CHECK(to.value == -5);
  CHECK(to.scale == 19);
  // gelu's error is relative to |x|, an exponential's to what its exponent was made from.
  CHECK(reference::gelu(number(-3.f, 7.f)).scale == 7);
  CHECK(exp(number(1) - number(1)).scale == 3);
  CHECK((number(-6) / number(-3) - number(2)).value == 0);
  CHECK((number(-6) / number(-3) - number(2)).scale == 4);
}
