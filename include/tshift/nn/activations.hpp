// SPDX-License-Identifier: MIT
// GELU, the exact form with the error function.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/kernel/activations.hpp>
#include <tshift/nn/kernel/parts.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// gelu, unchecked.
template <class Executor, class T>
void gelu_rows(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y) {
  index_t const time = y.shape.time;
  auto const split = kernel::split_for<Executor>({y.shape.batch * time, 8 * y.shape.channels, 8});
  kernel::for_parts(exec, split.parts, [&x, &y, &split, time](index_t part) {
    for (index_t row = split.begin(part); row < split.end(part); ++row) {
      index_t const n = row / time, t = row % time;
      for (channel_run<T> const run : x.runs(n, t)) {
        T* const to = y.at(n, t, run.begin);
        if (run.data != nullptr) {
          kernel::map<xsimd::default_arch>(
              run.count, to, [](auto const& v) { return kernel::gelu(v); }, run.data);
        } else {
          for (index_t c = 0; c < run.count; ++c) to[c] = T(0);  // gelu(0)
        }
      }
    }
  });
}

/// y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 for every element. Source: Hendrycks, Gimpel 2016, arXiv:1606.08415;
/// torch.nn.functional.gelu(approximate="none").
///
/// Accuracy: float within 2e-7 |x|, which is what the rounding of PyTorch's own form leaves; double within 4e-16 |x|.
/// @param exec  shares the work out; not one bit depends on it
/// @param x  a view, or shifted(view, plan); channels are neighbours
/// @param y  of the same sizes; may be x itself if x is not shifted
/// @throws shape_error  sizes or strides disagree, or the views overlap otherwise; before the first write
template <class T, executor Executor>
void gelu(Executor&& exec, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::check_block("gelu", x, y.shape.channels, y, y.shape.channels, detail::in_place::allowed);
  gelu_rows(exec, x.view(), y);
}

/// The same where it is called.
template <class T>
void gelu(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::run_here exec;
  gelu(exec, x, y);
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
