// SPDX-License-Identifier: MIT
// What every operation asks of its arguments, before the first write.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/kernel/extent.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Bytes of x and y where both are dense alike, without lengths, apart, and of the plan's channels: then every check of
/// an out-of-place operation would pass. 0 where those have to look closer. What a small call has time for.
template <class T>
index_t dense_pair_bytes(tensor_view<T const> const& x, tensor_view<T> const& y, shift_plan const& plan) noexcept {
  if (x.data == nullptr || y.data == nullptr || !x.lengths.empty() || !y.lengths.empty() || !(x.shape == y.shape) ||
      !(x.strides == y.strides) || plan.channels() != y.shape.channels) {
    return 0;
  }
  index_t const bytes = dense_bytes_of(y.shape, y.strides, sizeof(T));
  return apart(reinterpret_cast<std::uintptr_t>(x.data), reinterpret_cast<std::uintptr_t>(y.data), bytes) ? bytes : 0;
}

/// Checks a view by itself: sizes, reach, data, lengths. Members of a view are public, so nothing is taken for granted.
template <class T>
extent check_view(char const* operation, char const* name, tensor_view<T> const& view) {
  constexpr index_t bytes = sizeof(T);
  index_t const dense = dense_bytes_of(view.shape, view.strides, bytes);
  if (dense == 0) {
    check_shape(view.shape, bytes);
    check_reach(view.shape, view.strides, bytes);
  }
  auto const count = static_cast<index_t>(view.lengths.size());
  index_t const* const lengths = count > 0 ? view.lengths.data() : nullptr;
  if (count > 0 && count != view.shape.batch) {
    fail("%s: %s has %td lengths, must be one for each of %td sequences", operation, name, count, view.shape.batch);
  }
  for (index_t n = 0; n < count; ++n) {
    if (lengths[n] < 0 || lengths[n] > view.shape.time) {
      fail("%s: %s.lengths[%td] = %td, must be in [0, %td]", operation, name, n, lengths[n], view.shape.time);
    }
  }
  extent const result = extent_of(name, view, dense);
  if (view.data == nullptr && !result.empty()) {
    fail("%s: %s has no data, must have %td elements", operation, name, view.size());
  }
  return result;
}

inline void check_plan(char const* operation, shift_plan const& plan, extent const& x) {
  if (plan.channels() != x.dims.channels) {
    fail("%s: plan has %td channels, %s has %td", operation, plan.channels(), x.name, x.dims.channels);
  }
}

/// Lengths that do not contradict: b's are empty or equal to a's.
inline void check_same_lengths(char const* operation, extent const& a, extent const& b) {
  if (b.length_count > 0 && a.length_count == 0) {
    fail("%s: %s has lengths, %s has none; give them to %s", operation, b.name, a.name, a.name);
  }
  for (index_t n = 0; n < b.length_count; ++n) {
    if (a.lengths[n] != b.lengths[n]) {
      fail("%s: %s.lengths[%td] = %td, %s.lengths[%td] = %td, must be equal", operation, a.name, n, a.lengths[n],
           b.name, n, b.lengths[n]);
    }
  }
}

/// Same sizes, and lengths that do not contradict.
inline void check_same_shape(char const* operation, extent const& a, extent const& b) {
  index_t const sizes_a[] = {a.dims.batch, a.dims.time, a.dims.channels, a.dims.space};
  index_t const sizes_b[] = {b.dims.batch, b.dims.time, b.dims.channels, b.dims.space};
  constexpr char const* names[] = {"batch", "time", "channels", "space"};
  for (int i = 0; i < 4; ++i) {
    if (sizes_a[i] != sizes_b[i]) {
      fail("%s: %s has %s %td, %s has %td", operation, a.name, names[i], sizes_a[i], b.name, sizes_b[i]);
    }
  }
  check_same_lengths(operation, a, b);
}

/// An output must have a place of its own for every element: sorted by stride, each dimension must step over all nearer
/// ones. Strides that are free of collisions without being nested so are refused too.
[[gnu::noinline]] inline void check_nesting(char const* operation, extent const& y) {
  sorted_dimensions const order(y);
  index_t reach = y.element_bytes;  // bytes up to and with the last element of the nearer dimensions
  for (int i = 0; i < order.count; ++i) {
    auto const& d = order.items[i];
    index_t const step = sorted_dimensions::distance(d.stride);
    if (step < reach) {
      fail("%s: %s has stride %td along %s, must be at least %td or elements would share memory", operation, y.name,
           d.stride / y.element_bytes, d.name, (reach + y.element_bytes - 1) / y.element_bytes);
    }
    reach += (d.size - 1) * step;
  }
}

inline void check_writable(char const* operation, extent const& y) {
  if (y.dense_bytes > 0 || y.empty()) return;
  // Nearly every tensor is nested in the order space, channels, time, batch, and needs no sorting.
  index_t const sizes[] = {y.dims.space, y.dims.channels, y.dims.time, y.dims.batch};
  index_t const steps[] = {y.step.space, y.step.channels, y.step.time, y.step.batch};
  index_t reach = y.element_bytes;
  bool nested = true;
  for (int i = 0; i < 4; ++i) {
    nested &= sizes[i] < 2 || steps[i] >= reach;
    reach += (sizes[i] - 1) * steps[i];
  }
  if (!nested) check_nesting(operation, y);
}

/// Refuses partial overlap; says whether the two are the same view.
inline bool check_same_or_apart(char const* operation, extent const& input, extent const& output) {
  overlap const how = relation(input, output);
  if (how == overlap::partial) {
    fail("%s: %s and %s overlap in memory, must be the same view or share no element", operation, input.name,
         output.name);
  }
  return how == overlap::same;
}

/// Refuses an input that shares memory with an output of other sizes.
inline void check_apart(char const* operation, extent const& x, extent const& y) {
  if (x.empty() || y.empty()) return;
  byte_range const in_x = range_of(x), in_y = range_of(y);
  if (in_x.low < in_y.high && in_y.low < in_x.high) {
    fail("%s: %s and %s overlap in memory, must share no element", operation, x.name, y.name);
  }
}

/// The value that padding::zero fills with unless the caller gives one.
template <class T>
constexpr T default_fill() {
  static_assert(std::is_default_constructible_v<T>,
                "tshift: this element type has no default value; pass the fill value as the last argument");
  return T{};
}

/// Readable sentences instead of template errors deep inside.
template <class Arch, class T>
constexpr void check_types() noexcept {
  static_assert(!std::is_const_v<T>, "tshift: the output view is const; outputs need a view of writable elements");
  static_assert(Arch::supported() || std::is_same_v<Arch, xsimd::default_arch>,
                "tshift: the flags of this translation unit do not enable this Arch; see examples/05_runtime_dispatch");
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
