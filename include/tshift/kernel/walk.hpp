// SPDX-License-Identifier: MIT
// The walk out of place: every output element once, in the order of the output's memory, in runs as long as can be.
//
// Where channels lie inside frames (NTC), a row is one frame: walk_rows visits frames and gives each segment of
// channels its source frame. Where frames lie inside channels (NCT), a line is one channel: walk_lines visits channels
// and gives each piece of time its source. Strides that allow no runs are moved element by element in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tshift/kernel/geometry.hpp>
#include <tshift/kernel/move.hpp>

namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA::kernel {

/// Turns runs into stores: through the caches, or around them (Streaming).
template <class Arch, class What, bool Streaming>
class mover {
 public:
  /// A line writer wants its runs in the order of memory.
  static constexpr bool one_row_at_a_time = Streaming;

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

  /// The same run in `count` rows; from null stands for the fill value.
  void rows(std::byte const* from, index_t from_step, std::byte* to, index_t to_step, index_t bytes,
            index_t count) noexcept {
    if constexpr (What::in_vectors && !Streaming) {
      if (from != nullptr) return store_rows<Arch>(what_, from, from_step, to, to_step, bytes, count);
    }
    for (index_t i = 0; i < count; ++i) {
      if (from != nullptr) {
        run(from + i * from_step, to + i * to_step, bytes);
      } else {
        fill(to + i * to_step, bytes);
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
  struct nothing {};
  What const what_;
  task const& job_;
  [[no_unique_address]] std::conditional_t<Streaming, line_writer<Arch>, nothing> lines_;
};

/// Bytes that a walk through the caches moves per segment before it turns to the next one.
inline constexpr index_t tile_bytes = 16384;

/// A dimension whose positions are independent of each other and of time: space or batch, walked inside a frame.
struct lane {
  index_t count, y, x;
};

/// The order of an out-of-place walk, decided once per call.
struct route {
  operand<std::byte> y;
  operand<std::byte const> x;
  bool by_rows;     // channels inside frames
  bool contiguous;  // a segment of one frame (rows) or neighbouring frames of one channel (lines) are one run
  bool whole_rows;  // neighbouring frames are neighbours in memory too
  index_t unit;     // bytes of one channel of a row, or of one frame of a line
  lane space;       // outside the run; count 1 where space is part of it
  lane sequences;   // walked inside a frame (TNC); count 1 where sequences are outermost
  index_t units;    // rows, or lines: what is shared out among threads

  route(task const& job, operand<std::byte> const& out, operand<std::byte const> const& in) noexcept : y(out), x(in) {
    shape const& d = job.dims;
    index_t const e = job.element_bytes;
    by_rows = channels_inside(y, d);
    index_t const y_inner = by_rows ? y.c : y.t, x_inner = by_rows ? x.c : x.t;

    bool const space_outside = d.space > 1 && magnitude(y.s) > magnitude(y_inner);
    bool const space_in_run = d.space > 1 && !space_outside && y.s == e && x.s == e;
    unit = space_in_run ? d.space * e : e;
    contiguous = y_inner == unit && x_inner == unit && (d.space == 1 || space_outside || space_in_run);
    space = space_outside ? lane{d.space, y.s, x.s} : lane{1, 0, 0};

    bool const batch_inside = by_rows && job.lengths == nullptr && magnitude(y.n) < magnitude(y.t);
    sequences = batch_inside ? lane{d.batch, y.n, x.n} : lane{1, 0, 0};
    index_t const outer = batch_inside ? 1 : d.batch;
    whole_rows = by_rows && contiguous && space.count == 1 && sequences.count == 1 && job.segments.count == 1 &&
                 y.t == d.channels * unit && x.t == y.t;
    units = outer * (by_rows ? d.time : d.channels);
  }
};

/// One segment of channels at one frame, or one piece of time of one channel, where these are no run: `count` steps of
/// the inner dimension, each with its space. from null stands for the fill value.
template <class Mover>
void move_box(route const& way, task const& job, std::byte const* from, index_t from_step, std::byte* to,
              index_t to_step, index_t count, Mover& move) noexcept {
  if (job.dims.space == 1 || way.space.count > 1) return move.strided(from, from_step, to, to_step, count);
  for (index_t i = 0; i < count; ++i) {
    move.strided(from != nullptr ? from + i * from_step : nullptr, way.x.s, to + i * to_step, way.y.s, job.dims.space);
  }
}

/// Frames [first, last) of sequence n.
template <class Mover>
void walk_sequence(route const& way, task const& job, index_t n, index_t first, index_t last, Mover& move) noexcept {
  struct reader {
    std::byte const* from;  // null: the fill value
    index_t step;           // of `from`, from one frame to the next
    index_t to;             // the segment's place in a row, and its size where it is one run, in bytes
    index_t bytes;
    index_t current;  // piece
    piece_list pieces;
  };
  reader readers[2 * shift_plan::capacity + 1];
  index_t const segments = job.segments.count;
  for (index_t g = 0; g < segments; ++g) {
    readers[g].pieces = pieces_of(job.segments.items[g].offset, job.length(n), job.dims.time, job.edge);
    readers[g].current = 0;
    readers[g].to = job.segments.items[g].begin * way.y.c;
    readers[g].bytes = job.segments.items[g].count * way.unit;
  }
  // Several rows at a time per segment, few enough that the lines two segments share are still close by.
  index_t const row_bytes = job.dims.channels * way.unit;
  index_t const rows_at_once = Mover::one_row_at_a_time || row_bytes >= tile_bytes ? 1 : tile_bytes / row_bytes;
  bool const plain = way.contiguous && way.space.count == 1 && way.sequences.count == 1;

  for (index_t t = first; t < last;) {
    // Up to `until` every segment stays within one piece, so its source advances evenly.
    index_t until = last;
    for (index_t g = 0; g < segments; ++g) {
      reader& r = readers[g];
      while (t >= r.pieces.items[r.current].begin + r.pieces.items[r.current].count) ++r.current;
      piece const& p = r.pieces.items[r.current];
      if (p.begin + p.count < until) until = p.begin + p.count;
      index_t const frame = p.what == piece::kind::move ? p.source + (t - p.begin) : p.source;
      r.from = p.what == piece::kind::fill ? nullptr : way.x.at(n, frame, job.segments.items[g].begin);
      r.step = p.what == piece::kind::move ? way.x.t : 0;
    }

    std::byte* row = way.y.at(n, t, 0);
    if (way.whole_rows && readers[0].step != 0) {
      move.run(readers[0].from, row, (until - t) * way.y.t);
      t = until;
      continue;
    }
    if (plain) {
      for (index_t rows; t < until; t += rows, row += rows * way.y.t) {
        rows = until - t < rows_at_once ? until - t : rows_at_once;
        for (index_t g = 0; g < segments; ++g) {
          reader& r = readers[g];
          move.rows(r.from, r.step, row + r.to, way.y.t, r.bytes, rows);
          if (r.from != nullptr) r.from += rows * r.step;
        }
      }
      continue;
    }
    for (; t < until; ++t, row += way.y.t) {
      for (index_t k = 0; k < way.sequences.count; ++k) {
        for (index_t s = 0; s < way.space.count; ++s) {
          index_t const x_lane = k * way.sequences.x + s * way.space.x;
          std::byte* const to_lane = row + (k * way.sequences.y + s * way.space.y);
          for (index_t g = 0; g < segments; ++g) {
            reader const& r = readers[g];
            std::byte* const to = to_lane + r.to;
            std::byte const* const from = r.from != nullptr ? r.from + x_lane : nullptr;
            if (!way.contiguous) {
              move_box(way, job, from, way.x.c, to, way.y.c, job.segments.items[g].count, move);
            } else if (from != nullptr) {
              move.run(from, to, r.bytes);
            } else {
              move.fill(to, r.bytes);
            }
          }
        }
      }
      for (index_t g = 0; g < segments; ++g) {
        if (readers[g].from != nullptr) readers[g].from += readers[g].step;
      }
    }
  }
}

/// All frames of channel c of sequence n, which lie in the pieces given.
template <class Mover>
void walk_channel(route const& way, task const& job, piece_list const& pieces, index_t n, index_t c,
                  Mover& move) noexcept {
  for (index_t s = 0; s < way.space.count; ++s) {
    for (piece const& p : pieces) {
      std::byte* const to = way.y.at(n, p.begin, c) + s * way.space.y;
      std::byte const* const from = p.what == piece::kind::fill ? nullptr : way.x.at(n, p.source, c) + s * way.space.x;
      if (way.contiguous && p.what == piece::kind::move) {
        move.run(from, to, p.count * way.unit);
      } else if (way.contiguous && p.what == piece::kind::fill) {
        move.fill(to, p.count * way.unit);
      } else {
        move_box(way, job, from, p.what == piece::kind::hold ? 0 : way.x.t, to, way.y.t, p.count, move);
      }
    }
  }
}

/// Rows or lines [first, last) of the output, numbered through all sequences.
template <class Mover>
void walk_units(route const& way, task const& job, index_t first, index_t last, Mover& move) noexcept {
  index_t const per_sequence = way.by_rows ? job.dims.time : job.dims.channels;
  while (first < last) {
    index_t const n = first / per_sequence, begin = first % per_sequence;
    index_t const end = last - first < per_sequence - begin ? begin + (last - first) : per_sequence;
    if (way.by_rows) {
      walk_sequence(way, job, n, begin, end, move);
    } else {
      for (segment const& part : job.segments) {
        index_t const from = part.begin > begin ? part.begin : begin;
        index_t const to = part.begin + part.count < end ? part.begin + part.count : end;
        if (from >= to) continue;
        piece_list const pieces = pieces_of(part.offset, job.length(n), job.dims.time, job.edge);
        for (index_t c = from; c < to; ++c) walk_channel(way, job, pieces, n, c, move);
      }
    }
    first += end - begin;
  }
}

/// Units [first, last) of an out-of-place operation.
/// @param streaming  the output is too large for the caches; heeded where whole lines can be expected
template <class Arch, class What>
void walk(route const& way, task const& job, What const& what, bool streaming, index_t first, index_t last) noexcept {
  if constexpr (has_streaming_store && What::in_vectors) {
    if (streaming && way.contiguous && what.whole_lines(way.y.data)) {
      mover<Arch, What, true> move(what, job);
      walk_units(way, job, first, last, move);
      return move.finish();
    }
  }
  mover<Arch, What, false> move(what, job);
  walk_units(way, job, first, last, move);
}

}  // namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA::kernel
