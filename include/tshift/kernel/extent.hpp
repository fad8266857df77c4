// SPDX-License-Identifier: MIT
// A view without its element type, and what checks ask about it: whether it is dense, and how it lies to another.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>

#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A view without its element type: what checks need.
struct extent {
  char const* name;
  std::uintptr_t address;
  shape dims;
  strides step;  // in bytes
  index_t element_bytes;
  index_t dense_bytes;  // as dense_bytes_of says; a stream may take frames from dims later
  index_t const* lengths;
  index_t length_count;

  constexpr bool empty() const noexcept {
    return dims.batch == 0 || dims.time == 0 || dims.channels == 0 || dims.space == 0;
  }
};

/// Bytes of a view that has elements and no gaps in the order batch, time, channels, space; 0 of any other. Nearly
/// every tensor is dense, and then nothing is left to ask about its sizes and strides.
constexpr index_t dense_bytes_of(shape const& dims, strides const& step, index_t element_bytes) noexcept {
  index_t const S = dims.space, C = dims.channels, T = dims.time, N = dims.batch;
  index_t frame = 0, sequence = 0, all = 0;
  if (S < 1 || C < 1 || T < 1 || N < 1 || __builtin_mul_overflow(S, C, &frame) ||
      __builtin_mul_overflow(frame, T, &sequence) || __builtin_mul_overflow(sequence, N, &all) ||
      __builtin_mul_overflow(all, element_bytes, &all)) {
    return 0;
  }
  // Strides of dimensions of one element are never used.
  bool const dense = (S == 1 || step.space == 1) && (C == 1 || step.channels == S) && (T == 1 || step.time == frame) &&
                     (N == 1 || step.batch == sequence);
  return dense ? all : 0;
}

/// @param dense_bytes  as dense_bytes_of says
template <class T>
extent extent_of(char const* name, tensor_view<T> const& view, index_t dense_bytes) noexcept {
  constexpr auto bytes = static_cast<index_t>(sizeof(T));
  auto const count = static_cast<index_t>(view.lengths.size());
  // Strides of dimensions of one element are never used, and may be anything: 0 keeps the products small.
  auto const in_bytes = [](index_t size, index_t stride) { return size > 1 ? stride * bytes : 0; };
  strides const& s = view.strides;
  return {name,
          reinterpret_cast<std::uintptr_t>(view.data),
          view.shape,
          {in_bytes(view.shape.batch, s.batch), in_bytes(view.shape.time, s.time),
           in_bytes(view.shape.channels, s.channels), in_bytes(view.shape.space, s.space)},
          bytes,
          dense_bytes,
          count > 0 ? view.lengths.data() : nullptr,
          count};
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

/// Whether the `bytes` from a on and those from b on have none in common.
inline bool apart(std::uintptr_t a, std::uintptr_t b, index_t bytes) noexcept {
  auto const n = static_cast<std::uintptr_t>(bytes);
  return b - a >= n && a - b >= n;
}

enum class overlap { none, same, partial };

/// Whether sum of k_i * stride_i == delta with |k_i| < size_i, over the `count` nearest dimensions: whether two equally
/// strided tensors, one delta bytes after the other, share an element. May answer true where that is hard to tell.
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
  // An upper bound of the bytes, because a stream may have taken frames away: it can only tell that they are apart.
  index_t const most = a.dense_bytes > b.dense_bytes ? a.dense_bytes : b.dense_bytes;
  if (a.dense_bytes > 0 && b.dense_bytes > 0 && apart(a.address, b.address, most)) return overlap::none;
  byte_range const in_a = range_of(a), in_b = range_of(b);
  if (in_a.high <= in_b.low || in_b.high <= in_a.low) return overlap::none;
  if (!(a.step == b.step)) return overlap::partial;
  if (a.address == b.address) return a.dims == b.dims ? overlap::same : overlap::partial;
  auto const delta = static_cast<index_t>(b.address - a.address);
  sorted_dimensions const order(a.dims.time > b.dims.time ? a : b);
  return meets(order, order.count, delta, a.element_bytes) ? overlap::partial : overlap::none;
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
