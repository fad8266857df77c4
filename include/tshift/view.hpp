// SPDX-License-Identifier: MIT
// Somebody's memory seen as [batch, time, channels, space]: a pointer, four sizes, four strides, and the true lengths
// of a ragged batch. Owns nothing.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/kernel/view_checks.hpp>
#include <tshift/shape.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// Elements x[n, t, c, s] at data[n * strides.batch + t * strides.time + c * strides.channels + s * strides.space].
/// T is any trivially copyable type; T const for a view that is only read. tensor_view<T> converts to
/// tensor_view<T const>. Copying a view copies the description, never the elements.
///
///   tshift::tensor_view x(vector, tshift::shape{.time = 3, .channels = 6});       // T is that of the vector
///   tshift::tensor_view y(array, shape, tshift::layout::nct, lengths);            // array, C array and span likewise
///   tshift::tensor_view z(pointer, shape, tshift::strides{.time = 8, .channels = 1});  // whose size nobody knows
///
/// Const memory gives a tensor_view<T const>, a type of its own: declare it apart from the view that is written.
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
  /// where its boundary is, and the frames after it are copied through unshifted. Not owned.
  std::span<index_t const> lengths = {};

  /// A view of nothing: shape {1, 0, 0, 1}.
  TSHIFT_INLINE constexpr tensor_view() noexcept = default;

  /// Dense memory in a named order, of a size that only the caller knows.
  /// @param memory  at least batch * time * channels * space elements; may be null if that is 0; any alignment T allows
  /// @param frames  lengths of a ragged batch, see below: a span, a vector or an array, not a temporary one
  /// @throws shape_error  a size is negative, or the bytes do not fit a pointer difference
  template <detail::pointer_to<T> Pointer>
  TSHIFT_INLINE constexpr tensor_view(Pointer const& memory, tshift::shape dims, layout order = layout::ntc,
                                      detail::lengths_argument frames = {})
      : data(memory), shape(dims), lengths(frames.frames) {
    detail::check_shape(dims, static_cast<index_t>(sizeof(T)));
    strides = detail::dense_strides(dims, order);
  }

  /// Any memory: a slice, a transposed tensor, a flipped one.
  /// @throws shape_error  a size is negative, or the strides reach further than a pointer difference counts
  template <detail::pointer_to<T> Pointer>
  TSHIFT_INLINE constexpr tensor_view(Pointer const& memory, tshift::shape dims, tshift::strides steps,
                                      detail::lengths_argument frames = {})
      : data(memory), shape(dims), strides(steps), lengths(frames.frames) {
    detail::check_shape(dims, static_cast<index_t>(sizeof(T)));
    detail::check_reach(dims, steps, static_cast<index_t>(sizeof(T)));
  }

  /// Dense memory whose size is known and checked: a C array, std::array, std::vector, std::span, or any contiguous range.
  /// A temporary that owns its elements does not compile.
  /// @throws shape_error  also if the memory holds fewer elements than the shape has; where memory and shape are constant
  ///                      expressions, and so is the view, that is a compile error
  template <detail::memory_of<T> Memory>
  TSHIFT_INLINE constexpr tensor_view(Memory&& memory, tshift::shape dims, layout order = layout::ntc,
                                      detail::lengths_argument frames = {})
      : tensor_view(detail::span_of<T, Memory>(memory).data(), dims, order, frames) {
    detail::check_memory(static_cast<index_t>(detail::span_of<T, Memory>(memory).size()), dims, strides);
  }

  /// The same with strides: element (0, 0, 0, 0) is the memory's first, and all others lie in the memory too.
  template <detail::memory_of<T> Memory>
  TSHIFT_INLINE constexpr tensor_view(Memory&& memory, tshift::shape dims, tshift::strides steps,
                                      detail::lengths_argument frames = {})
      : tensor_view(detail::span_of<T, Memory>(memory).data(), dims, steps, frames) {
    detail::check_memory(static_cast<index_t>(detail::span_of<T, Memory>(memory).size()), dims, strides);
  }

  /// The same memory, to be read only: tensor_view<T> converts to tensor_view<T const>, never back.
  template <detail::mutable_of<T> Mutable>
  TSHIFT_INLINE constexpr tensor_view(tensor_view<Mutable> const& view) noexcept
      : data(view.data), shape(view.shape), strides(view.strides), lengths(view.lengths) {}

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
  TSHIFT_INLINE constexpr tensor_view slice_frames(index_t first, index_t count) const {
    detail::check_part("frames", first, count, shape.time);
    if (!lengths.empty()) detail::fail("tensor_view: frames of a ragged batch, must have no lengths");
    tensor_view part = *this;
    part.data = count > 0 && data != nullptr ? at(0, first, 0) : data;
    part.shape.time = count;
    return part;
  }

  /// Channels [first, first + count).
  /// @throws shape_error  they are not all there
  TSHIFT_INLINE constexpr tensor_view slice_channels(index_t first, index_t count) const {
    detail::check_part("channels", first, count, shape.channels);
    tensor_view part = *this;
    part.data = count > 0 && data != nullptr ? at(0, 0, first) : data;
    part.shape.channels = count;
    return part;
  }

  /// Sequences [first, first + count), with their lengths.
  /// @throws shape_error  they are not all there, or the lengths are not one for each sequence
  TSHIFT_INLINE constexpr tensor_view slice_sequences(index_t first, index_t count) const {
    detail::check_part("sequences", first, count, shape.batch);
    tensor_view part = *this;
    part.data = count > 0 && data != nullptr ? at(first, 0, 0) : data;
    part.shape.batch = count;
    if (!lengths.empty()) {
      if (static_cast<index_t>(lengths.size()) != shape.batch) {
        detail::fail("tensor_view: %td lengths, must be one for each of %td sequences",
                     static_cast<index_t>(lengths.size()), shape.batch);
      }
      part.lengths = lengths.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    }
    return part;
  }
};

/// tensor_view(pointer, ...) views what the pointer points to.
template <class T>
tensor_view(T*, shape, layout = layout::ntc, detail::lengths_argument = {}) -> tensor_view<T>;
/// The same with strides.
template <class T>
tensor_view(T*, shape, strides, detail::lengths_argument = {}) -> tensor_view<T>;
/// tensor_view(vector, ...) views its elements; so for an array, a C array, a span. Const elements where it is const.
template <detail::sized_memory Memory>
tensor_view(Memory&&, shape, layout = layout::ntc, detail::lengths_argument = {})
    -> tensor_view<detail::element_of<Memory>>;
/// The same with strides.
template <detail::sized_memory Memory>
tensor_view(Memory&&, shape, strides, detail::lengths_argument = {}) -> tensor_view<detail::element_of<Memory>>;

}}  // namespace tshift

#include <tshift/macros/back.hpp>
