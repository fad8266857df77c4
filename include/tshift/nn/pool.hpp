// SPDX-License-Identifier: MIT
// The mean over time.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/nn/input.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/vectors.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// mean_pool, unchecked.
template <class Executor, class T>
void pool_rows(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y) {
  index_t const channels = x.shape().channels;
  kernel::row_split const split(x.shape().batch, 8 * x.shape().time * channels, 1);
  kernel::for_parts(exec, split.parts, [&x, &y, &split, channels](index_t part) {
    for (index_t n = split.begin(part); n < split.end(part); ++n) {
      T* const sum = y.at(n, 0, 0);
      index_t const length = x.base().length(n);
      for (index_t c = 0; c < channels; ++c) sum[c] = T(0);
      for (index_t t = 0; t < length; ++t) {
        for (channel_run<T> const run : x.runs(n, t)) {
          if (run.data == nullptr) continue;  // zeros
          kernel::map<xsimd::default_arch>(
              run.count, sum + run.begin, [](auto const& a, auto const& b) { return a + b; }, sum + run.begin,
              run.data);
        }
      }
      for (index_t c = 0; c < channels; ++c) sum[c] = sum[c] / static_cast<T>(length);
    }
  });
}

/// y[n, 0, c] = (sum over t < length of x[n, t, c]) / length
///
/// x [N, T, C], y [N, 1, C]. Lengths of x are honoured; a sequence of no frames gives NaN, as torch.mean does.
/// Frames are added in ascending order in T: relative error at most length * 2^-24 (float) of the sum of magnitudes.
/// Source: torch.mean(x, dim=1).
/// @param exec  shares the sequences out; not one bit depends on it
/// @param x     a view or shifted(view, plan)
/// @param y     other memory than x
/// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap; before the first write
template <class T, executor Executor>
void mean_pool(Executor&& exec, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  index_t const channels = x.shape().channels;
  detail::extent const to = detail::check_rows("mean_pool", "y", y, channels);
  detail::check_writable("mean_pool", to);
  if (to.dims.batch != x.shape().batch || to.dims.time != 1) {
    detail::fail("mean_pool: y is [%td, %td], must be [%td, 1]", to.dims.batch, to.dims.time, x.shape().batch);
  }
  detail::extent const from = detail::check_rows("mean_pool", "x", x.base(), channels);
  detail::check_fill("mean_pool", "x", x);
  detail::check_apart("mean_pool", from, to);
  pool_rows(exec, x.view(), y);
}

/// The same where it is called.
template <class T>
void mean_pool(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y) {
  detail::run_here exec;
  mean_pool(exec, x, y);
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
