// SPDX-License-Identifier: MIT
// The forward pass of training against inference: the same bits, also past the lengths, wherever x lies. And the
// backward pass with a dy that says nothing of lengths: those of x decide.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "train_cases.hpp"

namespace test_support {

/// Inputs that check_forward draws, of both types.
inline constexpr index_t forward_cases = 24;

/// @param make   make(T(), table) gives a block whose parameters are in the table
/// @param infer  infer(values, input, y) is what inference makes of them
template <class T, class Make, class Infer>
index_t check_forward_of(Make const& make, Infer const& infer, tshift::shape const& dims) {
  random_bits random(77);
  index_t cases = 0;
  for (; cases < forward_cases / 2; ++cases) {
    INFO("case " << cases);
    parameter_table table;
    auto block = make(T(), table);
    auto const values = uniform<T>(table.size(), random);
    block.pack(std::span<T const>(values));
    placed_for<decltype(block), T> from(dims, around_inputs<T>, random);
    from.fill(uniform<T>(dims.size(), random, 3));
    auto const lengths = draw_lengths(dims.batch, dims.time, random);
    tensor_view<T const> x = from.view;
    x.lengths = lengths;
    auto const input = shifted_by(draw_plan(dims.channels, dims.time, random), x);
    tshift::shape const out{dims.batch, block.frames(dims.time), block.outputs(), places_of(block, dims.space)};
    placed_for<decltype(block), T> to(out, around_outputs<T>, random);
    std::vector<T> want(static_cast<std::size_t>(out.size()), around_outputs<T>);
    tensor_view<T> expected(want.data(), out, dense);
    if (out.time == dims.time) expected.lengths = lengths;
    infer(values, input, expected);
    auto saved = block.make_saved(dims), workspace = block.make_workspace(dims);
    block.forward(any_executor(thread_executor{2}), input, to.view, saved, workspace);
    bool same = true;
    tshift::reference::for_each_element(out, [&](index_t n, index_t t, index_t c, index_t s) {
      same &= same_bits(to.view(n, t, c, s), expected(n, t, c, s));
    });
    CHECK(same);
    CHECK(to.gaps_untouched());
  }
  return cases;
}

template <class Make, class Infer>
index_t check_forward(Make const& make, Infer const& infer, tshift::shape const& dims) {
  return check_forward_of<float>(make, infer, dims) + check_forward_of<double>(make, infer, dims);
}

/// dy is NaN past the lengths.
/// @param lengths  of x, one for each sequence
template <class T, class Make>
void check_dy_without_lengths_of(Make const& make, tshift::shape const& dims, std::vector<index_t> const& lengths) {
  parameter_table table;
  auto const block = make(T(), table);
  auto one = draw<T>(table, block, {.dims = dims, .shifts = false}, 57);
  one.lengths = lengths;
  auto here = here_for<T>();
  typename trained<T, std::remove_const_t<decltype(block)>>::result got;
  one.forward(here, one.input(), got);
  auto want = got;
  std::vector<T> clean = one.dy;
  for (index_t n = 0; n < one.out.batch; ++n) {
    index_t const inside = frames_inside(block, lengths[static_cast<std::size_t>(n)]);
    index_t const each = one.out.channels * one.out.space;
    for (index_t i = inside * each; i < one.out.time * each; ++i) {
      auto const at = static_cast<std::size_t>(n * one.out.time * each + i);
      one.dy[at] = around_inputs<T>;
      clean[at] = T(0);
    }
  }
  one.backward(here, one.input(), tensor_view<T const>(one.dy.data(), one.out, dense), got);
  one.backward(here, one.input(), tensor_view<T const>(clean.data(), one.out, dense), want);
  CHECK(equal_bits(got.dx, want.dx));
  CHECK(equal_bits(got.gradients, want.gradients));
  index_t moved = 0;
  for (T const each : got.dx) moved += each != T(0) && !std::isnan(each) ? 1 : 0;
  CHECK(moved > 0);
}

template <class Make>
void check_dy_without_lengths(Make const& make, tshift::shape const& dims, std::vector<index_t> const& lengths) {
  check_dy_without_lengths_of<float>(make, dims, lengths);
  check_dy_without_lengths_of<double>(make, dims, lengths);
}

}  // namespace test_support
