// SPDX-License-Identifier: MIT
// The mover: takes the runs that a walk finds and decides how they are written.
#pragma once

#include <cstddef>
#include <type_traits>

#include <tshift/kernel/geometry.hpp>
#include <tshift/kernel/move.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Through the caches, rows of at least this many bytes are written one by one, in the order of memory.
inline constexpr index_t long_row_bytes = 512;

/// Bytes of shorter rows that are written together, one segment after the other: few enough that the lines in which two
/// segments meet are still in the nearest cache.
inline constexpr index_t tile_bytes = 8192;

/// Around the caches, bytes of rows that are put together in the nearest one first, if that holds at least two.
inline constexpr index_t staged_bytes = 2048;

/// One segment of channels in a series of rows.
struct run_source {
  std::byte const* from;  // in the first row; null: the fill value
  index_t step;           // of `from`, from one row to the next
  index_t to;             // the segment's place in a row of the output
  index_t bytes;          // its size in a row, where it is one run
};

/// Turns runs into stores: through the caches, or around them (Streaming).
template <class Arch, class What, bool Streaming>
class mover {
 public:
  /// How many rows one tile may have.
  static constexpr index_t rows_at_once(index_t row_bytes) noexcept {
    constexpr index_t most = Streaming ? staged_bytes : tile_bytes;
    return row_bytes < most ? most / row_bytes : 1;
  }

  mover(What const& what, task const& job) noexcept : what_(what), job_(job) {}
  mover(mover const&) = delete;
  mover& operator=(mover const&) = delete;

  void run(std::byte const* from, std::byte* to, index_t bytes) noexcept {
    if constexpr (!What::in_vectors) {
      what_.strided(from, job_.element_bytes, to, job_.element_bytes, bytes / job_.element_bytes);
    } else if constexpr (Streaming) {
      lines_.append(what_.source(from, to), to, bytes);
    } else {
      store_run<Arch>(what_.source(from, to), to, bytes);
    }
  }

  /// `rows` rows, each made of `count` runs that follow each other.
  /// @param to_step  from one row to the next, row_bytes where they follow each other too
  void tile(run_source const* runs, index_t count, std::byte* to, index_t to_step, index_t rows,
            index_t row_bytes) noexcept {
    if constexpr (!Streaming) {
      // Long rows in the order of memory, for the prefetchers; short ones by columns, which have more in common.
      if (row_bytes < long_row_bytes) {
        for (index_t g = 0; g < count; ++g) column(what_, runs[g], to + runs[g].to, to_step, rows);
        return;
      }
    }
    if constexpr (Streaming && What::copies) {
      // Line by line, short runs would wait for each other.
      if (to_step == row_bytes && rows > 1) {
        for (index_t i = 0; i < rows * runs[0].step; i += line_bytes) prefetch(runs[0].from, prefetch_bytes + i);
        std::byte staged[staged_bytes];
        for (index_t g = 0; g < count; ++g) column(what_, runs[g], staged + runs[g].to, to_step, rows);
        return run(staged, to, rows * to_step);
      }
    }
    for (index_t i = 0; i < rows; ++i) {
      for (index_t g = 0; g < count; ++g) {
        run_source const& r = runs[g];
        if (r.from != nullptr) {
          run(r.from + i * r.step, to + i * to_step + r.to, r.bytes);
        } else {
          fill(to + i * to_step + r.to, r.bytes);
        }
      }
    }
  }

  void fill(std::byte* to, index_t bytes) noexcept {
    for (index_t i = 0; i < bytes; i += job_.fill->bytes()) {
      run(job_.fill->data(), to + i, bytes - i < job_.fill->bytes() ? bytes - i : job_.fill->bytes());
    }
  }

  /// n elements; from null stands for the fill value.
  void strided(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t n) noexcept {
    if (from != nullptr && from_step == job_.element_bytes && to_step == job_.element_bytes) {
      run(from, to, n * job_.element_bytes);
    } else if (from != nullptr) {
      what_.strided(from, from_step, to, to_step, n);
    } else {
      what_.strided(job_.fill->data(), 0, to, to_step, n);
    }
  }

  void finish() noexcept { lines_.finish(); }

 private:
  /// One run of every row, through the caches.
  void column(What const& what, run_source const& r, std::byte* to, index_t to_step, index_t rows) noexcept {
    if constexpr (What::in_vectors) {
      if (r.from != nullptr) return store_rows<Arch>(what, r.from, r.step, to, to_step, r.bytes, rows);
      for (index_t i = 0; i < r.bytes; i += job_.fill->bytes()) {
        index_t const n = r.bytes - i < job_.fill->bytes() ? r.bytes - i : job_.fill->bytes();
        store_rows<Arch>(what, job_.fill->data(), 0, to + i, to_step, n, rows);
      }
    } else {
      for (index_t i = 0; i < rows; ++i) {
        if (r.from != nullptr) {
          run(r.from + i * r.step, to + i * to_step, r.bytes);
        } else {
          fill(to + i * to_step, r.bytes);
        }
      }
    }
  }

  struct nothing {};
  What const what_;
  task const& job_;
  [[no_unique_address]] std::conditional_t<Streaming, line_writer<Arch>, nothing> lines_;
};

}}}}  // namespace tshift::kernel
