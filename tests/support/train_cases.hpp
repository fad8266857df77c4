// SPDX-License-Identifier: MIT
// What the tests of all trained blocks share. A block passes when its forward pass has inference's bits; its gradients are
// the slopes of <y, dy> in double, and not zero; and not one bit depends on shifts that are read through, padding, threads,
// or how a batch is cut.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tshift/train/block.hpp>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "nn_cases.hpp"
#include "thread_executor.hpp"

namespace test_support {

using tshift::train::parameter_table;

/// A block and everything of one call of it, in T. Values and inputs are rounded to float, so that both types see the same.
template <class T, class Block>
struct trained {
  parameter_table const& table;
  Block block;
  tshift::shape dims, out;
  std::vector<T> values, x, dy;
  std::vector<index_t> lengths;
  std::optional<shift_plan> plan, plan_dy;

  struct result {
    std::vector<T> y, saved, dx, gradients;
  };

  /// @param of  dims, or out: lengths are those of x, and a y with other frames has none
  tensor_view<T const> view(std::vector<T> const& memory, tshift::shape const& of) const {
    if (of.time != dims.time) return {memory.data(), of};
    return {memory.data(), of, tshift::layout::ntc, lengths};
  }

  /// y and saved. @param from  x, or what takes its place
  template <class Executor>
  void forward(Executor&& exec, tshift::nn::input<T> const& from, result& to) const {
    index_t const batch = from.shape().batch, time = block.frames(from.shape().time);
    to.y.assign(static_cast<std::size_t>(batch * time * out.channels), around_outputs<T>);
    to.saved.assign(static_cast<std::size_t>(block.saved_size(from.shape())), around_inputs<T>);
    exact_workspace<T> workspace(block.workspace_size(from.shape()));
    block.forward(exec, from, tensor_view<T>(to.y.data(), {batch, time, out.channels}), to.saved, workspace);
  }

  /// dx, and gradients added to.
  template <class Executor>
  void backward(Executor&& exec, tshift::nn::input<T> const& from, tshift::nn::input<T> const& above, result& to,
                bool want_dx = true) const {
    to.dx.assign(want_dx ? static_cast<std::size_t>(from.shape().size()) : 0, around_outputs<T>);
    to.gradients.resize(values.size());
    exact_workspace<T> workspace(block.workspace_size(from.shape()));
    tensor_view<T> const dx = want_dx ? tensor_view<T>(to.dx.data(), from.shape()) : tensor_view<T>();
    block.backward(exec, from, to.saved, above, dx, to.gradients, workspace);
  }

  template <class Executor>
  result all(Executor&& exec, tshift::nn::input<T> const& from, tshift::nn::input<T> const& above) const {
    result r;
    forward(exec, from, r);
    backward(exec, from, above, r);
    return r;
  }

  tshift::nn::input<T> input() const { return shifted_by(plan, view(x, dims)); }
  tshift::nn::input<T> above() const { return shifted_by(plan_dy, view(dy, out)); }
  template <class Executor>
  result all(Executor&& exec) const {
    return all(exec, input(), above());
  }
};

template <class T>
bool equal_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && same_bytes(a.data(), b.data(), a.size() * sizeof(T));
}

/// |a - b| / |b|, L2.
template <class A, class B>
double relative_distance(std::vector<A> const& a, std::vector<B> const& b) {
  double off = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    off += d * d;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return size > 0 ? std::sqrt(off / size) : off == 0 ? 0 : std::numeric_limits<double>::infinity();
}

/// The square root of the sum of squares.
template <class T>
double l2(std::span<T const> v) {
  double sum = 0;
  for (T const each : v) sum += static_cast<double>(each) * static_cast<double>(each);
  return std::sqrt(sum);
}
template <class T>
double l2(std::vector<T> const& v) {
  return l2(std::span<T const>(v));
}

struct train_totals {
  index_t cases = 0, gradients = 0;
  double worst_slope = 0, worst_float = 0;

  void print(char const* name) const {
    std::cout << "train, " << name << ": " << cases << " cases, " << gradients << " gradients; worst against slopes "
              << worst_slope << " (double), of float against double " << worst_float << '\n';
  }
};

/// How a case is drawn.
struct train_draw {
  tshift::shape dims;           ///< of x
  bool shifts = true;           ///< whether x and dy may be shifted
  bool zero_slope = false;      ///< gradients that must be zero are allowed: no frame has a gradient
  double allowed_slope = 1e-6;  ///< of slopes, relative to the size of the gradient
  double allowed_float = 1e-5;  ///< of float against double
  bool cut = true;              ///< whether the sequences of a batch may come one by one
  std::string_view rounding{};  ///< end of a parameter's name that y does not depend on: its gradient is rounding

  /// Whether a parameter is such a one.
  bool rounds(std::string_view name) const { return !rounding.empty() && name.ends_with(rounding); }
};

/// Draws everything but the block.
template <class T, class Block>
trained<T, Block> draw(parameter_table const& table, Block const& block, train_draw const& how, std::uint64_t seed) {
  random_bits random(seed);
  auto const rounded = [](std::vector<double> const& from) {
    std::vector<T> to;
    for (double const v : from) to.push_back(static_cast<T>(static_cast<float>(v)));
    return to;
  };
  tshift::shape const out{how.dims.batch, block.frames(how.dims.time), block.outputs()};
  trained<T, Block> one{table, block, how.dims, out, {}, {}, {}, {}, {}, {}};
  one.values = rounded(uniform<double>(table.size(), random));
  one.x = rounded(uniform<double>(how.dims.size(), random));
  one.dy = rounded(uniform<double>(out.size(), random));
  one.lengths = draw_lengths(how.dims.batch, how.dims.time, random);
  auto const plan = draw_plan(how.dims.channels, how.dims.time, random);
  auto const plan_dy = draw_plan(out.channels, out.time, random);
  if (how.shifts) one.plan = plan;
  // A shift of dy is for gradients frame by frame; frames behind a length of y are where lengths of x are.
  if (how.shifts && out.time == how.dims.time) one.plan_dy = plan_dy;
  one.block.pack(std::span<T const>(one.values));
  return one;
}

/// Frames of y that belong to a sequence.
template <class Block>
index_t frames_inside(Block const& block, index_t length) {
  return length > 0 ? block.frames(length) : 0;
}

/// Slopes of <y, dy> in double, for every parameter and for what the block reads.
template <class Block>
void check_slopes(trained<double, Block>& one, train_draw const& how, train_totals& sum, random_bits& random) {
  tshift::detail::run_here here;
  // S x and S dy in memory: the slopes are those of what is read.
  std::vector<double> read(one.x.size()), above(one.dy.size());
  tensor_view<double> const read_view(read.data(), one.dims, tshift::layout::ntc, one.lengths);
  tshift::shift(one.view(one.x, one.dims), read_view, one.plan.value_or(shift_plan(one.dims.channels, {})));
  auto const dy = one.above().view();
  tshift::reference::for_each_element(one.out, [&](index_t n, index_t t, index_t c, index_t) {
    above[static_cast<std::size_t>((n * one.out.time + t) * one.out.channels + c)] = dy(n, t, c);
  });
  auto const value = [&](std::vector<double> const& x) {
    typename trained<double, Block>::result r;
    one.forward(here, one.view(x, one.dims), r);
    double total = 0;
    for (index_t n = 0; n < one.out.batch; ++n) {
      index_t const length = one.lengths.empty() ? one.dims.time : one.lengths[static_cast<std::size_t>(n)];
      for (index_t i = 0; i < frames_inside(one.block, length) * one.out.channels; ++i) {
        auto const at = static_cast<std::size_t>(n * one.out.time * one.out.channels + i);
        total += r.y[at] * above[at];
      }
    }
    return total;
  };
  auto const got = one.all(here);
  double const step = 1e-4;
  // Two central differences, of step h and h / 2, extrapolated: an error of h^4.
  auto const slope_of = [&](std::function<double(double)> const& f) {
    double const wide = (f(step) - f(-step)) / (2 * step), near = (f(step / 2) - f(-step / 2)) / step;
    return (4 * near - wide) / 3;
  };
  auto const compare = [&](std::string const& what, double slope, double expected, double size) {
    INFO(what);
    CHECK((how.zero_slope || size > 0));
    double const off = size > 0 ? std::fabs(slope - expected) / size : std::fabs(slope - expected);
    CHECK(off <= how.allowed_slope);
    sum.worst_slope = std::max(sum.worst_slope, off);
    ++sum.gradients;
  };
  std::vector<double> const values = one.values;
  for (auto const& each : one.table) {
    if (each.size == 0) continue;
    std::span<double const> const own(got.gradients.data() + each.offset, static_cast<std::size_t>(each.size));
    if (how.rounds(each.name)) {
      INFO(each.name);
      CHECK(l2(own) <= 1e-12 * l2(got.gradients));
      continue;
    }
    auto const direction = uniform<double>(each.size, random);
    double expected = 0;
    for (index_t i = 0; i < each.size; ++i) {
      expected += direction[static_cast<std::size_t>(i)] * got.gradients[static_cast<std::size_t>(each.offset + i)];
    }
    double const slope = slope_of([&](double h) {
      one.values = values;
      for (index_t i = 0; i < each.size; ++i) {
        one.values[static_cast<std::size_t>(each.offset + i)] += h * direction[static_cast<std::size_t>(i)];
      }
      one.block.pack(std::span<double const>(one.values));
      return value(read);
    });
    compare(each.name, slope, expected, l2(own) * l2(direction));
  }
  one.values = values;
  one.block.pack(std::span<double const>(values));
  auto const direction = uniform<double>(one.dims.size(), random);
  double expected = 0;
  for (std::size_t i = 0; i < direction.size(); ++i) expected += direction[i] * got.dx[i];
  double const slope = slope_of([&](double h) {
    std::vector<double> moved = read;
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += h * direction[i];
    return value(moved);
  });
  compare("x", slope, expected, l2(got.dx) * l2(direction));
}

/// What must not change a bit. Each comparison names itself.
template <class T, class Block>
void check_bits(trained<T, Block> const& one, train_draw const& how) {
  tshift::detail::run_here here;
  using result = typename trained<T, Block>::result;
  result const want = one.all(here);
  auto const same = [&want](result const& got, char const* what) {
    INFO(what);
    CHECK(equal_bits(got.y, want.y));
    CHECK(equal_bits(got.dx, want.dx));
    CHECK(equal_bits(got.gradients, want.gradients));
  };
  same(one.all(any_executor(thread_executor{2})), "two threads");
  same(one.all(any_executor(thread_executor{7})), "seven threads");
  same(one.all(any_executor(reversed_executor{})), "parts in reverse");

  result again = want;  // saved is read, not used up; gradients are added to
  one.backward(here, one.input(), one.above(), again);
  CHECK(equal_bits(again.saved, want.saved));
  CHECK(equal_bits(again.dx, want.dx));
  result without;
  without.saved = want.saved;
  one.backward(here, one.input(), one.above(), without, false);
  CHECK(equal_bits(without.gradients, want.gradients));

  // S x and S dy in memory, NaN behind the lengths, and dx there zero.
  std::vector<T> read(one.x.size()), above(one.dy.size());
  tshift::shift(one.view(one.x, one.dims), tensor_view<T>(read.data(), one.dims, tshift::layout::ntc, one.lengths),
                one.plan.value_or(shift_plan(one.dims.channels, {})));
  auto const dy = one.above().view();
  for (index_t n = 0; n < one.out.batch; ++n) {
    index_t const length = one.lengths.empty() ? one.dims.time : one.lengths[static_cast<std::size_t>(n)];
    for (index_t t = 0; t < one.out.time; ++t) {
      for (index_t c = 0; c < one.out.channels; ++c) {
        above[static_cast<std::size_t>((n * one.out.time + t) * one.out.channels + c)] =
            t < frames_inside(one.block, length) ? dy(n, t, c) : around_inputs<T>;
      }
    }
    for (index_t t = length; t < one.dims.time; ++t) {
      for (index_t c = 0; c < one.dims.channels; ++c) {
        auto const at = static_cast<std::size_t>((n * one.dims.time + t) * one.dims.channels + c);
        read[at] = around_inputs<T>;
        CHECK(want.dx[at] == T(0));
      }
    }
  }
  result const moved = one.all(here, one.view(read, one.dims), one.view(above, one.out));
  CHECK(equal_bits(moved.dx, want.dx));
  CHECK(equal_bits(moved.gradients, want.gradients));

  if (how.cut) {  // one sequence after the other, each as long as it is
    result piece;
    for (index_t n = 0; n < one.dims.batch; ++n) {
      index_t const length = one.lengths.empty() ? one.dims.time : one.lengths[static_cast<std::size_t>(n)];
      if (length == 0) continue;
      index_t const made = one.block.frames(length);
      tensor_view<T const> const x(read.data() + n * one.dims.time * one.dims.channels, {1, length, one.dims.channels});
      tensor_view<T const> const g(above.data() + n * one.out.time * one.out.channels, {1, made, one.out.channels});
      one.forward(here, x, piece);
      one.backward(here, x, g, piece);
      INFO("sequence " << n << " alone");
      CHECK(same_bytes(piece.dx.data(), want.dx.data() + n * one.dims.time * one.dims.channels,
                       piece.dx.size() * sizeof(T)));
    }
    piece.gradients.resize(want.gradients.size());
    CHECK(equal_bits(piece.gradients, want.gradients));
  }

  result calm = want;  // no allocation in a step
  std::vector<T> workspace = one.block.make_workspace(one.dims);
  auto const x = one.input(), g = one.above();
  tensor_view<T> const y(calm.y.data(), one.out), dx(calm.dx.data(), one.dims);
  CHECK(allocations_in([&] {
          one.block.forward(x, y, calm.saved, workspace);
          one.block.backward(x, calm.saved, g, dx, calm.gradients, workspace);
        }) == 0);
}

/// One drawn case of a block, in double and in float.
/// @param make  make(T(), table) gives a block whose parameters are in the table
template <class Make>
void check_training(Make const& make, train_draw const& how, std::uint64_t seed, train_totals& sum) {
  INFO("[" << how.dims.batch << ", " << how.dims.time << ", " << how.dims.channels << "], seed " << seed);
  random_bits random(seed + 1000);
  parameter_table of_double, of_float;
  auto const exact = make(double(), of_double);
  auto const single = make(float(), of_float);
  auto one = draw<double>(of_double, exact, how, seed);
  auto two = draw<float>(of_float, single, how, seed);
  check_slopes(one, how, sum, random);
  check_bits(one, how);
  check_bits(two, how);
  tshift::detail::run_here here;
  auto const want = one.all(here);
  auto const got = two.all(here);
  for (auto const& each : of_float) {
    auto const part = [&each](auto const& all) {
      return std::vector(all.begin() + each.offset, all.begin() + each.offset + each.size);
    };
    INFO(each.name);
    if (how.rounds(each.name)) {
      CHECK(l2(part(got.gradients)) <= how.allowed_float * l2(got.gradients));
      continue;
    }
    double const off = relative_distance(part(got.gradients), part(want.gradients));
    CHECK(off <= how.allowed_float);
    sum.worst_float = std::max(sum.worst_float, off);
  }
  double const off = relative_distance(got.dx, want.dx);
  CHECK(off <= how.allowed_float);
  sum.worst_float = std::max(sum.worst_float, off);
  ++sum.cases;
}

}  // namespace test_support
