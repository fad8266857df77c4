// SPDX-License-Identifier: MIT
// The shift frame by frame: however the input is cut into chunks, the outputs are those of the whole sequence, bit for
// bit. Past frames are kept in the state; future frames are waited for.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include <tshift/kernel/operand.hpp>
#include <tshift/kernel/ring.hpp>
#include <tshift/kernel/state_memory.hpp>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// Everything about a stream but its memory, without the element type.
struct stream_parts {
  shift_plan const& plan;
  types::segment_list const& segments;
  shape const& frame;
  index_t element_bytes;
  kernel::fill_pattern const& fill;
  std::byte* state;
  std::size_t state_bytes;
};

constexpr index_t checked_stream_bytes(shift_plan const& plan, shape const& frame, index_t element_bytes) {
  shape const one_frame{frame.batch, 1, frame.channels, frame.space};
  check_shape(one_frame, element_bytes);
  if (plan.channels() != frame.channels) {
    fail("shift_stream: plan has %td channels, frame has %td", plan.channels(), frame.channels);
  }
  if (plan.edge() == padding::circular) {
    fail("shift_stream: padding circular needs the end of a sequence before its beginning, and cannot be streamed");
  }
  index_t const bytes = kernel::stream_bytes(plan, frame, element_bytes);
  if (bytes < 0) fail("shift_stream: the state must fit in 2^%d - 1 bytes", index_bits);
  return bytes;
}

inline void stream_reset(std::byte* state, std::size_t bytes, shift_plan const& plan, shape const& frame,
                         index_t element_bytes) noexcept {
  std::memset(state, 0, bytes);
  kernel::store_header(state, {kernel::stream_identity(plan, frame, element_bytes), 0, 0, 0});
}

/// Frames received whose outputs are still held back.
constexpr index_t pending_frames(kernel::stream_header const& h) noexcept {
  return static_cast<index_t>(h.received - h.emitted);
}

/// Frames of output that `frames` more of input make due, when `pending` are held back already.
constexpr index_t stream_due(index_t pending, index_t frames, index_t latency) noexcept {
  index_t const waiting = latency - pending;  // of the new frames, these give nothing yet
  return frames > waiting ? frames - waiting : 0;
}

/// Refuses what an index cannot count: at a million frames a second, 290,000 years; of 32 bits, 35 minutes.
inline void check_count(char const* operation, kernel::stream_header const& h, index_t frames) {
  if (frames > std::numeric_limits<index_t>::max() - h.received) {
    fail("%s: %td frames after %td, must stay below 2^%d", operation, frames, static_cast<index_t>(h.received),
         index_bits);
  }
}

/// Batch, channels and space of a chunk are those of the stream.
inline void check_chunk(char const* operation, extent const& chunk, shape const& frame) {
  index_t const sizes[] = {chunk.dims.batch, chunk.dims.channels, chunk.dims.space};
  index_t const wanted[] = {frame.batch, frame.channels, frame.space};
  constexpr char const* names[] = {"batch", "channels", "space"};
  for (int i = 0; i < 3; ++i) {
    if (sizes[i] != wanted[i]) {
      fail("%s: %s has %s %td, the stream has %td", operation, chunk.name, names[i], sizes[i], wanted[i]);
    }
  }
  if (chunk.length_count > 0) {
    fail("%s: %s has lengths; the sequences of one stream advance together", operation, chunk.name);
  }
}

/// Checks y, and returns it cut to the frames that will be written. Takes it by reference: without exceptions, g++ 12
/// loses sight of what is written through a struct that comes and goes by value, and reads the old elements.
inline extent check_room(char const* operation, extent const& room, shape const& frame, index_t frames) {
  extent y = room;
  check_chunk(operation, y, frame);
  if (y.dims.time < frames) fail("%s: y has time %td, must be >= %td", operation, y.dims.time, frames);
  check_writable(operation, y);
  y.dims.time = frames;
  return y;
}

template <class Arch>
void stream_run(stream_parts const& s, kernel::stream_header const& h, extent const& x, extent const& y) {
  kernel::stream_job const job{s.segments, s.plan.edge(), s.plan.latency(), s.frame, s.element_bytes, s.fill};
  kernel::stream_frames<Arch>(job, s.state, operand_of<std::byte const>(x), static_cast<index_t>(h.received),
                              x.dims.time, operand_of<std::byte>(y), static_cast<index_t>(h.emitted), y.dims.time);
}

template <class Arch>
index_t stream_push(stream_parts const& s, extent const& x, extent const& room) {
  constexpr char const* operation = "shift_stream::push";
  kernel::stream_header h = kernel::load_header(s.state);
  check_chunk(operation, x, s.frame);
  check_count(operation, h, x.dims.time);
  index_t const due = stream_due(pending_frames(h), x.dims.time, s.plan.latency());
  extent const y = check_room(operation, room, s.frame, due);
  if (relation(x, y) != overlap::none) fail("%s: x and y overlap in memory, must share no element", operation);
  if (x.dims.time == 0) return 0;
  stream_run<Arch>(s, h, x, y);
  kernel::store_header(s.state, {h.identity, h.received + x.dims.time, h.emitted + due, 1});
  return due;
}

template <class Arch>
index_t stream_flush(stream_parts const& s, extent const& room) {
  kernel::stream_header const h = kernel::load_header(s.state);
  index_t const due = pending_frames(h);
  extent const y = check_room("shift_stream::flush", room, s.frame, due);
  extent nothing = y;
  nothing.dims.time = 0;
  if (due > 0) stream_run<Arch>(s, h, nothing, y);
  stream_reset(s.state, s.state_bytes, s.plan, s.frame, s.element_bytes);
  return due;
}

template <class Arch>
void stream_prime(stream_parts const& s, extent const& x) {
  constexpr char const* operation = "shift_stream::prime";
  kernel::stream_header const h = kernel::load_header(s.state);
  check_chunk(operation, x, s.frame);
  if (h.started != 0) {
    fail("%s: frames were pushed already; prime before the first push or after reset", operation);
  }
  check_count(operation, h, x.dims.time);
  extent nothing = x;
  nothing.dims.time = 0;
  stream_run<Arch>(s, h, x, nothing);
  std::int64_t const frames = h.received + x.dims.time;
  kernel::store_header(s.state, {h.identity, frames, frames, 0});
}

inline void stream_restore(std::span<std::byte const> saved, std::span<std::byte> state, std::uint64_t identity,
                           index_t latency) {
  constexpr char const* operation = "shift_stream::restore";
  if (saved.size() != state.size()) {
    fail("%s: saved state has %zu bytes, must have %zu", operation, saved.size(), state.size());
  }
  kernel::stream_header const h = kernel::load_header(saved.data());
  if (h.identity != identity) fail("%s: saved state is of another plan, frame or element size", operation);
  // A state saved on a 64-bit machine may have counted further than an index of this one does.
  if (h.received < 0 || !std::in_range<index_t>(h.received) || h.emitted < 0 || h.emitted > h.received ||
      h.received - h.emitted > latency || (h.started != 0 && h.started != 1)) {
    fail("%s: saved state is damaged: %lld frames received, %lld emitted", operation,
         static_cast<long long>(h.received), static_cast<long long>(h.emitted));
  }
  std::memmove(state.data(), saved.data(), saved.size());
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V {

/// A shift fed chunk by chunk. A value: it can be copied, moved, saved and restored; one stream serves one thread at a
/// time, and sequences that start or end at different times each take a stream of their own.
///
///   shift_stream<float> stream(plan, {.batch = 1, .channels = 80});
///   n = stream.push(x, y);    // any number of frames, also 0; y receives n = ready(frames of x) frames
///   n = stream.flush(y);      // the sequence is over: y receives the last n = pending() frames
///
/// The frames received, put one behind the other, are shift(x of all chunks, plan), bit for bit, for every way of cutting.
/// Delays have no latency; an advance by k frames holds outputs back by k frames (latency()).
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

  /// Ends the sequence: gives the outputs held back, padded as the plan says, and starts anew as reset() does.
  /// @param y  [N, >= pending(), C, S]; its first pending() frames are written
  /// @returns  pending()
  template <class Arch = xsimd::default_arch>
  TSHIFT_INLINE index_t flush(tensor_view<T> y) {
    detail::check_types<Arch, T>();
    kernel::fill_pattern const pattern(fill_, plan_.edge());
    return detail::stream_flush<Arch>(parts(pattern), detail::check_view("shift_stream::flush", "y", y));
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
