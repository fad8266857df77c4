// SPDX-License-Identifier: MIT
// Windows over images made one pixel each: the largest, or the mean, of every channel.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/nn/images.hpp>
#include <tshift/nn/kernel/pool2d.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses windows that no pool has.
inline void check_pool_windows(char const* operation, window_axis const& time, window_axis const& space) {
  check_axis(operation, "time", time);
  check_axis(operation, "space", space);
  for (window_axis const& axis : {time, space}) {
    if (axis.before != 0 || axis.after != 0) fail("%s: windows have zeros around the image, must have none", operation);
  }
}

/// What both pools refuse.
template <class T>
void check_pool(char const* operation, nn::input<T> const& x, tensor_view<T> const& y, window_axis const& time,
                window_axis const& space) {
  check_pool_windows(operation, time, space);
  shape const& in = x.shape();
  index_t const channels = y.shape.channels;
  nn::check_image_call(operation, x, channels, y, time.count(in.time), space.count(in.space), channels);
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// Windows of as many pixels as they are apart: each pixel is in one, and what is left over in none.
constexpr window_axis pooled(index_t taps) noexcept { return {taps, taps, 0, 0}; }

/// max_pool, unchecked.
template <class Executor, class T>
void max_pool_images(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, window_axis const& time,
                     window_axis const& space) {
  kernel::pool_images(exec, x, y, time, space, kernel::larger_of(), T(1));
}

/// y[n, t, p, c] = the largest of x[n, t time.stride + k, p space.stride + l, c] over k < time.taps, l < space.taps
///
/// x [N, T, F, C], y [N, time.count(T), space.count(F), C]. Windows lie inside the image; what they do not reach is
/// dropped. A sequence of length L has time.count(L) frames, and frames of y past them are zeros. NaN where a window
/// has one. Exact. Source: torch.nn.MaxPool2d on [N, C, T, F] without padding.
///
///   max_pool<float>(x, y, pooled(2), pooled(4));   // MaxPool2d((2, 4))
///
/// @param exec   shares the image's rows out; not one bit depends on it
/// @param x      a view or shifted(view, plan)
/// @param y      other memory than x
/// @param time   windows along time, without zeros
/// @param space  windows along space, without zeros
/// @throws shape_error  sizes disagree, channels are not neighbours, or the views overlap; before the first write
template <class T, executor Executor>
void max_pool(Executor&& exec, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y,
              window_axis const& time, window_axis const& space) {
  detail::check_pool("max_pool", x, y, time, space);
  if (y.size() > 0) max_pool_images(exec, x.view(), y, time, space);
}

/// The same where it is called.
template <class T>
void max_pool(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y, window_axis const& time,
              window_axis const& space) {
  detail::run_here exec;
  max_pool(exec, x, y, time, space);
}

/// avg_pool, unchecked.
template <class Executor, class T>
void avg_pool_images(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, window_axis const& time,
                     window_axis const& space) {
  kernel::pool_images(exec, x, y, time, space, kernel::sum_of_two(), static_cast<T>(time.taps * space.taps));
}

/// The same with the mean of the window. Pixels are added in ascending order, l fastest, in T: relative error at most
/// time.taps space.taps 2^-24 (float) of the sum of magnitudes. Source: torch.nn.AvgPool2d without padding.
template <class T, executor Executor>
void avg_pool(Executor&& exec, std::type_identity_t<input<T>> const& x, tensor_view<T> const& y,
              window_axis const& time, window_axis const& space) {
  detail::check_pool("avg_pool", x, y, time, space);
  if (y.size() > 0) avg_pool_images(exec, x.view(), y, time, space);
}

/// The same where it is called.
template <class T>
void avg_pool(std::type_identity_t<input<T>> const& x, tensor_view<T> const& y, window_axis const& time,
              window_axis const& space) {
  detail::run_here exec;
  avg_pool(exec, x, y, time, space);
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
