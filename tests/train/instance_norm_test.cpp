// SPDX-License-Identifier: MIT
// train::instance_norm: one channel and many, images of one pixel, of less than a chunk and of many, lengths, shifts of
// x and of dy, threads, activations, channels far from zero.
#include <cstddef>
#include <vector>

#include <tshift/train/instance_norm.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"
#include "../support/train_forward.hpp"

namespace {

using namespace test_support;
using tshift::activation;

auto norm_of(index_t channels, activation const& f = {}, double eps = 1e-5) {
  return [=]<class T>(T, parameter_table&) { return tshift::train::instance_norm<T>(channels, f, eps); };
}

constexpr activation functions[] = {activation(), activation::relu(), activation::leaky_relu(0.3), activation::elu(0.7),
                                    activation::gelu()};

}  // namespace

TEST_CASE("train::instance_norm: gradients are slopes, and bits depend on nothing", "[train][instance_norm]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (activation const& f : functions) {
    bool const bends = f.which != activation::kind::none && f.which != activation::kind::gelu;
    for (index_t const channels : {1, 2, 7, 16, 19}) {
      for (index_t const space : {1, 5, 70}) {
        index_t const time = 1 + static_cast<index_t>(seed % 17);
        // A sequence of one pixel has no gradient; one of two that are alike has 1 / sqrt(eps) times a difference.
        train_draw const how{.dims = {4, time, channels, space},
                             .shifts = space > 1,
                             .zero_slope = time * space < 10,
                             .allowed_slope = time * space < 10 ? 1e-3 : 1e-6,
                             .allowed_float = time * space < 10 ? 1e-2 : 1e-5,
                             .bends = bends};
        check_training(norm_of(channels, f, 1e-2), how, seed++, sum);
      }
    }
  }
  check_training(norm_of(800, activation::gelu()), {.dims = {2, 9, 800, 7}}, seed++, sum);
  check_training(norm_of(1, activation::gelu()), {.dims = {2, 9, 1, 600}}, seed++, sum);  // places in several goes
  sum.print("instance_norm");
  REQUIRE(sum.cases == 77);
  REQUIRE(sum.gradients == 77);
}

TEST_CASE("train::instance_norm: lengths are those of x", "[train][instance_norm]") {
  check_dy_without_lengths(norm_of(20), {3, 40, 20, 7}, {40, 0, 17});
  check_dy_without_lengths(norm_of(1, activation::gelu()), {3, 40, 1, 70}, {40, 0, 17});
}

TEST_CASE("train::instance_norm: a channel's mean does not matter", "[train][instance_norm]") {
  tshift::train::instance_norm<float> const block(3);
  tshift::shape const dims{1, 8, 3, 8};
  random_bits random(3);
  auto const dy = uniform<float>(dims.size(), random);
  auto near = uniform<float>(dims.size(), random);
  for (float& each : near) each = static_cast<float>(static_cast<int>(each * 512)) / 512;  // exact beside 4096
  auto far = near;
  for (float& each : far) each += 4096;
  auto const back = [&](std::vector<float> const& x) {
    std::vector<float> y(x.size()), dx(x.size()), saved = block.make_saved(dims), room = block.make_workspace(dims);
    tensor_view<float const> const from(x, dims, dense);
    block.forward(from, tensor_view<float>(y, dims, dense), saved, room);
    block.backward(from, saved, tensor_view<float const>(dy, dims, dense), tensor_view<float>(dx, dims, dense), {},
                   room);
    return dx;
  };
  CHECK(relative_distance(back(far), back(near)) <= 1e-4);
}

TEST_CASE("train::instance_norm: inference's bits", "[train][instance_norm]") {
  for (activation const& f : functions) {
    for (index_t const channels : {1, 21}) {
      index_t const cases = check_forward(norm_of(channels, f, 1e-3),
                                          [&](auto const&, auto const& x, auto const& y) {
                                            using T = typename std::remove_cvref_t<decltype(y)>::element_type;
                                            tshift::nn::instance_norm<T> const block(channels, f, 1e-3);
                                            auto room = block.make_workspace(x.shape());
                                            block.forward(x, y, room);
                                          },
                                          {3, 20, channels, 9});
      REQUIRE(cases == forward_cases);
    }
  }
}

TEST_CASE("train::instance_norm: refuses", "[train][instance_norm]") {
  using tshift::train::instance_norm;
  CHECK(message_of([] { instance_norm<float>(-1); }) == "instance_norm: a size is -1, must be >= 0");
  CHECK(message_of([] { instance_norm<float>(1, {}, 0); }) == "instance_norm: eps = 0, must be > 0 and finite");
  CHECK(message_of([] {
          instance_norm<float>(1, {static_cast<activation::kind>(9), 0});
        }) == "instance_norm: activation = 9, must be a named activation");
}
