// SPDX-License-Identifier: MIT
// Somebody's memory seen as [batch, time, channels, space]: a pointer, four sizes, four strides, and the true lengths
// of a ragged batch. Owns nothing.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Sizes of a tensor. Any may be 0. space is H * W of video, 1 for speech and text.
struct shape {
  index_t batch = 1;     ///< N
  index_t time = 0;      ///< T, frames
  index_t channels = 0;  ///< C
  index_t space = 1;     ///< S

  /// Number of elements. Whether that fits is checked where a view is made.
  TSHIFT_INLINE constexpr index_t size() const noexcept { return batch * time * channels * space; }

  /// Equal in all four.
  friend TSHIFT_INLINE constexpr bool operator==(shape const& a, shape const& b) noexcept {
    return a.batch == b.batch && a.time == b.time && a.channels == b.channels && a.space == b.space;
  }
};

/// Order of the dimensions in dense memory, outermost first: n batch, t time, c channels, s space.
enum class layout {
  ntcs,        ///< NTCHW, and what PyTorch's [N T, C, H, W] is
  ntsc,        ///< NTHWC
  ncts,        ///< NCTHW
  tncs,        ///< time first
  ntc = ntcs,  ///< [N, T, C] where space is 1
  nct = ncts,  ///< [N, C, T] where space is 1
  tnc = tncs   ///< [T, N, C] where space is 1
};

/// Distance in elements between neighbours along each dimension. Any sign; 0 repeats one element (inputs only).
struct strides {
  index_t batch = 0;     ///< from sequence to sequence
  index_t time = 0;      ///< from frame to frame
  index_t channels = 0;  ///< from channel to channel
  index_t space = 0;     ///< from place to place

  /// Equal in all four.
  friend TSHIFT_INLINE constexpr bool operator==(strides const& a, strides const& b) noexcept {
    return a.batch == b.batch && a.time == b.time && a.channels == b.channels && a.space == b.space;
  }
};

}}  // namespace tshift

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Throws shape_error for a negative size, or if the tensor has more bytes than a pointer difference can count.
/// A dimension of 0 counts as 1 here: an empty tensor must not smuggle wrapped strides in.
constexpr void check_shape(shape const& dims, index_t element_size) {
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  constexpr char const* names[] = {"batch", "time", "channels", "space"};
  index_t bytes = element_size;
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] < 0) fail("tensor_view: %s = %td, must be >= 0", names[i], sizes[i]);
    if (sizes[i] > 1 && __builtin_mul_overflow(bytes, sizes[i], &bytes)) {
      fail("tensor_view: %td x %td x %td x %td elements of %td bytes, must fit in 2^%d - 1 bytes", dims.batch,
           dims.time, dims.channels, dims.space, element_size, index_bits);
    }
  }
}

/// Throws shape_error if explicit strides reach further than a pointer difference can count.
constexpr void check_reach(shape const& dims, strides const& step, index_t element_size) {
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  index_t const steps[] = {step.batch, step.time, step.channels, step.space};
  constexpr char const* names[] = {"batch", "time", "channels", "space"};
  index_t bytes = element_size;
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] < 2) continue;
    // On the negative side, where every stride has a place.
    index_t const away = steps[i] < 0 ? steps[i] : -steps[i];
    index_t reach = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, away, &reach) || __builtin_mul_overflow(reach, element_size, &reach) ||
        __builtin_sub_overflow(bytes, reach, &bytes)) {
      fail("tensor_view: %td elements with stride %td along %s, must fit in 2^%d - 1 bytes", sizes[i], steps[i],
           names[i], index_bits);
    }
  }
}

/// A part [first, first + count) of a dimension of `size`.
constexpr void check_part(char const* name, index_t first, index_t count, index_t size) {
  if (first < 0 || count < 0 || first > size || count > size - first) {
    fail("tensor_view: %s [%td, %td + %td), must lie in [0, %td)", name, first, first, count, size);
  }
}

constexpr strides dense_strides(shape const& dims, layout order) {
  index_t const N = dims.batch, T = dims.time, C = dims.channels, S = dims.space;
  switch (order) {
    case layout::ntcs: return {T * C * S, C * S, S, 1};
    case layout::ntsc: return {T * S * C, S * C, 1, C};
    case layout::ncts: return {C * T * S, S, T * S, 1};
    case layout::tncs: return {C * S, N * C * S, S, 1};
  }
  fail("tensor_view: layout = %d, must be a named layout", static_cast<int>(order));
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V {

/// Elements x[n, t, c, s] at data[n * strides.batch + t * strides.time + c * strides.channels + s * strides.space].
/// T is any trivially copyable type; T const for a view that is only read. tensor_view<T> converts to
/// tensor_view<T const>. Copying a view copies the description, never the elements.
template <class T>
struct tensor_view {
  static_assert(std::is_trivially_copyable_v<T>,
                "tshift: elements are moved as bytes, so T must be trivially copyable");
  static_assert(!std::is_volatile_v<T>, "tshift: volatile elements cannot be moved in blocks; T must not be volatile");

  /// T, const where the view only reads.
  using element_type = T;

  T* data = nullptr;             ///< element (0, 0, 0, 0)
  tshift::shape shape = {};      ///< four sizes
  tshift::strides strides = {};  ///< four distances, in elements

  /// Ragged batch: frames of each sequence, lengths[n] in [0, T]; empty: all have T. A sequence ends there: that is
  /// where its boundary is, and the frames behind it are copied through unshifted. Not owned.
  std::span<index_t const> lengths = {};

  /// A view of nothing: shape {1, 0, 0, 1}.
  TSHIFT_INLINE constexpr tensor_view() noexcept = default;

  /// Dense memory in a named order.
  /// @param memory  at least batch * time * channels * space elements; may be null if that is 0; any alignment T allows
  /// @param frames  lengths of a ragged batch, see below
  /// @throws shape_error  a size is negative, or the bytes do not fit a pointer difference
  TSHIFT_INLINE constexpr tensor_view(T* memory, tshift::shape dims, layout order = layout::ntc,
                                      std::span<index_t const> frames = {})
      : data(memory), shape(dims), lengths(frames) {
    detail::check_shape(dims, static_cast<index_t>(sizeof(T)));
    strides = detail::dense_strides(dims, order);
  }

  /// Any memory: a slice, a transposed tensor, a flipped one.
  /// @throws shape_error  a size is negative, or the strides reach further than a pointer difference counts
  TSHIFT_INLINE constexpr tensor_view(T* memory, tshift::shape dims, tshift::strides steps,
                                      std::span<index_t const> frames = {})
      : data(memory), shape(dims), strides(steps), lengths(frames) {
    detail::check_shape(dims, static_cast<index_t>(sizeof(T)));
    detail::check_reach(dims, steps, static_cast<index_t>(sizeof(T)));
  }

  /// Dense memory whose size is known and checked.
  /// @throws shape_error  also if the span holds fewer elements than the shape has
  TSHIFT_INLINE constexpr tensor_view(std::span<T> memory, tshift::shape dims, layout order = layout::ntc,
                                      std::span<index_t const> frames = {})
      : tensor_view(memory.data(), dims, order, frames) {
    if (static_cast<index_t>(memory.size()) < size()) {
      detail::fail("tensor_view: span has %td elements, must be >= %td", static_cast<index_t>(memory.size()), size());
    }
  }

  /// Number of elements.
  TSHIFT_INLINE constexpr index_t size() const noexcept { return shape.size(); }

  /// Frames of sequence n: lengths[n], or T where no lengths are given.
  TSHIFT_INLINE constexpr index_t length(index_t n) const noexcept {
    return lengths.data() != nullptr && !lengths.empty() ? lengths.data()[n] : shape.time;
  }

  /// Address of x[n, t, c, s]. Unchecked.
  TSHIFT_INLINE constexpr T* at(index_t n, index_t t, index_t c, index_t s = 0) const noexcept {
    return data + (n * strides.batch + t * strides.time + c * strides.channels + s * strides.space);
  }

  /// x[n, t, c, s]. Unchecked.
  TSHIFT_INLINE constexpr T& operator()(index_t n, index_t t, index_t c, index_t s = 0) const noexcept {
    return *at(n, t, c, s);
  }

  /// Frames [first, first + count) of every sequence: a chunk for a stream.
  /// @throws shape_error  they are not all there, or the batch is ragged
  TSHIFT_INLINE constexpr tensor_view frames(index_t first, index_t count) const {
    detail::check_part("frames", first, count, shape.time);
    if (!lengths.empty()) detail::fail("tensor_view: frames of a ragged batch, must have no lengths");
    tensor_view part = *this;
    part.data = count > 0 && data != nullptr ? at(0, first, 0) : data;
    part.shape.time = count;
    return part;
  }

  /// Channels [first, first + count).
  /// @throws shape_error  they are not all there
  TSHIFT_INLINE constexpr tensor_view channels(index_t first, index_t count) const {
    detail::check_part("channels", first, count, shape.channels);
    tensor_view part = *this;
    part.data = count > 0 && data != nullptr ? at(0, 0, first) : data;
    part.shape.channels = count;
    return part;
  }

  /// Sequences [first, first + count), with their lengths.
  /// @throws shape_error  they are not all there
  TSHIFT_INLINE constexpr tensor_view sequences(index_t first, index_t count) const {
    detail::check_part("sequences", first, count, shape.batch);
    tensor_view part = *this;
    part.data = count > 0 && data != nullptr ? at(first, 0, 0) : data;
    part.shape.batch = count;
    if (!lengths.empty()) {
      part.lengths = lengths.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    }
    return part;
  }

  /// The same memory, to be read only.
  TSHIFT_INLINE constexpr operator tensor_view<T const>() const noexcept requires(!std::is_const_v<T>) {
    tensor_view<T const> view;
    view.data = data;
    view.shape = shape;
    view.strides = strides;
    view.lengths = lengths;
    return view;
  }
};

/// tensor_view(pointer, ...) views what the pointer points to.
template <class T>
tensor_view(T*, shape, layout = layout::ntc, std::span<index_t const> = {}) -> tensor_view<T>;
/// The same with strides.
template <class T>
tensor_view(T*, shape, strides, std::span<index_t const> = {}) -> tensor_view<T>;
/// tensor_view(span, ...), also of an array or a vector, views its elements.
template <class T, std::size_t N>
tensor_view(std::span<T, N>, shape, layout = layout::ntc, std::span<index_t const> = {}) -> tensor_view<T>;

}}  // namespace tshift

#include <tshift/macros/back.hpp>
