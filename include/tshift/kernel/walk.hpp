// SPDX-License-Identifier: MIT
// The walk out of place: every output element once, in the order of the output's memory, in runs as long as can be.
//
// The stops of a view on its way from shift(x, y, plan) to the last store; the other operations take the same road:
//   shift.hpp          shift: what is small and dense goes to kernel/overlay.hpp at once, and is done there
//   kernel/check.hpp   check_view and the rest: every shape_error; what passed is an extent (extent.hpp), no longer of T
//   kernel/launch.hpp  launch_walk: the plan as segments of channels (a task, geometry.hpp), memory as bytes with byte
//                      strides (an operand, operand.hpp); executor.hpp shares out the units, and each part is a walk.
//                      launch_inplace: the same for the channels that move, walked by inplace.hpp and box.hpp
//   here               route: the order, decided once a call. walk: through the caches or around them. walk_units: rows
//                      (frames) or lines (channels). walk_sequence, walk_channels: which piece of time comes from where
//                      (pieces_of, geometry.hpp). walk_rows, walk_runs, move_box: down to runs, or single elements
//   kernel/mover.hpp   tile, run, strided: a run meets what is done with it, copying or adding (source.hpp)
//   kernel/move.hpp    store_run, store_rows, line_writer: loops over registers
//   kernel/vector.hpp  byte_vector::store, store_streaming, copy_short: the store
//
// Where channels lie inside frames (NTC), a row is one frame: walk_sequence gives each segment of channels its source
// frame. Where frames lie inside channels (NCT), a line is one channel: walk_channels gives each piece of time its
// source. Strides that allow no runs are moved element by element in the same order.
#pragma once

#include <cstddef>

#include <tshift/kernel/mover.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// A dimension whose positions are independent of each other and of time: space or batch, walked inside a frame.
struct dimension {
  index_t count, y, x;  // positions; bytes from one to the next in y, in x
};

/// The order of an out-of-place walk, decided once per call.
struct route {
  operand<std::byte> y;
  operand<std::byte const> x;
  bool by_rows;         // channels inside frames
  bool contiguous;      // a segment of one frame (rows) or neighbouring frames of one channel (lines) are one run
  bool whole_rows;      // neighbouring frames are neighbours in memory too
  index_t unit;         // bytes of one channel of a row, or of one frame of a line
  dimension space;      // outside the run; count 1 where space is part of it
  dimension sequences;  // walked inside a frame (TNC); count 1 where sequences are outermost
  index_t units;        // rows, or lines: what is shared out among threads

  route(task const& job, operand<std::byte> const& out, operand<std::byte const> const& in) noexcept : y(out), x(in) {
    shape const& d = job.dims;
    index_t const e = job.element_bytes;
    by_rows = channels_inside(y, d);
    index_t const y_inner = by_rows ? y.c : y.t, x_inner = by_rows ? x.c : x.t;

    bool const space_outside = d.space > 1 && magnitude(y.s) > magnitude(y_inner);
    bool const space_in_run = d.space > 1 && !space_outside && y.s == e && x.s == e;
    unit = space_in_run ? d.space * e : e;
    contiguous = y_inner == unit && x_inner == unit && (d.space == 1 || space_outside || space_in_run);
    space = space_outside ? dimension{d.space, y.s, x.s} : dimension{1, 0, 0};

    bool const batch_inside = by_rows && job.lengths == nullptr && magnitude(y.n) < magnitude(y.t);
    sequences = batch_inside ? dimension{d.batch, y.n, x.n} : dimension{1, 0, 0};
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

/// A series of rows of `count` runs that differ in position alone. Leaves runs[].from after the last row.
template <class Mover>
void walk_runs(run_source* runs, index_t count, index_t row_bytes, std::byte* to, index_t to_step, index_t rows,
               Mover& move) noexcept {
  index_t const at_once = Mover::rows_at_once(row_bytes);
  for (index_t done = 0; done < rows; done += at_once) {
    index_t const n = rows - done < at_once ? rows - done : at_once;
    move.tile(runs, count, to + done * to_step, to_step, n, row_bytes);
    for (index_t g = 0; g < count; ++g) {
      if (runs[g].from != nullptr) runs[g].from += n * runs[g].step;
    }
  }
}

/// The same where a row is channels at one frame, one run or element by element for each segment: neighbouring frames,
/// positions in space, or sequences.
template <class Mover>
void walk_rows(route const& way, task const& job, run_source* runs, std::byte* to, index_t to_step, index_t rows,
               Mover& move) noexcept {
  index_t const segments = job.segments.count;
  if (way.contiguous) {
    return walk_runs(runs, segments, job.dims.channels * way.unit, to, to_step, rows, move);
  }
  for (index_t i = 0; i < rows; ++i, to += to_step) {
    for (index_t g = 0; g < segments; ++g) {
      move_box(way, job, runs[g].from, way.x.c, to + runs[g].to, way.y.c, job.segments.items[g].count, move);
      if (runs[g].from != nullptr) runs[g].from += runs[g].step;
    }
  }
}

/// Frames [first, last) of sequence n.
template <class Mover>
void walk_sequence(route const& way, task const& job, index_t n, index_t first, index_t last, Mover& move) noexcept {
  constexpr index_t most_segments = 2 * shift_plan::capacity + 1;
  piece_list pieces[most_segments];
  index_t current[most_segments];
  run_source frames[most_segments];  // rows are frames
  index_t const segments = job.segments.count;
  for (index_t g = 0; g < segments; ++g) {
    segment const& s = job.segments.items[g];
    pieces[g] = pieces_of(s.offset, job.length(n), job.dims.time, job.edge);
    current[g] = 0;
    frames[g] = {nullptr, 0, s.begin * way.y.c, s.count * way.unit};
  }

  for (index_t t = first; t < last;) {
    // Up to `until` every segment stays within one piece, so its source advances evenly.
    index_t until = last;
    for (index_t g = 0; g < segments; ++g) {
      while (t >= pieces[g].items[current[g]].begin + pieces[g].items[current[g]].count) ++current[g];
      piece const& p = pieces[g].items[current[g]];
      if (p.begin + p.count < until) until = p.begin + p.count;
      index_t const frame = p.what == piece::kind::move ? p.source + (t - p.begin) : p.source;
      frames[g].from = p.what == piece::kind::fill ? nullptr : way.x.at(n, frame, job.segments.items[g].begin);
      frames[g].step = p.what == piece::kind::move ? way.x.t : 0;
    }

    std::byte* const row = way.y.at(n, t, 0);
    if (way.whole_rows && frames[0].step != 0) {
      move.run(frames[0].from, row, (until - t) * way.y.t);
    } else if (way.space.count == 1 && way.sequences.count == 1) {
      walk_rows(way, job, frames, row, way.y.t, until - t, move);
    } else {
      // Rows lie inside a frame: along space if that is outside the run, else along sequences.
      dimension const& inner = way.space.count > 1 ? way.space : way.sequences;
      dimension const outer = way.space.count > 1 ? way.sequences : dimension{1, 0, 0};
      for (index_t i = 0; i < until - t; ++i) {
        for (index_t k = 0; k < outer.count; ++k) {
          run_source rows[most_segments];
          for (index_t g = 0; g < segments; ++g) {
            run_source const& f = frames[g];
            rows[g] = {f.from != nullptr ? f.from + i * f.step + k * outer.x : nullptr, inner.x, f.to, f.bytes};
          }
          walk_rows(way, job, rows, row + i * way.y.t + k * outer.y, inner.y, inner.count, move);
        }
      }
    }
    t = until;
  }
}

/// Channels [first, last) of sequence n, which lie in one segment: lines of time that fall into the same pieces.
template <class Mover>
void walk_channels(route const& way, task const& job, index_t offset, index_t n, index_t first, index_t last,
                   Mover& move) noexcept {
  piece_list const pieces = pieces_of(offset, job.length(n), job.dims.time, job.edge);
  index_t const whole_line = job.dims.time * way.unit;
  bool runs_only = way.contiguous && way.space.count == 1;
  for (piece const& p : pieces) runs_only = runs_only && p.what != piece::kind::hold;

  bool const copied = pieces.count == 1 && pieces.items[0].what == piece::kind::move;  // nothing shifted
  if (runs_only && copied && way.y.c == whole_line && way.x.c == whole_line) {
    return move.run(way.x.at(n, 0, first), way.y.at(n, 0, first), (last - first) * whole_line);
  }
  if (runs_only) {
    run_source runs[3];
    for (index_t i = 0; i < pieces.count; ++i) {
      piece const& p = pieces.items[i];
      runs[i] = {p.what == piece::kind::fill ? nullptr : way.x.at(n, p.source, first), way.x.c, p.begin * way.unit,
                 p.count * way.unit};
    }
    return walk_runs(runs, pieces.count, whole_line, way.y.at(n, 0, first), way.y.c, last - first, move);
  }
  for (index_t c = first; c < last; ++c) {
    for (index_t s = 0; s < way.space.count; ++s) {
      for (piece const& p : pieces) {
        std::byte* const to = way.y.at(n, p.begin, c) + s * way.space.y;
        std::byte const* const from =
            p.what == piece::kind::fill ? nullptr : way.x.at(n, p.source, c) + s * way.space.x;
        if (way.contiguous && p.what == piece::kind::move) {
          move.run(from, to, p.count * way.unit);
        } else {
          move_box(way, job, from, p.what == piece::kind::hold ? 0 : way.x.t, to, way.y.t, p.count, move);
        }
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
        if (from < to) walk_channels(way, job, part.offset, n, from, to, move);
      }
    }
    first += end - begin;
  }
}

/// Units [first, last) of an out-of-place operation.
/// @param streaming  the output is too large for the caches; heeded where whole lines can be expected
template <class Arch, class What>
void walk(route const& way, task const& job, What const& what, bool streaming, index_t first, index_t last) noexcept {
  if constexpr (has_streaming_store<Arch> && What::in_vectors) {
    if (streaming && way.contiguous && what.whole_lines(way.y.data)) {
      mover<Arch, What, true> move(what, job);
      walk_units(way, job, first, last, move);
      return move.finish();
    }
  }
  mover<Arch, What, false> move(what, job);
  walk_units(way, job, first, last, move);
}

}}}}  // namespace tshift::kernel
