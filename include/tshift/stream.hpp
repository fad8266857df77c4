// SPDX-License-Identifier: MIT
// The shift frame by frame: however the input is cut into chunks, the outputs are those of the whole sequence, bit for
// bit. Past frames are kept in the state; future frames are waited for.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include <tshift/kernel/state_memory.hpp>
#include <tshift/kernel/stream.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// A shift fed chunk by chunk. A value: it can be copied, moved, saved and restored; one stream serves one thread at a
/// time, and sequences that start or end at different times each take a stream of their own.
///
///   shift_stream<float> stream(plan, {.batch = 1, .channels = 80});
///   n = stream.push(x, y);    // any number of frames, also 0; y receives n = ready(frames of x) frames
///   n = stream.flush(y);      // the sequence is over: y receives the last n = pending() frames
///
/// x and y are views of any layout, or plain spans [N, k, C, S]: stream.push(chunk, out) with two vectors will do.
/// The frames received, one after the other, are shift(x of all chunks, plan), bit for bit, for every way of cutting.
/// Delays have no latency; an advance by k frames holds outputs back by k frames (latency()).
/// A stream that was moved from has no state: it takes an assignment, and refuses frames.
template <class T>
class shift_stream {
  static_assert(std::is_trivially_copyable_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>,
                "tshift: elements are moved as bytes, so T must be trivially copyable and neither const nor volatile");

 public:
  /// Bytes of state: for each segment of channels, (offset + latency) frames of it, and a header. Constexpr.
  /// @throws shape_error  plan and frame disagree, padding is circular, or the bytes do not fit
  TSHIFT_INLINE static constexpr std::size_t state_bytes(shift_plan const& plan, shape const& frame) {
    return static_cast<std::size_t>(detail::checked_stream_bytes(plan, frame, sizeof(T)));
  }

  /// A stream that owns its state: the one allocation of its life.
  /// @param plan   any padding but circular
  /// @param frame  batch N (sequences that advance together), channels C, space S; its time is not used
  /// @param fill   for padding::zero
  /// @throws shape_error as state_bytes, std::bad_alloc
  TSHIFT_INLINE shift_stream(shift_plan const& plan, shape const& frame, T const& fill = detail::default_fill<T>())
      : state_(state_bytes(plan, frame)), plan_(plan), frame_(frame), fill_(fill),
        segments_(kernel::segments_of(plan)) {
    reset();
  }

  /// A stream in the caller's memory, of at least state_bytes(plan, frame) bytes and any alignment, which must outlive
  /// it. Allocates nothing. A copy of such a stream is the same stream.
  TSHIFT_INLINE shift_stream(shift_plan const& plan, shape const& frame, std::span<std::byte> memory,
                             T const& fill = detail::default_fill<T>())
      : state_(memory.data(), state_bytes(plan, frame)), plan_(plan), frame_(frame), fill_(fill),
        segments_(kernel::segments_of(plan)) {
    if (memory.size() < state_.size()) {
      detail::fail("shift_stream: memory has %zu bytes, must be >= %zu", memory.size(), state_.size());
    }
    reset();
  }

  /// The shift.
  TSHIFT_INLINE shift_plan const& plan() const noexcept { return plan_; }
  /// Sizes of a frame.
  TSHIFT_INLINE shape const& frame() const noexcept { return frame_; }

  /// Frames that outputs lag behind inputs.
  TSHIFT_INLINE index_t latency() const noexcept { return plan_.latency(); }

  /// Frames that pushing `frames` more would give.
  TSHIFT_INLINE index_t ready(index_t frames) const noexcept {
    auto const h = kernel::load_header(state_.data());
    return detail::stream_due(detail::pending_frames(h), frames, latency());
  }

  /// Frames that flush would give: received, but held back until their future is known.
  TSHIFT_INLINE index_t pending() const noexcept { return detail::pending_frames(kernel::load_header(state_.data())); }

  /// Takes a chunk and gives the outputs that are due.
  /// @param x  [N, k, C, S], any k >= 0, any layout
  /// @param y  [N, >= ready(k), C, S], any layout; its first ready(k) frames are written. Shares no element with x
  /// @returns  ready(k)
  /// @throws shape_error  before the first write, the stream unchanged
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE index_t push(tensor_view<T const> x, tensor_view<T> y) {
    detail::check_types<Arch, T>();
    kernel::fill_pattern const pattern(fill_, plan_.edge());
    return detail::stream_push<Arch>(parts(pattern), detail::check_view("shift_stream::push", "x", x),
                                     detail::check_view("shift_stream::push", "y", y));
  }

  /// The same for dense memory in the order [N, k, C, S]: the number of frames follows from x's size.
  /// @param x  k * N * C * S elements
  /// @param y  at least ready(k) * N * C * S elements; its first are written, as [N, ready(k), C, S]
  /// @throws shape_error  also if x does not hold whole frames, or y is too short
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE index_t push(std::span<T const> x, std::span<T> y) {
    constexpr char const* operation = "shift_stream::push";
    index_t const k = detail::whole_frames(operation, x.size(), frame_);
    return push<Arch>(dense(x, k), dense_room(operation, y, ready(k)));
  }

  /// Ends the sequence: gives the outputs held back, padded as the plan says, and starts anew as reset() does.
  /// @param y  [N, >= pending(), C, S]; its first pending() frames are written
  /// @returns  pending()
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE index_t flush(tensor_view<T> y) {
    detail::check_types<Arch, T>();
    kernel::fill_pattern const pattern(fill_, plan_.edge());
    return detail::stream_flush<Arch>(parts(pattern), detail::check_view("shift_stream::flush", "y", y));
  }

  /// The same into dense memory: y's first pending() * N * C * S elements are written, as [N, pending(), C, S].
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE index_t flush(std::span<T> y) {
    return flush<Arch>(dense_room("shift_stream::flush", y, pending()));
  }

  /// Forgets everything: the next frame pushed is the first of a sequence.
  TSHIFT_INLINE void reset() noexcept { detail::stream_reset(state_.data(), state_.size(), plan_, frame_, sizeof(T)); }

  /// Gives the sequence a past: frames that come before the first one pushed. Their own outputs are not given.
  /// Only before the first push; may be repeated.
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE void prime(tensor_view<T const> x) {
    detail::check_types<Arch, T>();
    kernel::fill_pattern const pattern(fill_, padding::keep);  // priming writes no output
    detail::stream_prime<Arch>(parts(pattern), detail::check_view("shift_stream::prime", "x", x));
  }

  /// The same from dense memory in the order [N, k, C, S].
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE void prime(std::span<T const> x) {
    prime<Arch>(dense(x, detail::whole_frames("shift_stream::prime", x.size(), frame_)));
  }

  /// The state as bytes: everything a stream of the same plan, frame and T needs to go on here, on a machine of the same
  /// byte order. Without padding bytes: equal states are equal bytes.
  TSHIFT_INLINE std::span<std::byte const> state() const noexcept { return {state_.data(), state_.size()}; }

  /// Copies the state out.
  /// @param to  of exactly state().size() bytes
  TSHIFT_INLINE void save(std::span<std::byte> to) const {
    if (to.size() != state_.size()) {
      detail::fail("shift_stream::save: memory has %zu bytes, must have %zu", to.size(), state_.size());
    }
    if (!to.empty()) std::memmove(to.data(), state_.data(), to.size());  // a stream that was moved from has no state
  }

  /// Takes a saved state over.
  /// @throws shape_error  wrong size, another plan, frame or element size, or impossible counters; nothing has changed then
  TSHIFT_INLINE void restore(std::span<std::byte const> saved) {
    detail::stream_restore(saved, {state_.data(), state_.size()}, kernel::stream_identity(plan_, frame_, sizeof(T)),
                           latency());
  }

  // Spelled out only so that they are inlined, as every member is.
  TSHIFT_INLINE shift_stream(shift_stream const&) = default;
  TSHIFT_INLINE shift_stream(shift_stream&&) noexcept = default;
  TSHIFT_INLINE shift_stream& operator=(shift_stream const&) = default;
  TSHIFT_INLINE shift_stream& operator=(shift_stream&&) noexcept = default;
  TSHIFT_INLINE ~shift_stream() = default;

 private:
  TSHIFT_INLINE tensor_view<T const> dense(std::span<T const> memory, index_t frames) const {
    return {memory, {frame_.batch, frames, frame_.channels, frame_.space}};
  }
  TSHIFT_INLINE tensor_view<T> dense_room(char const* operation, std::span<T> memory, index_t frames) const {
    detail::check_span_room(operation, memory.size(), frame_, frames, sizeof(T));
    return {memory, {frame_.batch, frames, frame_.channels, frame_.space}};
  }
  TSHIFT_INLINE detail::stream_parts parts(kernel::fill_pattern const& fill) const noexcept {
    return {plan_, segments_, frame_, sizeof(T), fill, state_.data(), state_.size()};
  }

  types::state_memory state_;  // first: assignment stops here when memory runs out, and has changed nothing yet
  shift_plan plan_;
  shape frame_;
  T fill_;
  types::segment_list segments_;
};

}}  // namespace tshift

#include <tshift/macros/back.hpp>
