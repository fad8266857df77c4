// SPDX-License-Identifier: MIT
// The state of a stream: for each segment of channels and each sequence a ring of the last few input frames, after a
// header with two counters. Plain bytes without pointers, so that it can be saved, moved and restored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include <tshift/kernel/box.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// In front of the rings. Read and written by memcpy: nothing promises that the caller's memory is aligned.
struct stream_header {
  std::uint64_t identity;  // of plan, frame and element size: a state fits one kind of stream
  std::int64_t received;   // frames of input so far
  std::int64_t emitted;    // frames of output so far, or passed over by priming
  std::int64_t started;    // 1 once a frame was pushed
};

/// Of a stream that was moved from, which has no state: nothing received.
inline stream_header load_header(std::byte const* state) noexcept {
  stream_header h{};
  if (state != nullptr) std::memcpy(&h, state, sizeof h);
  return h;
}

inline void store_header(std::byte* state, stream_header const& h) noexcept { std::memcpy(state, &h, sizeof h); }

/// Input frames that a segment must remember, the one being pushed not counted.
///
/// Output t is due when input t + latency arrives, and takes frame t - offset: latency + offset frames back. At the end
/// of a sequence, an advance keeps its own last frames (keep: as many as it advances) or the very last one (edge).
constexpr index_t ring_depth(index_t offset, index_t latency, padding edge) noexcept {
  index_t const depth = latency + offset;
  if (offset < 0 && edge == padding::keep && depth < -offset) return -offset;
  if (offset < 0 && edge == padding::edge && depth < 1) return 1;
  return depth;
}

/// Bytes of a state, or -1 where that does not fit.
constexpr index_t stream_bytes(shift_plan const& plan, shape const& frame, index_t element_bytes) noexcept {
  segment_list const segments = segments_of(plan);
  index_t const latency = plan.latency();
  index_t total = sizeof(stream_header);
  for (segment const& s : segments) {
    // latency + offset of a plan with far-apart offsets may not fit either.
    index_t depth = 0, bytes = element_bytes;
    if (__builtin_add_overflow(latency, s.offset, &depth)) return -1;
    depth = ring_depth(s.offset, latency, plan.edge());
    if (__builtin_mul_overflow(bytes, depth, &bytes) || __builtin_mul_overflow(bytes, s.count, &bytes) ||
        __builtin_mul_overflow(bytes, frame.space, &bytes) || __builtin_mul_overflow(bytes, frame.batch, &bytes) ||
        __builtin_add_overflow(total, bytes, &total)) {
      return -1;
    }
  }
  return total;
}

/// FNV-1a over what a state depends on.
constexpr std::uint64_t stream_identity(shift_plan const& plan, shape const& frame, index_t element_bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  auto const mix = [&hash](index_t value) {
    for (int i = 0; i < 64; i += 8) {
      hash = (hash ^ ((static_cast<std::uint64_t>(value) >> i) & 0xff)) * 0x100000001b3u;
    }
  };
  for (index_t const v :
       {plan.channels(), static_cast<index_t>(plan.edge()), frame.batch, frame.space, element_bytes}) {
    mix(v);
  }
  for (fold const& f : plan.folds()) {
    mix(f.begin);
    mix(f.count);
    mix(f.offset);
  }
  return hash;
}

/// What a push or a flush needs beside its operands.
struct stream_job {
  segment_list const& segments;
  padding edge;
  index_t latency;
  shape frame;  // time is not used
  index_t element_bytes;
  fill_pattern const& fill;
};

/// Writes outputs [first, first + count) to y's first frames, then takes the `pushed` frames of x into the rings.
/// `received` frames came before them. Outputs beyond what is known must not be asked for, except at a sequence's end
/// (pushed == 0), where everything that is missing is padding.
template <class Arch>
void stream_frames(stream_job const& job, std::byte* state, operand<std::byte const> const& x, index_t received,
                   index_t pushed, operand<std::byte> const& y, index_t first, index_t count) noexcept {
  std::byte* ring = state + sizeof(stream_header);
  for (segment const& s : job.segments) {
    box const size{s.count, job.frame.space, job.element_bytes};
    steps const packed = size.packed(), x_steps{x.c, x.s}, y_steps{y.c, y.s};
    index_t const depth = ring_depth(s.offset, job.latency, job.edge);
    index_t const kept = pushed < depth ? pushed : depth;  // frames of this push that are worth remembering
    for (index_t n = 0; n < job.frame.batch; ++n, ring += depth * size.bytes()) {
      for (index_t i = 0; i < count; ++i) {
        index_t const from = frame_at(first + i, s.offset, received + pushed, job.edge);
        std::byte* const to = y.at(n, i, s.begin);
        if (from < 0) {
          fill_box<Arch>(size, job.fill, to, y_steps);
        } else if (from >= received) {
          copy_box<Arch>(size, x.at(n, from - received, s.begin), x_steps, to, y_steps);
        } else {
          TSHIFT_ASSERT(received - from <= depth);
          copy_box<Arch>(size, ring + from % depth * size.bytes(), packed, to, y_steps);
        }
      }
      for (index_t i = pushed - kept; i < pushed; ++i) {
        copy_box<Arch>(size, x.at(n, i, s.begin), x_steps, ring + (received + i) % depth * size.bytes(), packed);
      }
    }
  }
}

}}}}  // namespace tshift::kernel
