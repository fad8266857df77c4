// SPDX-License-Identifier: MIT
// The walk's map: a plan cut into segments of channels and pieces of time, and memory as bytes with byte strides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include <tshift/plan.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { namespace types {

/// Channels that move together.
struct segment {
  index_t begin, count, offset;
};

/// Segments in ascending order that cover [0, C) without gaps.
struct segment_list {
  segment items[2 * shift_plan::capacity + 1];
  index_t count = 0;

  /// At run time the items stay as they are: clearing them would cost as much as a small shift.
  // cppcheck-suppress uninitMemberVar
  TSHIFT_INLINE constexpr segment_list() noexcept {
    if (__builtin_is_constant_evaluated()) {  // not std::, see shifted_view.hpp
      for (segment& s : items) s = {0, 0, 0};
    }
  }

  TSHIFT_INLINE constexpr segment const* begin() const noexcept { return items; }
  TSHIFT_INLINE constexpr segment const* end() const noexcept { return items + count; }

  /// Neighbours with one offset become one segment: longer runs.
  TSHIFT_INLINE constexpr void append(index_t first, index_t length, index_t offset) noexcept {
    if (length == 0) return;
    if (count > 0 && items[count - 1].offset == offset) {
      items[count - 1].count += length;
    } else {
      items[count++] = {first, length, offset};
    }
  }
};

}}}  // namespace tshift::types

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

using types::segment;
using types::segment_list;

constexpr index_t magnitude(index_t value) noexcept { return value < 0 ? -value : value; }

constexpr segment_list segments_of(shift_plan const& plan) noexcept {
  segment_list list;
  index_t done = 0;  // channels before this one are covered
  auto const folds = plan.folds();
  while (done < plan.channels()) {
    fold const* next = nullptr;
    for (fold const& f : folds) {
      if (f.count > 0 && f.begin >= done && (next == nullptr || f.begin < next->begin)) next = &f;
    }
    index_t const until = next != nullptr ? next->begin : plan.channels();
    list.append(done, until - done, 0);
    if (next == nullptr) break;
    list.append(next->begin, next->count, next->offset);
    done = next->begin + next->count;
  }
  return list;
}

/// Neighbouring frames [begin, begin + count) whose sources are neighbours too (move: begin at `source`), are all one
/// frame (hold: `source`), or are the fill value.
struct piece {
  enum class kind { move, hold, fill } what;
  index_t begin, count, source;
};

/// The frames that a shift by `offset` vacates in a sequence of `length` frames, and how many others there are.
struct vacancy {
  index_t first, count, kept;
};

constexpr vacancy vacancy_of(index_t offset, index_t length) noexcept {
  index_t const reach = magnitude(offset);
  index_t const count = reach < length ? reach : length;
  return {offset > 0 ? 0 : length - count, count, length - count};
}

/// Calls visit(piece) for where the T frames of one segment come from, in a sequence that ends at length <= T:
/// ascending, no gaps, at most three, none of them empty. Inlined, so that small calls keep a piece in registers.
template <class Visit>
TSHIFT_INLINE constexpr void for_each_piece(index_t offset, index_t length, index_t time, padding edge,
                                            Visit const& visit) noexcept {
  using enum piece::kind;
  auto const give = [&visit](piece const& p) {
    if (p.count > 0) visit(p);
  };
  if (offset == 0 || length == 0) return give({move, 0, time, 0});
  if (edge == padding::circular) {
    index_t const back = offset % length;
    index_t const wrapped = back < 0 ? back + length : back;  // the delay in [0, length)
    give({move, 0, wrapped, length - wrapped});
    give({move, wrapped, length - wrapped, 0});
  } else {
    vacancy const v = vacancy_of(offset, length);
    if (offset < 0) give({move, 0, v.kept, v.count});
    switch (edge) {
      case padding::zero: give({fill, v.first, v.count, 0}); break;
      case padding::keep: give({move, v.first, v.count, v.first}); break;
      default: give({hold, v.first, v.count, offset > 0 ? 0 : length - 1}); break;
    }
    if (offset > 0) give({move, v.count, v.kept, 0});
  }
  give({move, length, time - length, length});
}

struct piece_list {
  piece items[3];
  index_t count;

  constexpr piece const* begin() const noexcept { return items; }
  constexpr piece const* end() const noexcept { return items + count; }
};

/// The same as a list.
constexpr piece_list pieces_of(index_t offset, index_t length, index_t time, padding edge) noexcept {
  piece_list list;
  list.count = 0;
  for_each_piece(offset, length, time, edge, [&list](piece const& p) { list.items[list.count++] = p; });
  return list;
}

/// The frame that y[t] comes from, or -1 where it is the fill value: what pieces_of says, for one frame.
constexpr index_t frame_at(index_t t, index_t offset, index_t length, padding edge) noexcept {
  // Unsigned, so that one comparison sees both ends; inside holds for nearly every frame of a long sequence.
  auto const source = static_cast<index_t>(static_cast<std::size_t>(t) - static_cast<std::size_t>(offset));
  if (static_cast<std::size_t>(source) < static_cast<std::size_t>(length) && t < length) return source;
  if (t >= length) return t;
  switch (edge) {
    case padding::zero: return -1;
    case padding::keep: return t;
    case padding::edge: return offset > 0 ? 0 : length - 1;
    case padding::circular: {
      index_t const back = offset % length;
      return back <= t ? (t - back < length ? t - back : t - back - length) : t - back + length;
    }
  }
  return -1;
}

/// Memory of one operand: where it is, and byte strides.
template <class Byte>
struct operand {
  Byte* data;
  index_t n, t, c, s;

  constexpr Byte* at(index_t in, index_t it, index_t ic) const noexcept { return data + (in * n + it * t + ic * c); }
};

/// The fill value repeated, so that filling is copying. A large element is used where it is, and must stay there.
class fill_pattern {
 public:
  static constexpr index_t capacity = 256;

  /// @param edge  nothing is repeated for a padding that does not fill
  /// @param most  bytes of the longest run that will be filled; more repetitions than that are of no use
  template <class T>
  fill_pattern(T const& value, padding edge, index_t most = capacity) noexcept
      : data_(reinterpret_cast<std::byte const*>(std::addressof(value))), bytes_(sizeof(T)) {
    constexpr std::size_t size = sizeof(T), repeats = static_cast<std::size_t>(capacity) / size;
    if constexpr (repeats > 1) {
      if (edge != padding::zero) return;
      if constexpr (size == 1 || size == 2 || size == 4 || size == 8) {
        // In a register, because small calls would wait for memory written in pieces and read as a whole.
        using word_or_half = std::conditional_t<size == 8, std::uint64_t, std::uint32_t>;
        using small = std::conditional_t<size == 1, std::uint8_t, std::uint16_t>;
        using number = std::conditional_t<(size < 4), small, word_or_half>;
        number one;
        std::memcpy(&one, data_, size);
        std::uint64_t const word = one * (~std::uint64_t{0} / static_cast<number>(~number{0}));  // as often as it fits
        std::uint64_t const words[4] = {word, word, word, word};
        index_t const needed = most < capacity ? most : capacity;
        index_t filled = 0;
        do {
          std::memcpy(repeated_ + filled, words, sizeof words);
          filled += index_t{sizeof words};
        } while (filled < needed);
        bytes_ = filled;
      } else {
        unsigned char one[size];
        std::memcpy(one, data_, size);
        for (std::size_t i = 0; i < repeats; ++i) std::memcpy(repeated_ + i * size, one, size);
        bytes_ = static_cast<index_t>(repeats * size);
      }
      data_ = repeated_;
    }
  }
  fill_pattern(fill_pattern const&) = delete;
  fill_pattern& operator=(fill_pattern const&) = delete;

  std::byte const* data() const noexcept { return data_; }
  index_t bytes() const noexcept { return bytes_; }

 private:
  std::byte const* data_;
  index_t bytes_;
  std::byte repeated_[capacity];
};

/// Everything a kernel needs beside the operands.
struct task {
  shape dims;
  index_t const* lengths;  // null: every sequence has dims.time frames
  index_t element_bytes;
  padding edge;
  segment_list segments;
  fill_pattern const* fill;

  index_t length(index_t n) const noexcept { return lengths != nullptr ? lengths[n] : dims.time; }
};

/// Whether frames lie further apart than channels, so that the natural run is along channels.
template <class Byte>
constexpr bool channels_inside(operand<Byte> const& y, shape const& dims) noexcept {
  return dims.time == 1 || dims.channels == 1 || magnitude(y.c) <= magnitude(y.t);
}

}}}}  // namespace tshift::kernel
