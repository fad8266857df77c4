// SPDX-License-Identifier: MIT
// Models against logits computed by PyTorch in double precision: models.txt, see README.md.
#include <algorithm>
#include <cstddef>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>

#include "../support/catch.hpp"
#include "../support/distance.hpp"
#include "../support/seeded.hpp"
#include "model_cases.hpp"

namespace {

using tshift::index_t;

using test_support::golden_case;
using test_support::golden_cases;
using test_support::read_cases;

/// Calls body(model) with the model of a case.
template <class T, class Body>
void with_model(golden_case const& c, tshift::weights::state_dict const& weights, Body const& body) {
  if (c.model.kind == "cnn") {
    body(tshift::models::shift_cnn<T>(weights, c.shift));
  } else if (c.model.kind == "lstm" || c.model.kind == "shift_lstm") {
    body(tshift::models::shift_lstm<T>(weights, c.shift));
  } else {
    std::optional<tshift::frame_positions> kind;  // the default is relative_key_query where a table is there
    if (c.model.position == "relative_key") kind = tshift::frame_positions::relative_key;
    body(tshift::models::shiftformer<T>(weights, c.shift, kind));
  }
}

template <class T, class Model>
std::vector<T> logits_of(Model const& model, tshift::tensor_view<T const> const& x) {
  std::vector<T> y(static_cast<std::size_t>(x.shape.batch * model.classes()));
  std::vector<T> workspace(static_cast<std::size_t>(model.workspace_size(x.shape)));
  // What is not written before it is read would show as NaN.
  std::fill(workspace.begin(), workspace.end(), std::numeric_limits<T>::quiet_NaN());
  model.forward(x, tshift::tensor_view<T>(y.data(), {x.shape.batch, 1, model.classes()}), workspace);
  return y;
}

struct totals {
  std::size_t cases = 0, ragged = 0;
  double worst = 0;
};

/// One case, and of a ragged batch every sequence alone: the same bits.
template <class T>
void check(golden_case const& c, double tolerance, totals& sum) {
  INFO(c.title);
  auto const weights = test_support::seeded_weights<T>(c.model, c.seed);
  std::vector<T> const x = test_support::seeded<T>("x", {c.batch, c.time, c.model.width}, c.seed);
  REQUIRE(test_support::bit_sum<T>(weights) + test_support::bit_sum<T>(x) == c.bits);
  with_model<T>(c, weights, [&](auto const& model) {
    tshift::tensor_view<T const> const view(x.data(), {c.batch, c.time, c.model.width}, tshift::layout::ntc, c.lengths);
    std::vector<T> const y = logits_of<T>(model, view);
    REQUIRE(y.size() == c.logits.size());
    double const error = test_support::relative_distance(y, c.logits);
    CHECK(error <= tolerance);
    sum.worst = std::max(sum.worst, error);
    ++sum.cases;
    if (c.lengths.empty()) return;
    ++sum.ragged;
    for (index_t n = 0; n < c.batch; ++n) {
      tshift::tensor_view<T const> const alone(view.at(n, 0, 0), {1, view.length(n), c.model.width});
      std::vector<T> const one = logits_of<T>(model, alone);
      CHECK(std::equal(one.begin(), one.end(), y.begin() + n * model.classes()));
    }
  });
}

/// All cases of full size, or all others.
template <class T>
totals check_all(char const* type, double tolerance, bool full_size) {
  totals sum;
  auto const cases = read_cases();
  for (golden_case const& c : cases) {
    if ((c.model.width == 768) == full_size) check<T>(c, tolerance, sum);
  }
  std::cout << "models, " << type << ": " << sum.cases << " cases" << (full_size ? " of full size" : "") << ", "
            << sum.ragged << " ragged; worst relative error " << sum.worst << "\n";
  CHECK(cases.size() == golden_cases);
  return sum;
}

void check_small(totals const& sum) {
  CHECK(sum.cases == golden_cases - 8);
  CHECK(sum.ragged == 267);
}

}  // namespace

TEST_CASE("models give PyTorch's logits, in float to 1e-5") { check_small(check_all<float>("float", 1e-5, false)); }

// models.txt has 13 digits.
TEST_CASE("models give PyTorch's logits, in double to 1e-11") {
  check_small(check_all<double>("double", 1e-11, false));
}

TEST_CASE("models of full size give PyTorch's logits, in float to 1e-5") {
  CHECK(check_all<float>("float", 1e-5, true).cases == 8);
}

TEST_CASE("models of full size give PyTorch's logits, in double to 1e-11") {
  CHECK(check_all<double>("double", 1e-11, true).cases == 8);
}
