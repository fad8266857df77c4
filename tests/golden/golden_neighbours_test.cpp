// SPDX-License-Identifier: MIT
// CRNNs and vertical-patch ViTs against logits computed by PyTorch in double precision: neighbours.txt, see README.md.
#include <cstddef>
#include <iostream>
#include <vector>

#include <tshift/models/crnn.hpp>
#include <tshift/models/vertical_vit.hpp>

#include "../support/catch.hpp"
#include "../support/distance.hpp"
#include "../support/seeded_neighbours.hpp"
#include "neighbour_cases.hpp"

namespace {

using namespace test_support;
using tshift::tensor_view;

constexpr std::size_t golden_cases = 134;
constexpr std::size_t full_size_cases = 4;

/// Logits in the file's order.
template <class T>
std::vector<double> logits_of(neighbour_case const& c, tshift::weights::state_dict const& weights,
                              std::vector<T> const& values) {
  tshift::models::crnn<T> const model(weights, c.options);
  CHECK(model.channels() == c.crnn.channels);
  CHECK(model.classes() == c.crnn.classes);
  tensor_view<T const> const x(values.data(), {c.batch, c.time, c.crnn.channels, c.crnn.bands}, tshift::layout::ntsc,
                               c.lengths);
  std::vector<T> y(static_cast<std::size_t>(c.batch * c.crnn.classes)), workspace = model.make_workspace(x.shape);
  model.forward(x, tensor_view<T>(y.data(), {c.batch, 1, c.crnn.classes}), workspace);
  return {y.begin(), y.end()};
}

/// Logits and features.
template <class T>
std::vector<double> both_of(neighbour_case const& c, tshift::weights::state_dict const& weights,
                            std::vector<T> const& values) {
  tshift::models::vertical_vit<T> const model(weights, c.vit_options);
  index_t const K = c.vit.classes, D = c.vit.width;
  CHECK(model.is_teacher() == c.vit.teacher);
  CHECK(model.features() == D);
  CHECK(model.depth() == c.vit.layers);
  tensor_view<T const> const x(values.data(), {c.batch, c.time, c.vit.rows}, tshift::layout::ntc, c.lengths);
  std::vector<T> y(static_cast<std::size_t>(c.batch * K)), f(static_cast<std::size_t>(c.batch * D));
  std::vector<T> workspace = model.make_workspace(x.shape), again(y.size());
  tensor_view<T> const feature(f.data(), {c.batch, 1, D});
  model.forward_both(x, feature, tensor_view<T>(y.data(), {c.batch, 1, K}), workspace);
  model.forward(x, tensor_view<T>(again.data(), {c.batch, 1, K}), workspace);
  CHECK(y == again);
  std::vector<double> found;
  for (index_t n = 0; n < c.batch; ++n) {
    found.insert(found.end(), y.begin() + n * K, y.begin() + (n + 1) * K);
    found.insert(found.end(), f.begin() + n * D, f.begin() + (n + 1) * D);
  }
  return found;
}

/// All cases of full size, or all others.
template <class T>
void check_cases(double allowed, bool full_size) {
  std::size_t ran = 0;
  double worst = 0;
  auto const cases = read_neighbours();
  CHECK(cases.size() == golden_cases);
  for (neighbour_case const& c : cases) {
    if (c.full_size() != full_size) continue;
    INFO(c.title);
    auto const weights = c.is_vit ? seeded_neighbour<T>(c.vit, c.seed) : seeded_neighbour<T>(c.crnn, c.seed);
    std::vector<index_t> const pixels = c.is_vit ? std::vector<index_t>{c.batch, c.time, c.vit.rows}
                                                 : std::vector<index_t>{c.batch, c.time, c.crnn.bands, c.crnn.channels};
    std::vector<T> const x = seeded<T>("x", pixels, c.seed);
    REQUIRE(bit_sum<T>(weights) + bit_sum<T>(x) == c.bits);
    std::vector<double> const found = c.is_vit ? both_of<T>(c, weights, x) : logits_of<T>(c, weights, x);
    REQUIRE(found.size() == c.values.size());
    double const relative = relative_distance(found, c.values);
    CHECK(relative <= allowed);
    if (!(relative <= worst)) worst = relative;
    ++ran;
  }
  std::cout << "golden neighbours, " << (sizeof(T) == 4 ? "float" : "double") << ": " << ran
            << " cases, largest relative difference " << worst << '\n';
  REQUIRE(ran == (full_size ? full_size_cases : golden_cases - full_size_cases));
}

}  // namespace

TEST_CASE("golden.neighbours: logits are PyTorch's, in float to 1e-5") { check_cases<float>(1e-5, false); }
TEST_CASE("golden.neighbours: logits are PyTorch's, in double to 1e-8") { check_cases<double>(1e-8, false); }

TEST_CASE("models of full size, neighbours, give PyTorch's logits, in float to 1e-5") {
  check_cases<float>(1e-5, true);
}
TEST_CASE("models of full size, neighbours, give PyTorch's logits, in double to 1e-8") {
  check_cases<double>(1e-8, true);
}
