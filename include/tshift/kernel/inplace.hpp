// SPDX-License-Identifier: MIT
// The walk in place: only the channels that move are touched, and no buffer grows with the tensor.
//
// A delay walks time downwards and an advance upwards, so that every frame is read before it is overwritten. A circular
// shift follows the cycles of the rotation.
#pragma once

#include <cstddef>
#include <cstring>

#include <tshift/kernel/box.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Bytes of stack that a rotation may use at a time.
inline constexpr index_t rotation_bytes = 512;

/// Frames ahead that a walk against the memory's order asks for: hardware prefetchers follow small strides only.
inline constexpr index_t prefetch_frames = 16;

/// The same where one channel's frames are neighbours: channels ahead.
inline constexpr index_t prefetch_lines = 4;

/// y[t] = x[(t - delay) mod length] for a strip of at most rotation_bytes per frame, 0 < delay < length: each cycle of
/// the rotation carries one strip on the stack.
inline void rotate_strip(std::byte* first, index_t step, index_t bytes, index_t length, index_t delay) noexcept {
  TSHIFT_ASSERT(bytes <= rotation_bytes && 0 < delay && delay < length);
  std::byte carried[rotation_bytes];
  index_t moved = 0;
  for (index_t start = 0; moved < length; ++start) {
    std::memcpy(carried, first + start * step, static_cast<std::size_t>(bytes));
    index_t to = start;
    for (;;) {
      ++moved;
      index_t const from = to >= delay ? to - delay : to - delay + length;
      if (from == start) break;
      std::memcpy(first + to * step, first + from * step, static_cast<std::size_t>(bytes));
      to = from;
    }
    std::memcpy(first + to * step, carried, static_cast<std::size_t>(bytes));
  }
}

inline void swap_bytes(std::byte* a, std::byte* b, index_t n) noexcept {
  std::byte carried[rotation_bytes];
  for (index_t i = 0; i < n; i += rotation_bytes) {
    auto const k = static_cast<std::size_t>(n - i < rotation_bytes ? n - i : rotation_bytes);
    std::memcpy(carried, a + i, k);
    std::memcpy(a + i, b + i, k);
    std::memcpy(b + i, carried, k);
  }
}

/// Turns [front | back] into [back | front], sizes in bytes: blocks of equal size change places until the rest fits on
/// the stack.
inline void rotate_run(std::byte* first, index_t front, index_t back) noexcept {
  while (front > rotation_bytes && back > rotation_bytes) {
    if (front >= back) {  // [a1 a2 | b] with a1 as long as b becomes b [a2 | a1]
      swap_bytes(first, first + front, back);
      first += back;
      front -= back;
    } else {  // [a | b1 b2] with b2 as long as a becomes [b2 | b1] a
      swap_bytes(first, first + back, front);
      back -= front;
    }
  }
  std::byte carried[rotation_bytes];
  if (front <= back) {
    std::memcpy(carried, first, static_cast<std::size_t>(front));
    std::memmove(first, first + front, static_cast<std::size_t>(back));
    std::memcpy(first + back, carried, static_cast<std::size_t>(front));
  } else {
    std::memcpy(carried, first + front, static_cast<std::size_t>(back));
    std::memmove(first + back, first, static_cast<std::size_t>(front));
    std::memcpy(first, carried, static_cast<std::size_t>(back));
  }
}

/// Neighbouring channels of one sequence as a list of frames, and the ways to change whole frames.
template <class Arch>
class frame_box {
 public:
  /// Channels [channel, channel + count) of sequence n, counting frames from first_frame.
  /// @param far  the tensor is too large for the caches
  frame_box(operand<std::byte> const& x, task const& job, index_t n, index_t first_frame, index_t channel,
            index_t count, bool far) noexcept
      : base_(x.at(n, first_frame, channel)), x_(x), job_(job), size_{count, job.dims.space, job.element_bytes},
        far_(far), run_(size_.dense({x.c, x.s}) ? size_.bytes() : 0) {}

  /// Frames [from, from + count) become frames [to, to + count); the two ranges may overlap.
  void move_frames(index_t from, index_t to, index_t count) const noexcept {
    if (frames_are_one_run()) {
      // A line of time: the next ones are those of the next channels.
      index_t const bytes = far_ && count * run_ < prefetch_bytes ? count * run_ : 0;
      for (index_t i = 0; i < bytes; i += line_bytes) prefetch(base_, prefetch_lines * x_.c + i);
      move_run<Arch>(frame(from), frame(to), count * run_);
      return;
    }
    index_t const first = to > from ? count - 1 : 0, step = to > from ? -1 : 1;  // against the direction of the move
    for (index_t done = 0; done < count; done += prefetch_frames) {
      index_t const frames = count - done < prefetch_frames ? count - done : prefetch_frames;
      index_t const at = first + done * step;
      for (index_t i = 0; far_ && i < frames; ++i) prefetch_frame(from + at + (prefetch_frames + i) * step);
      if (run_ > 0) {
        store_rows<Arch>(copying<Arch>{size_.element_bytes}, frame(from + at), step * x_.t, frame(to + at), step * x_.t,
                         run_, frames);
      } else {
        for (index_t i = 0; i < frames; ++i) copy_frame(from + at + i * step, to + at + i * step);
      }
    }
  }

  void copy_frame(index_t from, index_t to) const noexcept {
    if (run_ > 0) return store_run<Arch>(copy_from<Arch>{frame(from)}, frame(to), run_);
    copy_box<Arch>(size_, frame(from), {x_.c, x_.s}, frame(to), {x_.c, x_.s});
  }

  void fill_frame(index_t to) const noexcept { fill_box<Arch>(size_, *job_.fill, frame(to), {x_.c, x_.s}); }

  /// y[t] = x[(t - delay) mod length], 0 < delay < length
  void rotate(index_t length, index_t delay) const noexcept {
    if (frames_are_one_run()) return rotate_run(base_, (length - delay) * run_, delay * run_);
    auto const strips = [&](std::byte* first, index_t bytes) {
      for (index_t i = 0; i < bytes; i += rotation_bytes) {
        rotate_strip(first + i, x_.t, bytes - i < rotation_bytes ? bytes - i : rotation_bytes, length, delay);
      }
    };
    if (run_ > 0) return strips(base_, run_);
    for (index_t c = 0; c < size_.channels; ++c) {
      for (index_t s = 0; s < size_.space; ++s) strips(base_ + c * x_.c + s * x_.s, size_.element_bytes);
    }
  }

 private:
  std::byte* frame(index_t t) const noexcept { return base_ + t * x_.t; }
  bool frames_are_one_run() const noexcept { return run_ > 0 && x_.t == run_; }

  void prefetch_frame(index_t t) const noexcept {
    for (index_t i = 0; i < run_; i += line_bytes) prefetch(base_, t * x_.t + i);
    prefetch(base_, t * x_.t + run_ - 1);
  }

  std::byte* base_;
  operand<std::byte> const& x_;
  task const& job_;
  box size_;
  bool far_;
  index_t run_;  // bytes of a frame where that is one run, else 0
};

/// Shifts the first `length` frames of a box among themselves.
template <class Arch>
void shift_frames(frame_box<Arch> const& box, index_t length, index_t offset, padding edge) noexcept {
  if (edge == padding::circular) {
    index_t const back = offset % length;
    if (back != 0) box.rotate(length, back < 0 ? back + length : back);
    return;
  }
  vacancy const v = vacancy_of(offset, length);
  if (offset > 0) {
    box.move_frames(0, v.count, v.kept);
  } else {
    box.move_frames(v.count, 0, v.kept);
  }
  // keep has nothing left to do: vacated frames were not touched.
  index_t const nearest = offset > 0 ? 0 : length - 1;
  for (index_t t = v.first; t < v.first + v.count; ++t) {
    if (edge == padding::zero) box.fill_frame(t);
    if (edge == padding::edge && t != nearest) box.copy_frame(nearest, t);
  }
}

/// Calls part(n, channel, count, offset) for the channels that move, numbered through all sequences, in [first, last).
/// Where frames lie inside channels every channel comes alone.
template <class Part>
void for_each_moved(operand<std::byte> const& x, task const& job, index_t first, index_t last, Part part) noexcept {
  index_t moved = 0;
  for (segment const& s : job.segments) moved += s.offset != 0 ? s.count : 0;
  bool const together = channels_inside(x, job.dims);
  for (index_t unit = first; unit < last;) {
    index_t const n = unit / moved;
    index_t passed = n * moved;  // units before the segment at hand
    for (segment const& s : job.segments) {
      if (s.offset == 0) continue;
      index_t const begin = unit - passed;
      index_t const end = last - passed < s.count ? last - passed : s.count;
      passed += s.count;
      if (begin >= end) continue;
      unit += end - begin;
      if (together) {
        part(n, s.begin + begin, end - begin, s.offset);
      } else {
        for (index_t c = begin; c < end; ++c) part(n, s.begin + c, index_t{1}, s.offset);
      }
    }
  }
}

/// x = S x for the moved channels [first, last), numbered through all sequences.
template <class Arch>
void shift_inplace(operand<std::byte> const& x, task const& job, bool far, index_t first, index_t last) noexcept {
  for_each_moved(x, job, first, last, [&x, &job, far](index_t n, index_t channel, index_t count, index_t offset) {
    if (index_t const length = job.length(n); length > 0) {
      shift_frames(frame_box<Arch>(x, job, n, 0, channel, count, far), length, offset, job.edge);
    }
  });
}

}}}}  // namespace tshift::kernel
