// SPDX-License-Identifier: MIT
// What every operation asks of its arguments, before the first write.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A view without its element type: what checks need.
struct extent {
  char const* name;
  std::uintptr_t address;
  shape dims;
  strides step;  // in bytes
  index_t element_bytes;
  index_t const* lengths;
  index_t length_count;

  constexpr bool empty() const noexcept {
    return dims.batch == 0 || dims.time == 0 || dims.channels == 0 || dims.space == 0;
  }
};

/// Checks a view by itself: sizes, reach, data, lengths. Members of a view are public, so nothing is taken for granted.
template <class T>
extent check_view(char const* operation, char const* name, tensor_view<T> const& view) {
  constexpr index_t bytes = sizeof(T);
  check_shape(view.shape, bytes);
  check_reach(view.shape, view.strides, bytes);
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
  strides const& s = view.strides;
  // Strides of dimensions of one element are never used, and may be anything: 0 keeps the products small.
  auto const in_bytes = [](index_t size, index_t stride) { return size > 1 ? stride * bytes : 0; };
  extent const result{name,
                      reinterpret_cast<std::uintptr_t>(view.data),
                      view.shape,
                      {in_bytes(view.shape.batch, s.batch), in_bytes(view.shape.time, s.time),
                       in_bytes(view.shape.channels, s.channels), in_bytes(view.shape.space, s.space)},
                      bytes,
                      lengths,
                      count};
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

/// Same sizes, and lengths that do not contradict: b's are empty or equal to a's.
inline void check_same_shape(char const* operation, extent const& a, extent const& b) {
  index_t const sizes_a[] = {a.dims.batch, a.dims.time, a.dims.channels, a.dims.space};
  index_t const sizes_b[] = {b.dims.batch, b.dims.time, b.dims.channels, b.dims.space};
  constexpr char const* names[] = {"batch", "time", "channels", "space"};
  for (int i = 0; i < 4; ++i) {
    if (sizes_a[i] != sizes_b[i]) {
      fail("%s: %s has %s %td, %s has %td", operation, a.name, names[i], sizes_a[i], b.name, sizes_b[i]);
    }
  }
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

/// Dimensions of more than one element, nearest neighbours first.
struct sorted_dimensions {
  struct dimension {
    index_t size, stride;  // stride in bytes
    char const* name;
  } items[4] = {};
  int count = 0;

  explicit constexpr sorted_dimensions(extent const& x) noexcept {
    insert({x.dims.space, x.step.space, "space"});
    insert({x.dims.channels, x.step.channels, "channels"});
    insert({x.dims.time, x.step.time, "time"});
    insert({x.dims.batch, x.step.batch, "batch"});
  }
  constexpr void insert(dimension const& d) noexcept {
    if (d.size < 2) return;
    int i = count++;
    for (; i > 0 && distance(items[i - 1].stride) > distance(d.stride); --i) items[i] = items[i - 1];
    items[i] = d;
  }
  static constexpr index_t distance(index_t stride) noexcept { return stride < 0 ? -stride : stride; }
};

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
  if (y.empty()) return;
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

enum class overlap { none, same, partial };

/// Whether sum of k_i * stride_i == delta with |k_i| < size_i, over the `count` nearest dimensions: whether two equally
/// strided tensors, one delta bytes behind the other, share an element. May answer true where that is hard to tell.
inline bool meets(sorted_dimensions const& order, int count, index_t delta, index_t element_bytes) noexcept {
  if (count == 0) return -element_bytes < delta && delta < element_bytes;
  auto const& d = order.items[count - 1];
  index_t const step = sorted_dimensions::distance(d.stride);
  if (step == 0) return meets(order, count - 1, delta, element_bytes);
  index_t reach = element_bytes - 1;  // of the nearer dimensions
  for (int i = 0; i < count - 1; ++i) {
    reach += (order.items[i].size - 1) * sorted_dimensions::distance(order.items[i].stride);
  }
  // k with |delta - k * step| <= reach; delta + reach fits, both are spans of real memory.
  index_t first = (delta - reach) / step - 1, last = (delta + reach) / step + 1;
  if (first <= -d.size) first = 1 - d.size;
  if (last >= d.size) last = d.size - 1;
  if (last - first > 8) return true;
  for (index_t k = first; k <= last; ++k) {
    index_t const rest = delta - k * step;
    if (-reach <= rest && rest <= reach && meets(order, count - 1, rest, element_bytes)) return true;
  }
  return false;
}

/// The bytes [low, high) that the elements of a view lie in.
struct byte_range {
  std::uintptr_t low, high;
};

inline byte_range range_of(extent const& x) noexcept {
  byte_range range{x.address, x.address + static_cast<std::uintptr_t>(x.element_bytes)};
  index_t const sizes[] = {x.dims.batch, x.dims.time, x.dims.channels, x.dims.space};
  index_t const steps[] = {x.step.batch, x.step.time, x.step.channels, x.step.space};
  for (int i = 0; i < 4; ++i) {
    index_t const reach = (sizes[i] - 1) * steps[i];
    (reach < 0 ? range.low : range.high) += static_cast<std::uintptr_t>(reach);
  }
  return range;
}

/// How two views lie to each other whose sizes differ in time at most.
inline overlap relation(extent const& a, extent const& b) noexcept {
  if (a.empty() || b.empty()) return overlap::none;
  byte_range const in_a = range_of(a), in_b = range_of(b);
  if (in_a.high <= in_b.low || in_b.high <= in_a.low) return overlap::none;
  if (!(a.step == b.step)) return overlap::partial;
  if (a.address == b.address) return a.dims == b.dims ? overlap::same : overlap::partial;
  auto const delta = static_cast<index_t>(b.address - a.address);
  sorted_dimensions const order(a.dims.time > b.dims.time ? a : b);
  return meets(order, order.count, delta, a.element_bytes) ? overlap::partial : overlap::none;
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
