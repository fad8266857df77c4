// SPDX-License-Identifier: MIT
// Sources of rows that are frames of [N, T, C]: one by one through a shift, several side by side as one row (windows), or
// step by step for sequences that are walked together. Nothing is copied.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/rows.hpp>
#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// The part of run [begin, begin + count) that lies in channels [from, from + wanted).
struct overlap_of_runs {
  index_t begin, end;

  constexpr overlap_of_runs(index_t run_begin, index_t run_count, index_t from, index_t wanted) noexcept
      : begin(run_begin > from ? run_begin : from),
        end(run_begin + run_count < from + wanted ? run_begin + run_count : from + wanted) {}
  constexpr bool empty() const noexcept { return begin >= end; }
  constexpr index_t size() const noexcept { return end - begin; }
};

/// Where channel `channel` of frame t lies, which is in run number `at`; nothing where the shift has vacated it.
template <class T>
T const* channel_at(shifted_view<T> const& x, index_t n, index_t t, index_t at, index_t channel,
                    T const* nothing) noexcept {
  channel_run<T> const run = x.run(n, t, at);
  return run.data != nullptr ? run.data + (channel - run.begin) : nothing;
}

/// Frames of S x, one a row, numbered through all frames of sequence 0, then of sequence 1, and so on. Of each sequence
/// there may be some alone: frames [from, from + count).
template <class T>
struct frame_rows {
  shifted_view<T> const& x;
  index_t from, count;

  /// All frames.
  frame_rows(shifted_view<T> const& view) noexcept : frame_rows(view, 0, view.shape().time) {}
  frame_rows(shifted_view<T> const& view, index_t first, index_t frames) noexcept
      : x(view), from(first), count(frames) {}

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t channels,
                 T const* nothing) const noexcept {
    table.pieces = 0;
    for (index_t i = 0; i < x.runs_per_frame(); ++i) {
      index_t n = first / count, t = from + first % count;
      auto const& run = x.segment(i);
      overlap_of_runs const part(run.begin, run.count, begin, channels);
      if (part.empty()) continue;
      auto& piece = table.add(part.begin - begin, part.size());
      if (run.offset == 0) {
        as_they_lie(n, t, part.begin, rows, piece.row);
        continue;
      }
      for (index_t r = 0; r < rows; ++r) {
        piece.row[r] = channel_at(x, n, t, i, part.begin, nothing);
        if (++t == from + count) {
          t = from;
          ++n;
        }
      }
    }
    return channels;
  }

 private:
  /// Rows that no shift moves: from frame t of sequence n on.
  void as_they_lie(index_t n, index_t t, index_t channel, index_t rows, T const** row) const noexcept {
    tensor_view<T const> const& v = x.base();
    while (rows > 0) {
      index_t const some = from + count - t < rows ? from + count - t : rows;
      T const* const first = v.at(n, t, channel);
      for (index_t r = 0; r < some; ++r) row[r] = first + r * v.strides.time;
      row += some;
      rows -= some;
      t = from;
      ++n;
    }
  }
};

/// Where sequences end: where the view says.
struct own_lengths {
  template <class T>
  index_t operator()(tensor_view<T const> const& x, index_t n) const noexcept {
    return x.length(n);
  }
};

/// Windows: row (n, u) is frames u * stride - before, ... of S x side by side, `taps` of them, of each the channels
/// [channel, channel + channels). Frames outside a sequence are zeros.
/// @tparam Lengths  gives the frames of sequence n
template <class T, class Lengths = own_lengths>
struct window_rows {
  shifted_view<T> const& x;
  index_t taps, stride, before;
  index_t channel, channels;
  index_t per_sequence;  // rows
  Lengths length_of = {};

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* nothing) const noexcept {
    table.pieces = 0;
    if (overlapping(first, rows)) {
      auto& piece = table.add(0, count);
      for_each(first, rows, [this, &piece, begin](index_t r, index_t n, index_t u) {
        piece.row[r] = x.base().at(n, u * stride - before, 0) + begin;
        return true;
      });
      return count;
    }
    index_t const runs = x.runs_per_frame();
    index_t done = 0;
    while (done < count) {
      index_t const tap = (begin + done) / channels, from = (begin + done) % channels;
      index_t const wanted = channels - from < count - done ? channels - from : count - done;
      if (table.pieces + runs > piece_capacity) break;
      for (index_t i = 0; i < runs; ++i) add_run(table, first, rows, tap, i, channel + from, wanted, done, nothing);
      done += wanted;
    }
    return done;
  }

 private:
  /// Whether each of these rows is one run of memory: whole dense frames, none of them outside.
  bool overlapping(index_t first, index_t rows) const noexcept {
    tensor_view<T const> const& v = x.base();
    if (x.runs_per_frame() != 1 || x.moves() || channels != v.shape.channels || v.strides.time != channels)
      return false;
    return for_each(first, rows, [this, &v](index_t, index_t n, index_t u) {
      index_t const from = u * stride - before;
      return from >= 0 && from + taps <= length_of(v, n);
    });
  }

  /// Whether body(r, n, u) is true for all of these rows; row r is window u of sequence n. Without a division a row.
  template <class Body>
  bool for_each(index_t first, index_t rows, Body const& body) const noexcept {
    index_t n = first / per_sequence, u = first % per_sequence;
    for (index_t r = 0; r < rows; ++r) {
      if (!body(r, n, u)) return false;
      if (++u == per_sequence) {
        u = 0;
        ++n;
      }
    }
    return true;
  }

  void add_run(row_block<T>& table, index_t first, index_t rows, index_t tap, index_t i, index_t from, index_t wanted,
               index_t at, T const* nothing) const noexcept {
    auto const& run = x.segment(i);
    overlap_of_runs const part(run.begin, run.count, from, wanted);
    if (part.empty()) return;
    auto& piece = table.add(at + part.begin - from, part.size());
    tensor_view<T const> const& v = x.base();
    index_t n = first / per_sequence, u = first % per_sequence, length = length_of(v, n);
    for (index_t r = 0; r < rows; ++r) {
      index_t const t = u * stride - before + tap;
      T const* row = nothing;
      if (t >= 0 && t < length)
        row = run.offset == 0 ? v.at(n, t, part.begin) : channel_at(x, n, t, i, part.begin, nothing);
      piece.row[r] = row;
      if (++u == per_sequence && r + 1 < rows) {
        u = 0;
        length = length_of(v, ++n);
      }
    }
  }
};

/// Steps [first_step, first_step + steps) of sequences from `sequence` on, the steps of one after each other: row
/// (n, s) is the frame of S x that a recurrence reads at step s. Backwards, step 0 is a sequence's last frame. Steps that
/// a sequence does not have are zeros.
template <class T>
struct step_rows {
  shifted_view<T> const& x;
  index_t sequence, first_step, steps;
  bool backwards;

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* nothing) const noexcept {
    table.pieces = 0;
    for (index_t i = 0; i < x.runs_per_frame(); ++i) {
      auto const& run = x.segment(i);
      overlap_of_runs const part(run.begin, run.count, begin, count);
      if (part.empty()) continue;
      auto& piece = table.add(part.begin - begin, part.size());
      for (index_t r = 0; r < rows; ++r) {
        index_t const n = sequence + (first + r) / steps, step = first_step + (first + r) % steps;
        index_t const length = x.base().length(n), t = backwards ? length - 1 - step : step;
        piece.row[r] = step < length ? channel_at(x, n, t, i, part.begin, nothing) : nothing;
      }
    }
    return count;
  }
};

}}}}  // namespace tshift::nn::kernel
