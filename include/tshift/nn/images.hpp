// SPDX-License-Identifier: MIT
// What blocks of images read and write: [N, T, F, C], time being the height and space F the width, and the channels of
// a pixel neighbours. In a tensor_view that is shape {N, T, C, F} and, where memory is dense, layout::ntsc.
#pragma once

#include <tshift/macros/away.hpp>

#include <type_traits>

#include <tshift/nn/input.hpp>
#include <tshift/nn/options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses a view whose pixels are not `channels` neighbouring elements.
template <class T>
extent check_pixels(char const* operation, char const* name, tensor_view<T> const& view, index_t channels) {
  static_assert(std::is_floating_point_v<std::remove_const_t<T>>,
                "tshift: blocks compute in float or double; convert the tensor first");
  extent const result = check_view(operation, name, view);
  if (view.shape.channels != channels) {
    fail("%s: %s has %td channels, must have %td", operation, name, view.shape.channels, channels);
  }
  if (channels > 1 && view.strides.channels != 1) {
    fail("%s: %s has stride %td along channels, must be 1", operation, name, view.strides.channels);
  }
  return result;
}

/// Refuses an axis that no window moves along.
/// @param axis  "time" or "space"
inline void check_axis(char const* operation, char const* axis, window_axis const& w) {
  // What sizes are added from must not overflow; nobody looks at 2^40 frames at once.
  constexpr index_t most = index_t{1} << (index_bits > 40 ? 40 : 28);
  if (w.taps < 1 || w.taps > most) fail("%s: %s.taps = %td, must be in [1, %td]", operation, axis, w.taps, most);
  if (w.stride < 1 || w.stride > most) {
    fail("%s: %s.stride = %td, must be in [1, %td]", operation, axis, w.stride, most);
  }
  if (w.before < 0 || w.before > most) {
    fail("%s: %s.before = %td, must be in [0, %td]", operation, axis, w.before, most);
  }
  if (w.after < 0 || w.after > most) fail("%s: %s.after = %td, must be in [0, %td]", operation, axis, w.after, most);
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// What a block of images asks of its arguments: x [N, T, F, inputs], y [N, frames, places, outputs], apart from each
/// other, or the same where that is allowed.
/// @throws shape_error  naming what is wrong
template <class T>
void check_image_call(char const* name, input<T> const& x, index_t inputs, tensor_view<T> const& y, index_t frames,
                      index_t places, index_t outputs, detail::in_place same = detail::in_place::refused) {
  detail::extent const from = detail::check_pixels(name, "x", x.base(), inputs);
  detail::extent const to = detail::check_pixels(name, "y", y, outputs);
  detail::check_fill(name, "x", x);
  if (to.dims.batch != from.dims.batch || to.dims.time != frames || to.dims.space != places) {
    detail::fail("%s: y is [%td, %td, %td], must be [%td, %td, %td]", name, to.dims.batch, to.dims.time, to.dims.space,
                 from.dims.batch, frames, places);
  }
  detail::check_writable(name, to);
  if (!(from.dims == to.dims)) return detail::check_apart(name, from, to);
  if (detail::check_same_or_apart(name, from, to) && !to.empty()) {
    if (same == detail::in_place::refused) detail::fail("%s: y is x, must be other memory", name);
    if (x.is_shifted()) detail::fail("%s: y is x, which is shifted; must be other memory", name);
  }
}

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
