// SPDX-License-Identifier: MIT
// A residual block with a shift in it, as plain loops. See nn/reference.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/nn/options.hpp>
#include <tshift/nn/reference/frame.hpp>
#include <tshift/plan.hpp>
#include <tshift/reference.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn { namespace reference {

/// y = [S] x + f([S] x), each [S] there or not as the placement says
///
/// x, y [N, T, D]. S x is written to memory of its own. f(from, to) reads a tensor_view<T const> with the lengths of x
/// and writes the tensor_view<T> y.
template <class T, class F>
void residual(F const& f, placement where, shift_plan const& plan, read_only<T> x, tensor_view<T> y) {
  std::vector<T> memory(static_cast<std::size_t>(x.size()));
  tensor_view<T> const moved(memory.data(), x.shape, layout::ntc, x.lengths);
  tshift::reference::shift<T>(x, moved, plan);
  f(shifts_branch(where) ? tensor_view<T const>(moved) : x, y);
  for (index_t n = 0; n < y.shape.batch; ++n) {
    for (index_t t = 0; t < y.shape.time; ++t) {
      for (index_t c = 0; c < y.shape.channels; ++c) {
        y(n, t, c) = (shifts_skip(where) ? moved(n, t, c) : x(n, t, c)) + y(n, t, c);
      }
    }
  }
}

}}}}}  // namespace tshift::nn::reference

#include <tshift/macros/back.hpp>
