// SPDX-License-Identifier: MIT
// dx = J' dy + skip, as a residual block has it: what comes without a skip, and then the sum.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/sources.hpp>

#include "train_cases.hpp"

namespace test_support {

/// The skip is read through a shift. Of frames behind the length, dx is 0.
template <class T, class Make>
void check_skip_of(Make const& make, tshift::shape const& dims) {
  parameter_table table;
  auto const block = make(T(), table);
  auto const one = draw<T>(table, block, {.dims = dims}, 31);
  tshift::detail::run_here here;
  auto want = one.all(here), got = want;
  random_bits random(32);
  auto const values = uniform<T>(dims.size(), random);
  tensor_view<T const> const beside(values.data(), dims);
  auto const skip = tshift::shifted(beside, tshift::presets::shiftser(dims.channels, 4));
  tshift::nn::kernel::frame_rows<T> const rows{skip};
  tshift::nn::kernel::row_source<T> const source(rows);
  auto workspace = one.block.make_workspace(dims);
  auto const x = one.input(), dy = one.above();
  any_executor threads(thread_executor{3});
  got.gradients.assign(got.gradients.size(), T(0));
  one.block.run_back(threads, x.view(), want.saved.data(), dy.view(), tensor_view<T>(got.dx.data(), dims),
                     std::span<T>(got.gradients), tshift::nn::arena<T>("test", std::span<T>(workspace)), &source);
  index_t summed = 0;
  tshift::reference::for_each_element(dims, [&](index_t n, index_t t, index_t c, index_t) {
    if (t >= x.base().length(n)) return;
    want.dx[static_cast<std::size_t>((n * dims.time + t) * dims.channels + c)] += skip(n, t, c);
    ++summed;
  });
  CHECK(summed > 0);
  CHECK(equal_bits(got.dx, want.dx));
  CHECK(equal_bits(got.gradients, want.gradients));
}

template <class Make>
void check_skip(Make const& make, tshift::shape const& dims) {
  check_skip_of<float>(make, dims);
  check_skip_of<double>(make, dims);
}

}  // namespace test_support
