// SPDX-License-Identifier: MIT
// train::schedules: what each promises, and the numbers that follow from ShiftSER's code. PyTorch's own
// ReduceLROnPlateau and LambdaLR are in golden/golden_optim_test.cpp.
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <tshift/train/schedule.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using test_support::message_of;
using tshift::index_t;
namespace schedules = tshift::train::schedules;

}  // namespace

TEST_CASE("train::schedules: cosine meets its peak and its floor", "[train][schedule]") {
  for (index_t const warm_up : {0, 1, 5, 99}) {
    schedules::cosine const rates{.peak = 2, .floor = 0.5, .steps = 100, .warm_up = warm_up};
    CHECK(rates.rate(warm_up) == 2);
    CHECK(rates.rate(100) == 0.5);
    CHECK(rates.rate(1000) == 0.5);
    for (index_t s = 0; s < 100; ++s) {
      CHECK(rates.rate(s) > (s < warm_up ? 0 : 0.5));
      CHECK(rates.rate(s) <= 2);
      if (s < warm_up) CHECK(rates.rate(s) < rates.rate(s + 1));
      if (s >= warm_up) CHECK(rates.rate(s) > rates.rate(s + 1));
    }
  }
  schedules::cosine const rates{.peak = 1, .floor = 0, .steps = 100, .warm_up = 4};
  CHECK(rates.rate(0) == Approx(0.2));
  CHECK(rates.rate(3) == Approx(0.8));
  CHECK(rates.rate(52) == Approx(0.5));
  CHECK(schedules::constant{3}.rate(17) == 3);
}

TEST_CASE("train::schedules: ShiftSER's as released", "[train][schedule]") {
  index_t const batches = 139, epochs = 100;
  schedules::as_released const rates{.steps = epochs * batches, .warm_up = 5 * batches};
  CHECK(rates.rate(0) == 5e-7);
  CHECK(rates.rate(1) == 5e-7);  // one late
  CHECK(rates.rate(2) == Approx(5e-7 + (5e-4 - 5e-7) / 695).epsilon(1e-14));
  CHECK(rates.rate(695) == Approx(4.993e-4).epsilon(1e-4));  // the highest
  CHECK(rates.rate(696) == Approx(4.970e-4).epsilon(1e-4));
  double highest = 0;
  for (index_t s = 0; s < epochs * batches; ++s) highest = std::max(highest, rates.rate(s));
  CHECK(highest == rates.rate(695));
  CHECK(highest < 5e-4);
  double const u = 13898.0 / 13900;
  CHECK(rates.rate(13899) == Approx(5e-6 + 0.5 * (5e-4 - 5e-6) * (1 + std::cos(std::acos(-1.0) * u))).epsilon(1e-14));
  CHECK(rates.rate(13901) == 5e-6);
  CHECK(schedules::as_released{.steps = 10}.rate(0) == 5e-4);  // without a warm-up

  schedules::as_released_fine_tuning const epochs_of{.steps = epochs * batches, .warm_up = 5 * batches};
  CHECK(epochs_of.rate(0) == 0);
  CHECK(epochs_of.rate(99) == Approx(7.122e-5).epsilon(1e-4));
  CHECK(epochs_of.rate(695) == 5e-4);
  CHECK(epochs_of.rate(1389) == 5e-4);
  CHECK(epochs_of.rate(13900) == 0);
  CHECK(epochs_of.rate(1390 + 6255) == Approx(2.5e-4));
}

TEST_CASE("train::schedules: plateau goes on where it was saved", "[train][schedule]") {
  double const metrics[] = {0.5, 0.6, 0.6, 0.59, std::numeric_limits<double>::quiet_NaN(), 0.7, 0.7, 0.7,
                            0.7, 0.1, 0.2, 0.3};
  schedules::plateau_options const options{.higher_is_better = true, .factor = 0.5, .patience = 1, .cooldown = 1};
  schedules::plateau whole(1, options);
  std::vector<double> rates;
  for (double const each : metrics) {
    whole.step(each);
    rates.push_back(whole.rate());
  }
  CHECK(rates == std::vector<double>{1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125});
  for (std::size_t cut = 0; cut < rates.size(); ++cut) {
    schedules::plateau first(1, options), second(1, options);
    for (std::size_t i = 0; i < cut; ++i) first.step(metrics[i]);
    second.restore(first.saved());
    for (std::size_t i = cut; i < rates.size(); ++i) {
      second.step(metrics[i]);
      CHECK(second.rate() == rates[i]);
    }
  }
  CHECK(message_of([] { schedules::plateau(-1); }) == "plateau: rate = -1, must be >= 0 and finite");
  CHECK(message_of([] { schedules::plateau(1, {.factor = 1}); }) == "plateau: factor = 1, must be in [0, 1)");
}

TEST_CASE("train::schedules: new_bob looks at the epoch before", "[train][schedule]") {
  schedules::new_bob rates(1);  // the example of its documentation
  rates.step(10);
  CHECK(rates.rate() == 1);
  rates.step(2);
  CHECK(rates.rate() == 1);
  rates.step(2.5);
  CHECK(rates.rate() == 0.5);
  rates.step(2.495);  // 0.2 % is not enough
  CHECK(rates.rate() == 0.25);
  rates.step(2.4);
  CHECK(rates.rate() == 0.25);
  rates.step(0);
  CHECK(rates.rate() == 0.25);
  rates.step(0);  // nothing is left to gain
  CHECK(rates.rate() == 0.125);

  schedules::new_bob patient(1, 0.9, 0.0025, 1), other(1, 0.9, 0.0025, 1);
  for (double const loss : {1.0, 1.0}) patient.step(loss);
  CHECK(patient.rate() == 1);
  other.restore(patient.saved());
  other.step(1);
  CHECK(other.rate() == 0.9);
  CHECK(other.saved().epochs == 3);
  CHECK(other.saved().patience == 1);
  CHECK(message_of([] { schedules::new_bob(1, -1); }) == "new_bob: factor = -1, must be >= 0 and finite");
}
