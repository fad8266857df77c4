// SPDX-License-Identifier: MIT
// Offsets as numbers: the plan they round to, their penalty, and how they begin.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <tshift/learned_offsets.hpp>
#include <tshift/presets.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/weighted_cases.hpp"

namespace {

using namespace test_support;
using tshift::fold;
using tshift::padding;
using tshift::shift_plan;

}  // namespace

TEST_CASE("rounded: runs of equal offsets are folds", "[learned]") {
  double const offsets[] = {0.9, 1.2, -0.4, 0.49, 0.5, 1.49, 1.5, -0.5, -0.51, -1.5, -1.51};
  shift_plan const want(11, {fold{0, 2, 1}, fold{4, 2, 1}, fold{6, 1, 2}, fold{8, 2, -1}, fold{10, 1, -2}},
                        padding::keep);
  CHECK(tshift::rounded<double>(offsets, padding::keep) == want);
  CHECK(tshift::rounded<float>({}) == shift_plan(0, {}));
  CHECK(tshift::rounded<float>(std::vector<float>{0.2f, -0.3f, 0}) == shift_plan(3, {}));
  // 0.5 less the smallest step: adding a half would round it up.
  CHECK(tshift::rounded<double>(std::vector<double>{std::nextafter(0.5, 0.0)}) == shift_plan(1, {}));
  CHECK(tshift::rounded<float>(std::vector<float>{-1e-30f}) == shift_plan(1, {}));
}

TEST_CASE("rounded: as many folds as a plan holds", "[learned]") {
  std::vector<float> offsets;
  for (index_t i = 0; i < shift_plan::capacity; ++i) offsets.push_back(i % 2 == 0 ? 1.0f : -1.0f);
  offsets.insert(offsets.end(), 5, -1.0f);  // one longer
  CHECK(static_cast<index_t>(tshift::rounded<float>(offsets).folds().size()) == shift_plan::capacity);
  CHECK(tshift::rounded<float>(offsets).folds().back() == fold{15, 6, -1});
  char const* const sentence =
      "rounded: the offsets make more than 16 folds, which is what a plan holds; use learned_shift with "
      "interpolation::nearest";
  for (index_t more : {1, 2, 40}) {
    auto longer = offsets;
    for (; more > 0; --more) longer.insert(longer.end(), 2, more % 2 == 0 ? -1.0f : 1.0f);
    CHECK(message_of([&] { tshift::rounded<float>(longer); }) == sentence);
  }
  offsets[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(message_of([&] { tshift::rounded<float>(offsets); }) ==
        "rounded: offsets[3] = nan, must be within 2^30 frames");
}

TEST_CASE("The penalty draws offsets to 0, and the share counts who moves", "[learned]") {
  std::vector<double> const offsets{1.5, -2, 0, 0.25, -0.5};
  std::vector<double> gradients(5, 10.0);
  CHECK(tshift::add_offset_penalty<double>(offsets, 0.5, gradients) == 0.5 * 4.25);
  CHECK(gradients == std::vector<double>{10.5, 9.5, 10, 10.5, 9.5});
  CHECK(tshift::offset_penalty<double>(offsets, 0.5) == 0.5 * 4.25);
  CHECK(tshift::share_moved<double>(offsets) == 0.4);
  CHECK(tshift::share_moved<float>({}) == 0);
  CHECK(message_of([&] { tshift::add_offset_penalty<double>(offsets, 1, std::span(gradients).first(4)); }) ==
        "add_offset_penalty: gradients has 4 elements, offsets has 5");
}

TEST_CASE("How offsets begin", "[learned]") {
  std::vector<float> of_float(5000);
  std::vector<double> of_double(5000);
  tshift::start_uniform(std::span(of_float), 7);
  tshift::start_uniform(std::span(of_double), 7);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < of_float.size(); ++i) {
    REQUIRE(static_cast<double>(of_float[i]) == of_double[i]);
    REQUIRE((of_double[i] >= -1 && of_double[i] < 1));
    sum += of_double[i];
    squares += of_double[i] * of_double[i];
  }
  CHECK(std::fabs(sum / 5000) < 0.03);
  CHECK(std::fabs(squares / 5000 - 1.0 / 3) < 0.03);
  auto other = of_float;
  tshift::start_uniform(std::span(other), 8);
  CHECK(other != of_float);

  std::vector<float> paper(16);
  tshift::start_from(std::span(paper), tshift::presets::shiftser(16, 4, tshift::direction::both));
  CHECK(paper == std::vector<float>{1, 1, 1, 1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(tshift::rounded<float>(paper).folds().size() == 2);
  CHECK(message_of([&] { tshift::start_from(std::span(paper), shift_plan(5, {})); }) ==
        "start_from: plan has 5 channels, offsets has 16 elements");
  index_t const far = (index_t{1} << 30) + 1;
  CHECK(message_of([&] {
          tshift::start_from(std::span(paper), shift_plan(16, {{0, 2, 0}, {2, 3, -far}}));
        }) == "start_from: plan has offset -1073741825, must be within 2^30 frames");
  CHECK(paper[0] == 1);
  tshift::start_from(std::span(paper), shift_plan(16, {{0, 0, far}, {3, 1, 2}}));  // the first has no channel
  CHECK(paper == std::vector<float>{0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  tshift::start_zero(std::span(paper));
  CHECK(paper == std::vector<float>(16));
}
