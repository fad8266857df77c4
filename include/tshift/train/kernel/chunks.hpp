// SPDX-License-Identifier: MIT
// Gradients of a few numbers a channel that are sums over all frames: of a norm, of small filters. Frames are cut into
// chunks. Each is summed by itself while dx of its frames is made, so that x and dy are read once; then the sums are
// added to the gradient, one after the other. A chunk begins a whole number of chunks after the beginning of its
// sequence: not one bit depends on the threads, the padding, or the number of sequences in a call.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/parts.hpp>
#include <tshift/train/kernel/matrix.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Frames of a chunk: what a table of rows has room for.
inline constexpr index_t chunk_frames = row_capacity;

/// Frames of a chunk that are worked on together: they stay in the L1 cache while they are read once more.
inline constexpr index_t frames_together = 8;

/// Row r of a table where it lies, or put together in `room`.
template <class T>
T const* in_one_run(row_block<T> const& table, index_t r, T* room) noexcept {
  T const* const whole = table.pieces == 1 ? table.items[0].row[r] : nullptr;
  if (whole == nullptr) collect(table, r, room);
  return whole != nullptr ? whole : room;
}

/// [N, T] in chunks, numbered through all sequences.
class frame_chunks {
 public:
  /// Frames [first, first + frames) of sequence n, of which `inside` belong to it. row: first, numbered through all
  /// sequences.
  struct chunk {
    index_t n, first, frames, inside, row;
  };

  explicit frame_chunks(shape const& x) noexcept
      : time_(x.time), each_((x.time + chunk_frames - 1) / chunk_frames), count_(x.batch * each_) {}

  index_t count() const noexcept { return count_; }

  /// @param lengths  a view with the lengths of x
  template <class T>
  chunk at(index_t i, tensor_view<T const> const& lengths) const noexcept {
    index_t const n = i / each_, first = i % each_ * chunk_frames, left = time_ - first;
    index_t const frames = left < chunk_frames ? left : chunk_frames, length = lengths.length(n) - first;
    return {n, first, frames, length < 0 ? 0 : length < frames ? length : frames, n * time_ + first};
  }

  /// The parts in which chunks are worked on.
  /// @param work  multiply-adds for a frame
  row_split split(index_t work) const noexcept {
    return row_split::of_tasks(count_, work * (time_ < chunk_frames ? time_ : chunk_frames), most_parts);
  }

 private:
  index_t time_, each_, count_;
};

/// body(part, i, chunk) for each chunk; frames of dx behind the length are set to zero.
/// @param dx  may have no data
template <class Executor, class T, class Body>
void for_chunks(Executor& exec, tensor_view<T const> const& lengths, tensor_view<T> const& dx, index_t work,
                Body const& body) {
  frame_chunks const chunks(lengths.shape);
  row_split const split = split_for<Executor>(chunks.split(work));
  for_parts(exec, split.parts, [&lengths, &dx, &body, &chunks, &split](index_t part) {
    for (index_t i = split.begin(part); i < split.end(part); ++i) {
      frame_chunks::chunk const each = chunks.at(i, lengths);
      if (each.inside > 0) body(part, i, each);
      for (index_t t = each.inside; t < each.frames && dx.data != nullptr; ++t) {
        for (index_t c = 0; c < dx.shape.channels; ++c) dx(each.n, each.first + t, c) = T(0);
      }
    }
  });
}

/// add(sums of a chunk, first channel, one past the last) for each chunk with frames in it, in order; each task has
/// channels of its own.
/// @param sums  `size` elements of each chunk
template <class Executor, class T, class Add>
void add_chunks(Executor& exec, tensor_view<T const> const& lengths, T const* sums, index_t size, index_t channels,
                Add const& add) {
  frame_chunks const chunks(lengths.shape);
  index_t const each = channels > 0 ? size / channels : 1;
  // An addition waits for memory as long as some multiply-adds take.
  row_split const split = split_for<Executor>({channels, 4 * chunks.count() * each, 16});
  for_parts(exec, split.parts, [&lengths, &add, &chunks, &split, sums, size](index_t part) {
    for (index_t i = 0; i < chunks.count(); ++i) {
      if (chunks.at(i, lengths).inside > 0) add(sums + i * size, split.begin(part), split.end(part));
    }
  });
}

}}}}  // namespace tshift::train::kernel
