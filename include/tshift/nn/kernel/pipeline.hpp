// SPDX-License-Identifier: MIT
// A network fed frame by frame: each step reads a line of frames, and writes behind the line of the next. A step runs as
// soon as a window of frames is complete; at the end of the sequence its windows reach past it, as offline. Nothing is
// computed twice, and nothing allocated after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <tshift/nn/kernel/frame_line.hpp>
#include <tshift/nn/workspace.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Lines, counters and memory of one step or more. A value: copies are deep.
///
/// What moves it gives three functions:
///
///   run(step, frames, y, arena)   makes y [N, frames, outputs], which is stream_frames' meaning of `frames`
///   room(count)                   memory for so many frames of the last step; null data: let it lie in here
///   done(y)                       they are made
template <class T>
class pipeline {
 public:
  /// @param name       in messages
  /// @param sequences  that advance together
  /// @param scratch    elements that any step needs while it makes frames_at_once frames
  pipeline(char const* name, index_t sequences, std::vector<stream_step> const& steps, index_t scratch)
      : name_(name), sequences_(sequences), scratch_(scratch) {
    arena<T> counting(name);
    auto const take = [&counting](std::initializer_list<index_t> sizes) {
      index_t const begin = counting.most();
      counting.take(sizes);
      return begin;
    };
    for (stream_step const& step : steps) {
      frame_line<T> const line(step, sequences);
      (void)detail::checked_product(name, {sequences, line.room(), step.inputs});
      (void)detail::checked_product(name, {sequences, step.carried});
      lines_.push_back({line, take({line.size()})});
    }
    made_at_ = take({sequences, frames_at_once, steps.back().outputs});
    scratch_at_ = take({scratch});
    memory_.resize(static_cast<std::size_t>(counting.most()));
  }

  /// Who it is.
  char const* name() const noexcept { return name_; }
  index_t sequences() const noexcept { return sequences_; }
  /// Whether it was moved from.
  bool empty() const noexcept { return lines_.empty(); }
  index_t inputs() const noexcept { return empty() ? 0 : lines_.front().line.step().inputs; }
  index_t outputs() const noexcept { return empty() ? 0 : lines_.back().line.step().outputs; }
  /// Frames of x so far.
  index_t received() const noexcept { return empty() ? 0 : lines_.front().line.end(); }
  /// Frames that have left.
  index_t made() const noexcept { return made_; }
  /// Elements of all its memory.
  index_t size() const noexcept { return static_cast<index_t>(memory_.size()); }

  /// Frames that leave if so many more of x come.
  index_t ready(index_t frames) const noexcept {
    index_t made = received() + frames;
    for (part const& p : lines_) made = p.line.step().made_of(made);
    return made - made_;
  }
  /// Frames that leave if no more come.
  index_t pending() const noexcept {
    index_t made = received();
    for (part const& p : lines_) made = p.line.step().window.count(made);
    return made - made_;
  }
  /// The frame of x with which frame 0 leaves.
  index_t latency() const noexcept {
    index_t sum = 0, stride = 1;
    for (part const& p : lines_) {
      sum += stride * p.line.step().latency();
      stride *= p.line.step().window.stride;
    }
    return sum;
  }

  /// Takes frames of x, [N, k, inputs], or as many pixels of neighbouring channels.
  template <class Run, class Room, class Done>
  void push(tensor_view<T const> const& x, Run const& run, Room const& room, Done const& done) {
    part& p = lines_.front();
    for (index_t first = 0; first < x.shape.time;) {
      index_t const rest = x.shape.time - first, wanted = rest < frames_at_once ? rest : frames_at_once;
      index_t const some = p.line.make_room(at(p), wanted);
      tensor_view<T> const to = p.line.next(at(p), some);
      for (index_t n = 0; n < sequences_; ++n) {
        for (index_t t = 0; t < some; ++t) {
          for (index_t s = 0; s < x.shape.space; ++s) {
            T const* const pixel = x.at(n, first + t, 0, s);
            for (index_t c = 0; c < x.shape.channels; ++c) to(n, t, s * x.shape.channels + c) = pixel[c];
          }
        }
      }
      p.line.grow(some);
      advance(0, false, run, room, done);
      first += some;
    }
  }

  /// The sequence is over: what it still gives. Then only clear, or restore.
  template <class Run, class Room, class Done>
  void flush(Run const& run, Room const& room, Done const& done) {
    advance(0, true, run, room, done);
  }

  /// A sequence of which nothing has come.
  void clear() noexcept {
    for (part& p : lines_) p.line.clear(at(p));
    made_ = 0;
  }

  /// Bytes of a saved state.
  std::size_t state_bytes() const noexcept {
    std::size_t size = sizeof(header);
    for (part const& p : lines_) size += sizeof(T) * static_cast<std::size_t>(p.line.saved());
    return size;
  }

  /// Writes state_bytes() bytes. Equal states are equal bytes.
  void save(std::byte* to) const {
    header const h{identity(), received()};
    std::memcpy(to, &h, sizeof h);
    to += sizeof h;
    for (part const& p : lines_) {
      p.line.save(memory_.data() + p.memory, to);
      to += sizeof(T) * static_cast<std::size_t>(p.line.saved());
    }
  }

  /// Whether these are bytes that save wrote, for the same steps and as many sequences. At least state_bytes().
  bool knows(std::byte const* saved) const noexcept {
    header h;
    std::memcpy(&h, saved, sizeof h);
    return h.identity == identity() && h.received >= 0 && h.received <= most_received();
  }

  /// Frames that have left where such bytes were written.
  index_t made_in(std::byte const* saved) const noexcept {
    header h;
    std::memcpy(&h, saved, sizeof h);
    auto made = static_cast<index_t>(h.received);
    for (part const& p : lines_) made = p.line.step().made_of(made);
    return made;
  }

  /// Takes over what save wrote.
  void restore(std::byte const* from) noexcept {
    header h;
    std::memcpy(&h, from, sizeof h);
    from += sizeof h;
    made_ = static_cast<index_t>(h.received);
    for (part& p : lines_) {
      p.line.restore(at(p), from, made_);
      made_ = p.line.step().made_of(made_);
      from += sizeof(T) * static_cast<std::size_t>(p.line.saved());
    }
  }

  /// The most frames of a sequence: far from the largest index, whatever windows add.
  static constexpr index_t most_received() noexcept { return std::numeric_limits<index_t>::max() / 4; }

 private:
  struct header {
    std::uint64_t identity;
    std::int64_t received;
  };
  struct part {
    frame_line<T> line;
    index_t memory;  // elements before its own
  };

  T* at(part const& p) noexcept { return memory_.data() + p.memory; }

  /// Has step i make what it can, and the steps after it.
  template <class Run, class Room, class Done>
  void advance(std::size_t i, bool ended, Run const& run, Room const& room, Done const& done) {
    part& p = lines_[i];
    stream_step const& step = p.line.step();
    part* const next = i + 1 < lines_.size() ? &lines_[i + 1] : nullptr;
    index_t made = next != nullptr ? next->line.end() : made_;
    index_t const due = ended ? step.window.count(p.line.end()) : step.made_of(p.line.end());
    while (made < due) {
      index_t some = due - made < frames_at_once ? due - made : frames_at_once;
      tensor_view<T> y;
      if (next != nullptr) {
        some = next->line.make_room(at(*next), some);
        y = next->line.next(at(*next), some);
      } else {
        y = room(some);
        if (y.data == nullptr) y = tensor_view<T>(memory_.data() + made_at_, {sequences_, some, step.outputs});
      }
      stream_frames<T> const frames{p.line.known(at(p)), p.line.place(made), made, p.line.carried(at(p))};
      run(static_cast<index_t>(i), frames, y,
          arena<T>(name_, {memory_.data() + scratch_at_, static_cast<std::size_t>(scratch_)}));
      made += some;
      if (next == nullptr) {
        made_ = made;
        done(y);
      } else {
        next->line.grow(some);
        advance(i + 1, false, run, room, done);
      }
    }
    p.line.drop(made);
    if (ended && next != nullptr) advance(i + 1, true, run, room, done);
  }

  /// Of all that a state depends on (FNV-1a).
  std::uint64_t identity() const noexcept {
    std::uint64_t hash = 14695981039346656037u;
    auto const add = [&hash](index_t value) {
      auto bits = static_cast<std::uint64_t>(value);
      for (int i = 0; i < 8; ++i, bits >>= 8) hash = (hash ^ (bits & 255u)) * 1099511628211u;
    };
    add(static_cast<index_t>(sizeof(T)));
    add(sequences_);
    for (part const& p : lines_) {
      stream_step const& s = p.line.step();
      for (index_t const each : {s.inputs, s.outputs, s.carried, s.window.taps, s.window.stride, s.window.before}) {
        add(each);
      }
    }
    return hash;
  }

  char const* name_;
  index_t sequences_, scratch_, made_at_ = 0, scratch_at_ = 0, made_ = 0;
  std::vector<part> lines_;
  std::vector<T> memory_;
};

}}}}  // namespace tshift::nn::kernel
