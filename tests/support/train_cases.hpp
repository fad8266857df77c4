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
#include "distance.hpp"
#include "image_cases.hpp"
#include "nn_cases.hpp"
#include "thread_executor.hpp"

namespace test_support {

using tshift::train::parameter_table;

/// [N, T, C], and [N, T, F, C] of images.
inline constexpr tshift::layout dense = tshift::layout::ntsc;

/// Places of y; 1 of a block that makes frames.
template <class Block>
index_t places_of(Block const& block, index_t space) {
  if constexpr (tshift::train::image_block<Block>) return block.places(space);
  return 1;
}

/// Images lie in other ways than frames.
template <class Block, class T>
using placed_for = std::conditional_t<tshift::train::image_block<Block>, placed_image<T>, placed_tensor<T>>;

/// Whether blocks in T run without an executor as well. In double they do not: it would be compiled for what float shows.
template <class T>
inline constexpr bool runs_alone = std::is_same_v<T, float>;

/// This thread: no executor, or one of the type that the others have.
template <class T>
auto here_for() {
  if constexpr (runs_alone<T>) {
    return tshift::detail::run_here();
  } else {
    return any_executor(tshift::detail::run_here());
  }
}

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
    if (of.time != dims.time) return {memory.data(), of, dense};
    return {memory.data(), of, dense, lengths};
  }

  /// y and saved. @param from  x, or what takes its place
  template <class Executor>
  void forward(Executor&& exec, tshift::nn::input<T> const& from, result& to) const {
    tshift::shape const made{from.shape().batch, block.frames(from.shape().time), out.channels, out.space};
    to.y.assign(static_cast<std::size_t>(made.size()), around_outputs<T>);
    to.saved.assign(static_cast<std::size_t>(block.saved_size(from.shape())), around_inputs<T>);
    exact_workspace<T> workspace(block.workspace_size(from.shape()));
    block.forward(exec, from, tensor_view<T>(to.y.data(), made, dense), to.saved, workspace);
  }

  /// dx, and gradients added to.
  template <class Executor>
  void backward(Executor&& exec, tshift::nn::input<T> const& from, tshift::nn::input<T> const& above, result& to,
                bool want_dx = true) const {
    to.dx.assign(want_dx ? static_cast<std::size_t>(from.shape().size()) : 0, around_outputs<T>);
    to.gradients.resize(values.size());
    exact_workspace<T> workspace(block.workspace_size(from.shape()));
    tensor_view<T> const dx = want_dx ? tensor_view<T>(to.dx.data(), from.shape(), dense) : tensor_view<T>();
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
  bool bends = false;           ///< y is not smooth: differences are of smaller steps, and of x that is not shifted,
                                ///< for a shift makes equal numbers, and zeros
  index_t unit = 1;             ///< lengths are multiples of it,
  index_t shortest = 1;         ///< and 0 or this at least
  std::string_view rounding_from{};  ///< beginning, and
  std::string_view rounding{};       ///< end of a parameter's name that y does not depend on: its gradient is rounding

  /// Whether a parameter is such a one.
  bool rounds(std::string_view name) const {
    return !rounding.empty() && name.starts_with(rounding_from) && name.ends_with(rounding);
  }
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
  tshift::shape const out{how.dims.batch, block.frames(how.dims.time), block.outputs(),
                          places_of(block, how.dims.space)};
  trained<T, Block> one{table, block, how.dims, out, {}, {}, {}, {}, {}, {}};
  one.values = rounded(uniform<double>(table.size(), random));
  one.x = rounded(uniform<double>(how.dims.size(), random));
  one.dy = rounded(uniform<double>(out.size(), random));
  one.lengths = draw_lengths(how.dims.batch, how.dims.time, random);
  for (index_t& each : one.lengths) {
    each = each / how.unit * how.unit;
    if (each > 0 && each < how.shortest) each = how.shortest;
  }
  auto const plan = draw_plan(how.dims.channels, how.dims.time, random);
  auto const plan_dy = draw_plan(out.channels, out.time, random);
  if (how.shifts) one.plan = plan;
  // A shift of dy is for gradients frame by frame; frames behind a length of y are where lengths of x are.
  if (how.shifts && out.time == how.dims.time) one.plan_dy = plan_dy;
  one.block.pack(std::span<T const>(one.values));
  return one;
}

/// Where an element of dense memory lies.
inline std::size_t element_at(tshift::shape const& of, index_t n, index_t t, index_t c, index_t s) {
  return static_cast<std::size_t>(((n * of.time + t) * of.space + s) * of.channels + c);
}

/// Frames of y that belong to a sequence. A model may need more than one frame to make any.
template <class Block>
index_t frames_inside(Block const& block, index_t length) {
  if constexpr (requires { block.steps(length); }) {
    if (block.steps(length) == 0) return 0;
  }
  return length > 0 ? block.frames(length) : 0;
}

/// Slopes of <y, dy> in double, for every parameter and for what the block reads.
template <class Block>
void check_slopes(trained<double, Block>& one, train_draw const& how, train_totals& sum, random_bits& random) {
  auto here = here_for<double>();
  // S x and S dy in memory: the slopes are those of what is read.
  std::vector<double> read(one.x.size()), above(one.dy.size());
  tensor_view<double> const read_view(read.data(), one.dims, dense, one.lengths);
  tshift::shift(one.view(one.x, one.dims), read_view, one.plan.value_or(shift_plan(one.dims.channels, {})));
  auto const dy = one.above().view();
  tshift::reference::for_each_element(one.out, [&](index_t n, index_t t, index_t c, index_t s) {
    above[element_at(one.out, n, t, c, s)] = dy(n, t, c, s);
  });
  auto const value = [&](std::vector<double> const& x) {
    typename trained<double, Block>::result r;
    one.forward(here, one.view(x, one.dims), r);
    double total = 0;
    for (index_t n = 0; n < one.out.batch; ++n) {
      index_t const length = one.lengths.empty() ? one.dims.time : one.lengths[static_cast<std::size_t>(n)];
      for (index_t i = 0; i < frames_inside(one.block, length) * one.out.channels * one.out.space; ++i) {
        auto const at = element_at(one.out, n, 0, 0, 0) + static_cast<std::size_t>(i);
        total += r.y[at] * above[at];
      }
    }
    return total;
  };
  auto const got = one.all(here);
  double const step = how.bends ? 1e-7 : 1e-4;
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
  auto here = here_for<T>();
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
  tshift::shift(one.view(one.x, one.dims), tensor_view<T>(read.data(), one.dims, dense, one.lengths),
                one.plan.value_or(shift_plan(one.dims.channels, {})));
  auto const dy = one.above().view();
  bool zeros_behind = true;
  for (index_t n = 0; n < one.out.batch; ++n) {
    index_t const length = one.lengths.empty() ? one.dims.time : one.lengths[static_cast<std::size_t>(n)];
    tshift::shape const y_of_one{1, one.out.time, one.out.channels, one.out.space};
    tshift::reference::for_each_element(y_of_one, [&](index_t, index_t t, index_t c, index_t s) {
      above[element_at(one.out, n, t, c, s)] = t < frames_inside(one.block, length) ? dy(n, t, c, s) : around_inputs<T>;
    });
    tshift::shape const behind{1, one.dims.time - length, one.dims.channels, one.dims.space};
    tshift::reference::for_each_element(behind, [&](index_t, index_t t, index_t c, index_t s) {
      auto const at = element_at(one.dims, n, length + t, c, s);
      read[at] = around_inputs<T>;
      zeros_behind &= want.dx[at] == T(0);
    });
  }
  CHECK(zeros_behind);
  result const moved = one.all(here, one.view(read, one.dims), one.view(above, one.out));
  CHECK(equal_bits(moved.dx, want.dx));
  CHECK(equal_bits(moved.gradients, want.gradients));

  random_bits random(one.x.size());  // memory with gaps, in other orders
  placed_for<Block, T> from(one.dims, around_inputs<T>, random), with(one.out, around_inputs<T>, random);
  placed_for<Block, T> to(one.dims, around_outputs<T>, random);
  tshift::reference::for_each_element(one.dims, [&](index_t n, index_t t, index_t c, index_t s) {
    from.view(n, t, c, s) = one.x[element_at(one.dims, n, t, c, s)];
  });
  tshift::reference::for_each_element(one.out, [&](index_t n, index_t t, index_t c, index_t s) {
    with.view(n, t, c, s) = one.dy[element_at(one.out, n, t, c, s)];
  });
  tensor_view<T> x_there = from.view, dy_there = with.view;
  x_there.lengths = one.view(one.x, one.dims).lengths;
  dy_there.lengths = one.view(one.dy, one.out).lengths;
  std::vector<T> sums(want.gradients.size());
  exact_workspace<T> room(one.block.workspace_size(one.dims));
  one.block.backward(here, shifted_by<T>(one.plan, x_there), want.saved, shifted_by<T>(one.plan_dy, dy_there), to.view,
                     sums, room);
  CHECK(equal_bits(sums, want.gradients));
  bool same_dx = true;
  tshift::reference::for_each_element(one.dims, [&](index_t n, index_t t, index_t c, index_t s) {
    same_dx &= same_bits(to.view(n, t, c, s), want.dx[element_at(one.dims, n, t, c, s)]);
  });
  CHECK(same_dx);
  CHECK(to.gaps_untouched());

  if (how.cut) {  // one sequence after the other, each as long as it is
    result piece;
    for (index_t n = 0; n < one.dims.batch; ++n) {
      index_t const length = one.lengths.empty() ? one.dims.time : one.lengths[static_cast<std::size_t>(n)];
      if (length == 0) continue;
      index_t const made = one.block.frames(length);
      tshift::shape const in{1, length, one.dims.channels, one.dims.space}, y{1, made, one.out.channels, one.out.space};
      tensor_view<T const> const x(read.data() + element_at(one.dims, n, 0, 0, 0), in, dense);
      tensor_view<T const> const g(above.data() + element_at(one.out, n, 0, 0, 0), y, dense);
      one.forward(here, x, piece);
      one.backward(here, x, g, piece);
      INFO("sequence " << n << " alone");
      CHECK(
          same_bytes(piece.dx.data(), want.dx.data() + element_at(one.dims, n, 0, 0, 0), piece.dx.size() * sizeof(T)));
    }
    piece.gradients.resize(want.gradients.size());
    CHECK(equal_bits(piece.gradients, want.gradients));
  }

  if constexpr (runs_alone<T>) {  // no allocation in a step
    result calm = want;
    std::vector<T> workspace = one.block.make_workspace(one.dims);
    auto const x = one.input(), g = one.above();
    tensor_view<T> const y(calm.y.data(), one.out, dense), dx(calm.dx.data(), one.dims, dense);
    CHECK(allocations_in([&] {
            one.block.forward(x, y, calm.saved, workspace);
            one.block.backward(x, calm.saved, g, dx, calm.gradients, workspace);
          }) == 0);
  }
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
  auto straight = one;
  if (how.bends) straight.plan.reset();
  check_slopes(straight, how, sum, random);
  check_bits(one, how);
  check_bits(two, how);
  auto const want = one.all(here_for<double>());
  auto const got = two.all(here_for<float>());
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
