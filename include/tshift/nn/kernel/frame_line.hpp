// SPDX-License-Identifier: MIT
// The input of one step of a network that is fed frame by frame: frames that it still needs, and room behind them.
#pragma once

#include <cstddef>
#include <cstring>

#include <tshift/nn/stream_step.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Frames that a step takes or makes at a time: enough for a product to read its weights once for them, few enough for
/// the caches.
inline constexpr index_t frames_at_once = 64;

/// Frames [begin, end) of each sequence, of which frame `base` would lie at the front of the memory.
template <class T>
class frame_line {
 public:
  frame_line(stream_step const& step, index_t sequences) noexcept : step_(step), sequences_(sequences) {}

  stream_step const& step() const noexcept { return step_; }
  /// Frames that have come.
  index_t end() const noexcept { return end_; }

  /// Frames that there is room for: as many again as are kept, so that these move to the front once for each that comes.
  index_t room() const noexcept {
    return step_.kept() + (step_.kept() > frames_at_once ? step_.kept() : frames_at_once);
  }
  /// Elements of it all.
  index_t size() const noexcept { return sequences_ * (room() * step_.inputs + step_.carried); }
  /// Elements of a saved state.
  index_t saved() const noexcept { return sequences_ * (step_.kept() * step_.inputs + step_.carried); }

  /// What the step takes from frame to frame. memory: of size() elements, as below.
  T* carried(T* memory) const noexcept { return memory + sequences_ * room() * step_.inputs; }

  /// What is known.
  tensor_view<T const> known(T const* memory) const {
    return {at(memory, 0, begin_), {sequences_, end_ - begin_, step_.inputs}, strides_of()};
  }
  /// Where the next frames belong. There is room for them.
  tensor_view<T> next(T* memory, index_t frames) const {
    return {at(memory, 0, end_), {sequences_, frames, step_.inputs}, strides_of()};
  }
  /// The frame of known() that window number `window` counts from.
  index_t place(index_t window) const noexcept { return window * step_.window.stride - begin_; }

  /// Makes room for as many of `wanted` frames as it can, one at least, and says for how many.
  index_t make_room(T* memory, index_t wanted) noexcept {
    if (room() - (end_ - base_) < wanted) {
      std::size_t const bytes = sizeof(T) * static_cast<std::size_t>((end_ - begin_) * step_.inputs);
      for (index_t n = 0; n < sequences_ && bytes > 0; ++n) {
        std::memmove(at(memory, n, base_), at(memory, n, begin_), bytes);
      }
      base_ = begin_;
    }
    index_t const left = room() - (end_ - base_);
    return left < wanted ? left : wanted;
  }

  /// So many have come.
  void grow(index_t frames) noexcept { end_ += frames; }
  /// Windows before number `window` have been made.
  void drop(index_t window) noexcept { begin_ = first_needed(window); }

  /// A sequence of which nothing has come.
  void clear(T* memory) noexcept {
    base_ = begin_ = end_ = 0;
    for (index_t i = 0; i < sequences_ * step_.carried; ++i) carried(memory)[i] = T(0);
  }

  /// Writes saved() elements, zeros where nothing is kept.
  void save(T const* memory, std::byte* to) const {
    std::memset(to, 0, sizeof(T) * static_cast<std::size_t>(saved()));
    tensor_view<T const> const held = known(memory);
    for (index_t n = 0; n < sequences_ && held.size() > 0; ++n) {
      std::memcpy(to + kept_bytes(n), held.at(n, 0, 0), frame_bytes(end_ - begin_));
    }
    std::size_t const bytes = sizeof(T) * static_cast<std::size_t>(sequences_ * step_.carried);
    if (bytes > 0) std::memcpy(to + kept_bytes(sequences_), memory + sequences_ * room() * step_.inputs, bytes);
  }

  /// Takes over what a line wrote to which so many frames had come.
  void restore(T* memory, std::byte const* from, index_t frames) noexcept {
    end_ = frames;
    base_ = begin_ = first_needed(step_.made_of(frames));
    for (index_t n = 0; n < sequences_ && end_ > begin_ && step_.inputs > 0; ++n) {
      std::memcpy(at(memory, n, begin_), from + kept_bytes(n), frame_bytes(end_ - begin_));
    }
    std::size_t const bytes = sizeof(T) * static_cast<std::size_t>(sequences_ * step_.carried);
    if (bytes > 0) std::memcpy(carried(memory), from + kept_bytes(sequences_), bytes);
  }

 private:
  strides strides_of() const noexcept { return {room() * step_.inputs, step_.inputs, 1, 1}; }
  template <class Element>
  Element* at(Element* memory, index_t n, index_t t) const noexcept {
    return sequences_ > 0 ? memory + (n * room() + t - base_) * step_.inputs : memory;  // which is none then
  }
  std::size_t frame_bytes(index_t frames) const noexcept {
    return sizeof(T) * static_cast<std::size_t>(frames * step_.inputs);
  }
  std::size_t kept_bytes(index_t sequences) const noexcept { return frame_bytes(sequences * step_.kept()); }

  index_t first_needed(index_t window) const noexcept {
    index_t const first = window * step_.window.stride - step_.window.before;
    return first < 0 ? 0 : first < end_ ? first : end_;
  }

  stream_step step_;
  index_t sequences_ = 0, base_ = 0, begin_ = 0, end_ = 0;
};

}}}}  // namespace tshift::nn::kernel
