// SPDX-License-Identifier: MIT
// What blocks read and write: [N, T, D], rows of time with neighbouring channels, shifted or not; and the checks that
// all blocks share.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

#include <tshift/kernel/check.hpp>
#include <tshift/nn/workspace.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// x as a shift of nothing. Unchecked.
template <class T>
shifted_view<T> as_it_is(tensor_view<T const> const& x) noexcept {
  types::segment_list whole;
  whole.append(0, x.shape.channels, 0);
  return {x, whole, padding::zero, T(0)};
}

/// The input of a block: a tensor_view, or shifted(x, plan), which the block reads through without a copy.
/// Made implicitly where a block is called, which checks it. Vacated frames are zeros: blocks take no other fill value.
/// Holds a description (about 1 KiB), no elements.
template <class T>
class input {
 public:
  /// Rows as they lie in memory.
  input(tensor_view<T const> const& x) noexcept : view_(as_it_is(x)) {}
  /// The same of a writable view.
  input(tensor_view<T> const& x) noexcept : input(tensor_view<T const>(x)) {}
  /// Rows read through a shift.
  input(shifted_view<T> const& x) noexcept : view_(x), shifted_(true) {}

  /// What is read; a shift of nothing where x is a plain view.
  shifted_view<T> const& view() const noexcept { return view_; }
  /// Sizes of x.
  tshift::shape const& shape() const noexcept { return view_.shape(); }
  /// The memory it reads.
  tensor_view<T const> const& base() const noexcept { return view_.base(); }
  /// Whether a frame may come from other frames.
  bool is_shifted() const noexcept { return shifted_; }

 private:
  shifted_view<T> view_;
  bool shifted_ = false;
};

}}}}  // namespace tshift::nn

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Refuses a view whose rows are not `channels` neighbouring elements.
template <class T>
extent check_rows(char const* operation, char const* name, tensor_view<T> const& view, index_t channels) {
  static_assert(std::is_floating_point_v<std::remove_const_t<T>>,
                "tshift: blocks compute in float or double; convert the tensor first");
  extent const result = check_view(operation, name, view);
  if (view.shape.channels != channels) {
    fail("%s: %s has %td channels, must have %td", operation, name, view.shape.channels, channels);
  }
  if (view.shape.space != 1) fail("%s: %s has space %td, must be 1", operation, name, view.shape.space);
  if (channels > 1 && view.strides.channels != 1) {
    fail("%s: %s has stride %td along channels, must be 1", operation, name, view.strides.channels);
  }
  return result;
}

template <class T>
void check_fill(char const* operation, char const* name, nn::input<T> const& x) {
  if (x.view().fill() != T(0)) {
    fail("%s: %s is shifted with fill value %g, must be 0", operation, name, static_cast<double>(x.view().fill()));
  }
}

/// Whether an input may be the very memory of the output.
enum class in_place { refused, allowed };

/// Checks one input of a block against its output y: batch, time and lengths are equal, and they share no memory.
template <class T>
void check_input(char const* operation, char const* name, nn::input<T> const& x, index_t channels, extent const& y,
                 in_place same) {
  extent const from = check_rows(operation, name, x.base(), channels);
  check_fill(operation, name, x);
  if (y.dims.batch != from.dims.batch || y.dims.time != from.dims.time) {
    fail("%s: y is [%td, %td], %s is [%td, %td]; batch and time must be equal", operation, y.dims.batch, y.dims.time,
         name, from.dims.batch, from.dims.time);
  }
  check_same_lengths(operation, from, y);
  if (channels != y.dims.channels) return check_apart(operation, from, y);
  if (check_same_or_apart(operation, from, y) && !y.empty()) {
    if (same == in_place::refused) fail("%s: y is %s, must be other memory", operation, name);
    if (x.is_shifted()) fail("%s: y is %s, which is shifted; must be other memory", operation, name);
  }
}

/// Checks x [N, T, inputs] and y [N, T, outputs].
template <class T>
extent check_block(char const* operation, nn::input<T> const& x, index_t inputs, tensor_view<T> const& y,
                   index_t outputs, in_place same = in_place::refused) {
  extent const to = check_rows(operation, "y", y, outputs);
  check_writable(operation, to);
  check_input(operation, "x", x, inputs, to, same);
  return to;
}

/// Refuses a workspace that is too small, or of which the needed elements share memory with one of the views.
template <class T, class... View>
void check_workspace(char const* operation, std::span<T> workspace, index_t needed,
                     char const* const (&names)[sizeof...(View)], View const&... views) {
  if (static_cast<index_t>(workspace.size()) < needed) {
    fail("%s: workspace has %td elements, must be >= %td", operation, static_cast<index_t>(workspace.size()), needed);
  }
  extent const room = extent_of("workspace", tensor_view<T const>(workspace.data(), {1, 1, needed}), 0);
  char const* const* name = names;
  (check_apart(operation, extent_of(*name++, views, 0), room), ...);
}

inline void check_weight(char const* operation, char const* name, index_t have, index_t want) {
  if (have != want) fail("%s: %s has %td elements, must have %td", operation, name, have, want);
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
