// SPDX-License-Identifier: MIT
// A stream without its element type: the checks of a chunk, the counters, and the way from both to the rings.
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
  if (state == nullptr) return;
  std::memset(state, 0, bytes);
  kernel::store_header(state, {kernel::stream_identity(plan, frame, element_bytes), 0, 0, 0});
}

/// A counter of a header as an index, which it is known to fit.
template <class Integer>
constexpr index_t counted(Integer frames) noexcept {
  if constexpr (std::is_same_v<Integer, index_t>) {
    return frames;
  } else {
    return static_cast<index_t>(frames);
  }
}

/// Frames received whose outputs are still held back.
constexpr index_t pending_frames(kernel::stream_header const& h) noexcept { return counted(h.received - h.emitted); }

/// Frames of output that `frames` more of input make due, when `pending` are held back already.
constexpr index_t stream_due(index_t pending, index_t frames, index_t latency) noexcept {
  index_t const waiting = latency - pending;  // of the new frames, these give nothing yet
  return frames > waiting ? frames - waiting : 0;
}

/// Refuses what an index cannot count: at a million frames a second, 290,000 years; of 32 bits, 35 minutes.
inline void check_count(char const* operation, kernel::stream_header const& h, index_t frames) {
  if (frames > std::numeric_limits<index_t>::max() - h.received) {
    fail("%s: %td frames after %td, must stay below 2^%d", operation, frames, counted(h.received), index_bits);
  }
}

/// Refuses a stream that was moved from.
inline void check_state(char const* operation, std::byte const* state) {
  if (state == nullptr) fail("%s: the stream was moved from, and has no state; assign another to it", operation);
}

/// Batch, channels and space of a chunk are those of the stream.
inline void check_chunk(char const* operation, extent const& chunk, shape const& frame) {
  index_t const sizes[] = {chunk.dims.batch, 0, chunk.dims.channels, chunk.dims.space};
  index_t const wanted[] = {frame.batch, 0, frame.channels, frame.space};  // time is the chunk's own
  for (int i = 0; i < 4; ++i) {
    if (sizes[i] != wanted[i]) {
      fail("%s: %s has %s %td, the stream has %td", operation, chunk.name, dimension_names[i], sizes[i], wanted[i]);
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

/// Frames in a span of `size` elements.
inline index_t whole_frames(char const* operation, std::size_t size, shape const& frame) {
  auto const per_frame = static_cast<std::size_t>(frame.batch * frame.channels * frame.space);
  if (per_frame == 0 ? size != 0 : size % per_frame != 0) {
    fail("%s: x has %zu elements, must be a multiple of %zu, those of a frame", operation, size, per_frame);
  }
  return per_frame == 0 ? 0 : static_cast<index_t>(size / per_frame);
}

/// A span of `size` elements has room for frames of output.
inline void check_span_room(char const* operation, std::size_t size, shape const& frame, index_t frames,
                            index_t element_bytes) {
  shape const room{frame.batch, frames, frame.channels, frame.space};
  check_shape(room, element_bytes);  // so that the product fits
  if (size < static_cast<std::size_t>(room.size())) {
    fail("%s: y has %zu elements, must have >= %td for %td frames", operation, size, room.size(), frames);
  }
}

template <class Arch>
void stream_run(stream_parts const& s, kernel::stream_header const& h, extent const& x, extent const& y) {
  kernel::stream_job const job{s.segments, s.plan.edge(), s.plan.latency(), s.frame, s.element_bytes, s.fill};
  kernel::stream_frames<Arch>(job, s.state, operand_of<std::byte const>(x), counted(h.received), x.dims.time,
                              operand_of<std::byte>(y), counted(h.emitted), y.dims.time);
}

template <class Arch>
index_t stream_push(stream_parts const& s, extent const& x, extent const& room) {
  constexpr char const* operation = "shift_stream::push";
  check_state(operation, s.state);
  kernel::stream_header const h = kernel::load_header(s.state);
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
  constexpr char const* operation = "shift_stream::flush";
  check_state(operation, s.state);
  kernel::stream_header const h = kernel::load_header(s.state);
  index_t const due = pending_frames(h);
  extent const y = check_room(operation, room, s.frame, due);
  extent nothing = y;
  nothing.dims.time = 0;
  if (due > 0) stream_run<Arch>(s, h, nothing, y);
  stream_reset(s.state, s.state_bytes, s.plan, s.frame, s.element_bytes);
  return due;
}

template <class Arch>
void stream_prime(stream_parts const& s, extent const& x) {
  constexpr char const* operation = "shift_stream::prime";
  check_state(operation, s.state);
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

#include <tshift/macros/back.hpp>
