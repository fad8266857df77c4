// SPDX-License-Identifier: MIT
// The move: a source becomes memory, as fast as the machine can. store_run and store_rows write through the caches,
// line_writer around them, move_run within one piece of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tshift/kernel/source.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Four vectors of a source, from byte i on: all are read before one is written, and enough are under way at a time.
template <class Source>
TSHIFT_INLINE void store_block(Source const& source, index_t i, std::byte* to) noexcept {
  using vector = typename Source::vector;
  constexpr index_t W = vector::width;
  vector const v0 = source.load(i), v1 = source.load(i + W);
  vector const v2 = source.load(i + 2 * W), v3 = source.load(i + 3 * W);
  v0.store(to + i);
  v1.store(to + i + W);
  v2.store(to + i + 2 * W);
  v3.store(to + i + 3 * W);
}

/// Units built for short vectors leave long copies to the C library, which finds the machine's long ones at run time.
inline constexpr index_t long_vector_bytes = 32;
inline constexpr index_t long_run_bytes = 512;

/// Writes n bytes of a source to `to`, through the caches. `to` may be an input of a sum: everything a vector needs is
/// read before any byte of it is written.
template <class Arch, class Source>
TSHIFT_INLINE void store_run(Source const& source, std::byte* to, index_t n) noexcept {
  using vector = typename Source::vector;
  constexpr index_t W = vector::width;
  if (n < W) return source.load_short(0, to, n);
  if constexpr (W < long_vector_bytes && !Source::may_be_overwritten) {
    if (n >= long_run_bytes) {
      std::memcpy(to, source.from, static_cast<std::size_t>(n));
      return;
    }
  }
  // The first vector where `to` is not aligned, and the last of a length that is no multiple, overlap their neighbours, so
  // that the stores between them are aligned and no loop for a tail is needed. A sum that may be written over its own
  // input reads both before anything is written; a copy reads them in their turn, because prefetchers want lines in order.
  // What is computed rather than loaded, only where it is needed.
  index_t const unaligned = source.template first_aligned<W>(to);
  vector const head = !Source::computes || unaligned != 0 ? source.load(0) : vector{};
  bool const early = Source::may_be_overwritten && (!Source::computes || (n - unaligned) % W != 0);
  vector tail = early ? source.load(n - W) : head;
  index_t i = unaligned;
  for (; i + 4 * W <= n; i += 4 * W) store_block(source, i, to);
  // No loop for the rest: its short and changing counts are what branch predictors miss.
  if (n - i >= 2 * W) {
    vector const v0 = source.load(i), v1 = source.load(i + W);
    v0.store(to + i);
    v1.store(to + i + W);
    i += 2 * W;
  }
  if (n - i >= W) {
    source.load(i).store(to + i);
    i += W;
  }
  if (i < n) {
    if constexpr (!Source::may_be_overwritten) tail = source.load(n - W);
    tail.store(to + n - W);
  }
  if (unaligned != 0) head.store(to);
}

/// Moves n bytes whose places may overlap.
template <class Arch>
void move_run(std::byte const* from, std::byte* to, index_t n) noexcept {
  using vector = byte_vector<Arch>;
  constexpr index_t W = vector::width;
  copy_from<Arch> const source{from};
  if (n < W) return copy_short(from, to, n);
  vector const head = source.load(0), tail = source.load(n - W);
  if (to < from) {
    index_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) store_block(source, i, to);
    for (; i + W <= n; i += W) source.load(i).store(to + i);
  } else {
    index_t i = n;
    for (; i >= 4 * W; i -= 4 * W) store_block(source, i - 4 * W, to);
    for (; i >= W; i -= W) source.load(i - W).store(to + i - W);
  }
  head.store(to);
  tail.store(to + n - W);
}

/// Writes runs one after the other around the caches, one whole line at a time. A line in which two runs meet is put
/// together on the stack first, because half a streamed line costs a round trip to memory.
/// A run that does not begin where the last one ended starts anew. finish() once at the end.
template <class Arch>
class line_writer {
 public:
  template <class Source>
  void append(Source const& source, std::byte* to, index_t n) noexcept {
    if (to != next_) {
      flush();
      next_ = to;
      first_ = position();
    }
    index_t i = 0;
    if (index_t const begun = position(); begun != 0) {
      i = line_bytes - begun < n ? line_bytes - begun : n;
      source.load_short(0, line_ + begun, i);
      next_ += i;
      if (begun + i < line_bytes) return;
      emit_line();
    }
    constexpr index_t W = Source::vector::width;
    for (; i + line_bytes <= n; i += line_bytes) {
      source.ask_ahead(i);
      for (index_t k = 0; k < line_bytes; k += W) store_streaming<Arch>(next_ + k, source.load(i + k));
      next_ += line_bytes;
    }
    if (i < n) {
      source.load_short(i, line_, n - i);
      next_ += n - i;
    }
  }

  void finish() noexcept {
    flush();
    next_ = nullptr;
    streaming_fence();
  }

 private:
  index_t position() const noexcept {
    return static_cast<index_t>(reinterpret_cast<std::uintptr_t>(next_) % static_cast<std::uintptr_t>(line_bytes));
  }

  void emit_line() noexcept {
    std::byte* const begin = next_ - line_bytes;
    if (first_ == 0) {
      constexpr index_t W = byte_vector<Arch>::width;
      for (index_t k = 0; k < line_bytes; k += W) store_streaming<Arch>(begin + k, byte_vector<Arch>::load(line_ + k));
    } else {
      copy_short(line_ + first_, begin + first_, line_bytes - first_);
    }
    first_ = 0;
  }

  void flush() noexcept {
    if (index_t const end = position(); end > first_) copy_short(line_ + first_, next_ - end + first_, end - first_);
    first_ = 0;
  }

  std::byte* next_ = nullptr;  // where the next byte goes
  index_t first_ = 0;          // bytes of the current line before this one are not ours
  std::byte line_[line_bytes];
};

template <index_t Bytes>
void copy_two_ends_rows(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                        index_t rows) noexcept {
  for (index_t i = 0; i < rows; ++i) copy_two_ends<Bytes>(from + i * from_step, to + i * to_step, n);
}

/// Writes the same run of n bytes in several rows, steps in bytes of any sign. What the rows have in common is decided
/// once.
template <class Arch, class What>
void store_rows(What const& what, std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                index_t rows) noexcept {
  if (n < byte_vector<Arch>::width) {
    if constexpr (What::copies) {
      if (n >= 32) return copy_two_ends_rows<32>(from, from_step, to, to_step, n, rows);
      if (n >= 16) return copy_two_ends_rows<16>(from, from_step, to, to_step, n, rows);
      if (n >= 8) return copy_two_ends_rows<8>(from, from_step, to, to_step, n, rows);
      if (n >= 4) return copy_two_ends_rows<4>(from, from_step, to, to_step, n, rows);
    }
    for (index_t i = 0; i < rows; ++i) {
      std::byte* const row = to + i * to_step;
      what.source(from + i * from_step, row).load_short(0, row, n);
    }
    return;
  }
  for (index_t i = 0; i < rows; ++i) {
    std::byte* const row = to + i * to_step;
    store_run<Arch>(what.source(from + i * from_step, row), row, n);
  }
}

/// The same run of n bytes in several rows, n in [Bytes, 2 * Bytes).
template <index_t Bytes>
void copy_short_rows(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                     index_t rows) noexcept {
  if (n > Bytes) return copy_two_ends_rows<Bytes>(from, from_step, to, to_step, n, rows);
  for (index_t i = 0; i < rows; ++i) std::memcpy(to + i * to_step, from + i * from_step, Bytes);
}

/// The same in Vectors registers, n in (Vectors - 1, Vectors] of them.
template <class Arch, index_t Vectors>
void copy_vector_rows(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                      index_t rows) noexcept {
  using vector = byte_vector<Arch>;
  constexpr index_t W = vector::width;
  for (index_t i = 0; i < rows; ++i) {
    std::byte const* const line = from + i * from_step;
    std::byte* const row = to + i * to_step;
    vector const last = vector::load(line + n - W);
    vector first[static_cast<std::size_t>(Vectors)];  // one more than needed, which costs nothing
    for (index_t v = 0; v < Vectors - 1; ++v) first[v] = vector::load(line + v * W);
    for (index_t v = 0; v < Vectors - 1; ++v) first[v].store(row + v * W);
    last.store(row + n - W);
  }
}

/// What store_rows does, for copies between two pieces of memory that are in the nearest cache: no alignment to find,
/// no branch within a row. In place and from further away that is slower: the next rows' loads run into the stores.
template <class Arch>
void copy_rows(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
               index_t rows) noexcept {
  constexpr index_t W = byte_vector<Arch>::width;
  if (n > 4 * W || n < 4) return store_rows<Arch>(copying<Arch>{1}, from, from_step, to, to_step, n, rows);
  if (n > 3 * W) return copy_vector_rows<Arch, 4>(from, from_step, to, to_step, n, rows);
  if (n > 2 * W) return copy_vector_rows<Arch, 3>(from, from_step, to, to_step, n, rows);
  if (n > W) return copy_vector_rows<Arch, 2>(from, from_step, to, to_step, n, rows);
  if (n == W) return copy_vector_rows<Arch, 1>(from, from_step, to, to_step, n, rows);
  if (n >= 32) return copy_short_rows<32>(from, from_step, to, to_step, n, rows);
  if (n >= 16) return copy_short_rows<16>(from, from_step, to, to_step, n, rows);
  if (n >= 8) return copy_short_rows<8>(from, from_step, to, to_step, n, rows);
  copy_short_rows<4>(from, from_step, to, to_step, n, rows);
}

}}}}  // namespace tshift::kernel
