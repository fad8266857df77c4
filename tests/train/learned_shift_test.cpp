// SPDX-License-Identifier: MIT
// train::learned_shift: offsets near and far, all paddings, shifts of x and of dy; the slope at integers, the sparse form,
// and a search that finds an offset.
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/learned_offsets.hpp>
#include <tshift/train/learned_shift.hpp>

#include "../support/catch.hpp"
#include "../support/train_cases.hpp"

namespace {

using namespace test_support;
using tshift::interpolation;
using tshift::padding;

/// train::learned_shift with `reach` integers added to the offsets of every channel in turn: parameters are drawn from
/// [-1, 1), and offsets shall be further. Integers, because a difference is a slope only between them; that a drawn number
/// is so near to 0 that it shows, none of the seeds here does.
template <class T>
class far_shift : public tshift::train::frame_calls<far_shift<T>, T> {
 public:
  static constexpr char const* name = "learned_shift";

  far_shift(parameter_table& table, index_t channels, padding edge, index_t reach)
      : inner_(table, "shift", channels, edge), reach_(reach), moved_(static_cast<std::size_t>(channels)) {}

  index_t inputs() const { return inner_.inputs(); }
  index_t outputs() const { return inner_.outputs(); }
  index_t parameters_end() const { return inner_.parameters_end(); }
  index_t saved_size(tshift::shape const& x) const { return inner_.saved_size(x); }
  void layout(tshift::train::arena<T>& a, tshift::shape const& x) const { inner_.layout(a, x); }

  void pack(std::span<T const> values) {
    for (std::size_t c = 0; c < moved_.size(); ++c) {
      moved_[c] = values[c] + static_cast<T>(static_cast<index_t>(c * 7) % (2 * reach_ + 1) - reach_);
    }
    inner_.pack(moved_);
  }
  template <class Executor>
  void run(Executor& exec, tshift::shifted_view<T> const& x, tensor_view<T> const& y, T* saved,
           tshift::train::arena<T> a) const {
    inner_.run(exec, x, y, saved, a);
  }
  template <class Executor>
  void run_back(Executor& exec, tshift::shifted_view<T> const& x, T const* saved, tshift::shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, tshift::train::arena<T> a) const {
    inner_.run_back(exec, x, saved, dy, dx, gradients, a);
  }

 private:
  tshift::train::learned_shift<T> inner_;
  index_t reach_;
  std::vector<T> moved_;
};

}  // namespace

TEST_CASE("train::learned_shift: gradients are slopes, and bits depend on nothing", "[train][learned]") {
  train_totals sum;
  std::uint64_t seed = 1;
  for (padding const edge : paddings) {
    for (index_t const channels : {1, 7, 16, 50, 200}) {
      for (index_t const time : {1, 2, 9, 60}) {
        auto const make = [=]<class T>(T, parameter_table& table) {
          return far_shift<T>(table, channels, edge, seed % 2 == 0 ? 0 : time / 3);
        };
        check_training(make, {.dims = {3, time, channels}, .zero_slope = time < 60}, seed, sum);
        ++seed;
      }
    }
  }
  // In parts, whose number depends on the shape.
  auto const wide = []<class T>(T, parameter_table& table) {
    return tshift::train::learned_shift<T>(table, "shift", 330, padding::edge);
  };
  check_training(wide, {.dims = {3, 250, 330}}, 99, sum);
  sum.print("learned_shift");
  REQUIRE(sum.cases == 81);
  REQUIRE(sum.gradients == 162);
}

TEST_CASE("train::learned_shift: forward is the operator, in both forms, and so is backward", "[train][learned]") {
  random_bits random(7);
  for (interpolation const how : {interpolation::linear, interpolation::nearest}) {
    for (padding const edge : paddings) {
      tshift::shape const dims{2, 12, 45};
      parameter_table table;
      tshift::train::learned_shift<float> block(table, "mixer", 45, edge, how);
      REQUIRE(table.find("mixer.offset") != nullptr);
      CHECK_FALSE(table.begin()->decays);
      std::vector<float> offsets = uniform<float>(45, random, 4), gradients(45, 0.5f), slopes(45, 0.5f);
      offsets[3] = 2;  // an integer: the slope is the one to the right
      auto const x = uniform<float>(dims.size(), random), g = uniform<float>(dims.size(), random);
      std::vector<float> y(x.size()), dx(x.size()), want(x.size());
      std::vector<index_t> const lengths{12, 7};
      tensor_view<float const> const from(x.data(), dims, tshift::layout::ntc, lengths), above(g.data(), dims);
      tensor_view<float const> const ragged(g.data(), dims, tshift::layout::ntc, lengths);
      tensor_view<float> const to(want.data(), dims);
      block.pack(offsets);
      block.forward(from, tensor_view<float>(y.data(), dims), {});
      tshift::learned_shift(from, to, offsets, edge, how);
      CHECK(equal_bits(y, want));
      // dy needs no lengths of its own.
      block.backward(from, {}, above, tensor_view<float>(dx.data(), dims), gradients);
      tshift::learned_shift_adjoint(ragged, to, offsets, edge, how);
      for (index_t t = 7; t < 12; ++t) {
        for (index_t c = 0; c < 45; ++c) to(1, t, c) = 0;
      }
      CHECK(equal_bits(dx, want));
      tshift::learned_shift_slopes(from, ragged, offsets, std::span<float>(slopes), edge);
      CHECK(equal_bits(gradients, slopes));
    }
  }
}

TEST_CASE("train::learned_shift: what diverged is refused, and the old offsets stay", "[train][learned][errors]") {
  parameter_table table;
  tshift::train::learned_shift<double> block(table, "a", 3);
  std::vector<double> values{0.5, -1, 2};
  block.pack(values);
  values[0] = 7;
  values[1] = std::numeric_limits<double>::infinity();
  CHECK(message_of([&] { block.pack(values); }) == "learned_shift: offsets[1] = inf, must be within 2^30 frames");
  CHECK(std::vector<double>(block.offsets().begin(), block.offsets().end()) == std::vector<double>{0.5, -1, 2});
  CHECK(message_of([&] { tshift::train::learned_shift<double>(table, "b", 3, static_cast<padding>(9)); }) ==
        "learned_shift: padding = 9, must be a named padding");
}

TEST_CASE("Following the slope finds the offset that made the data, in both forms", "[train][learned]") {
  // Smooth signals: of white noise the slope says nothing about frames that are far.
  tshift::shape const dims{4, 64, 3};
  random_bits random(11);
  std::vector<double> x(static_cast<std::size_t>(dims.size())), y(x.size()), dy(x.size()), target(x.size());
  tensor_view<double> const signal(x.data(), dims);
  for (index_t n = 0; n < dims.batch; ++n) {
    for (index_t c = 0; c < 3; ++c) {
      double const phase = 3 * uniform<double>(1, random)[0], speed = 0.2 + 0.05 * uniform<double>(1, random)[0];
      for (index_t t = 0; t < dims.time; ++t) signal(n, t, c) = std::sin(phase + speed * static_cast<double>(t));
    }
  }
  std::vector<double> const truth{2, -3, 1};
  tshift::learned_shift(signal, tensor_view<double>(target.data(), dims), truth, padding::circular);
  for (interpolation const how : {interpolation::linear, interpolation::nearest}) {
    parameter_table table;
    tshift::train::learned_shift<double> block(table, "a", 3, padding::circular, how);
    std::vector<double> values{0.3, -0.2, -0.4}, gradients(3);
    for (int step = 0; step < 400; ++step) {
      block.pack(values);
      block.forward(signal, tensor_view<double>(y.data(), dims), {});
      for (std::size_t i = 0; i < y.size(); ++i) dy[i] = y[i] - target[i];
      gradients.assign(3, 0);
      block.backward(signal, {}, tensor_view<double>(dy.data(), dims), {}, gradients);
      for (std::size_t c = 0; c < 3; ++c) values[c] -= 0.02 * gradients[c];
    }
    CHECK(tshift::rounded<double>(values) == tshift::rounded<double>(truth));
  }
}
