// SPDX-License-Identifier: MIT
// dW += dy' x: the gradient of a matrix, a product whose sum runs over frames. x is packed into panels, dy into strips as
// wide as a tile is tall, and a tile of dW is the sum of as many outer products as there are frames.
//
// A sequence is summed by itself, at most frames_at_once of its frames at a time, and each sum is added to dW in order:
// the gradient of a batch is, bit for bit, that of its sequences one after the other, whatever the threads, the padding
// and the number of sequences in a call. Frames behind a sequence's length are not read.
#pragma once

#include <cstddef>
#include <cstring>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/vectors.hpp>
#include <tshift/nn/workspace.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Frames of one sum: their panels of 768 channels fill half of an L2 cache.
inline constexpr index_t frames_at_once = 384;

/// Columns whose panels of so many frames fill no more than that: a multiple of gemm_tile::columns, at least 768.
template <class T>
constexpr index_t columns_at_once(index_t frames) noexcept {
  constexpr index_t wide = gemm_tile<T, xsimd::default_arch>::columns;
  static_assert(gemm_depth % wide == 0);
  return frames_at_once * gemm_depth / frames / wide * wide;
}

/// Outputs whose tiles read a panel one after the other, while it lies in the L2 cache.
template <class T>
inline constexpr index_t outputs_at_once = 8 * gemm_tile<T, xsimd::default_arch>::rows;

/// c[r][v] = sum over k of a[k][r] b[k][v], c a tile of gemm_tile::columns columns.
/// @param ahead  what is asked for meanwhile, a line per k
/// @param step   from a[k] to a[k + 1]
template <class T, class Arch, index_t Rows, index_t Vectors>
void outer_sums(lines_ahead ahead, index_t count, T const* a, index_t step, T const* b, T* c) noexcept {
  using batch = xsimd::batch<T, Arch>;
  constexpr auto lanes = static_cast<index_t>(batch::size);
  batch sum[static_cast<std::size_t>(Rows)][static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v] = batch(T(0));
  }
  index_t distance = ahead.first;
  for (index_t k = 0; k < count; ++k) {
    batch columns[static_cast<std::size_t>(Vectors)];
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) columns[v] = batch::load_unaligned(b + v * lanes);
    b += Vectors * lanes;
    tshift::kernel::prefetch(ahead.base, distance);
    distance += ahead.step;
#pragma GCC unroll 8
    for (index_t r = 0; r < Rows; ++r) {
      batch const factor(a[r]);
#pragma GCC unroll 8
      for (index_t v = 0; v < Vectors; ++v) sum[r][v] = xsimd::fma(factor, columns[v], sum[r][v]);
    }
    a += step;
  }
#pragma GCC unroll 8
  for (index_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (index_t v = 0; v < Vectors; ++v) sum[r][v].store_unaligned(c + r * gemm_tile<T, Arch>::columns + v * lanes);
  }
}

/// The same for sizes known at run time: rows in [1, Rows], vectors in [1, Vectors].
template <class T, class Arch, index_t Rows = gemm_tile<T, Arch>::rows, index_t Vectors = gemm_tile<T, Arch>::vectors>
void outer_sums(index_t rows, index_t vectors, lines_ahead ahead, index_t count, T const* a, index_t step, T const* b,
                T* c) noexcept {
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) return outer_sums<T, Arch, Rows, Vectors - 1>(rows, vectors, ahead, count, a, step, b, c);
  }
  if constexpr (Rows > 1) {
    if (rows < Rows) return outer_sums<T, Arch, Rows - 1, Vectors>(rows, vectors, ahead, count, a, step, b, c);
  }
  outer_sums<T, Arch, Rows, Vectors>(ahead, count, a, step, b, c);
}

/// Adds finished sums to dW as it lies: [outputs, inputs], rows `stride` apart.
template <class T>
struct add_to_matrix {
  T* data;
  index_t stride;

  /// Asks for a tile that will be added to.
  void ask(index_t output, index_t input, index_t rows, index_t count) const noexcept {
    ask_for_tile(data + output * stride + input, stride, rows, count);
  }
  void operator()(index_t output, index_t input, index_t count, T const* sums) const noexcept {
    T* const to = data + output * stride + input;
    map<xsimd::default_arch>(
        count, to, [](auto const& a, auto const& b) { return a + b; }, to, sums);
  }
};

/// Elements that the panels of x and the strips of dy take.
template <class T>
constexpr index_t gradient_room(index_t time, index_t inputs, index_t outputs) noexcept {
  constexpr index_t wide = gemm_tile<T, xsimd::default_arch>::rows;
  index_t const strips = (outputs + wide - 1) / wide * wide;
  return (time < frames_at_once ? time : frames_at_once) * (padded_columns<T, xsimd::default_arch>(inputs) + strips);
}

/// Columns [column, until) of rows [first, first + frames) of x, in panels as `pack` makes them. column stands at the
/// beginning of a panel, until at the end of one.
template <class T>
void pack_frames(row_source<T> const& x, index_t first, index_t frames, index_t column, index_t until, index_t inputs,
                 T* panels) noexcept {
  using tile = gemm_tile<T, xsimd::default_arch>;
  index_t const padded = padded_columns<T, xsimd::default_arch>(inputs);
  row_block<T> table;
  for (; column < until; column += tile::columns) {
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    index_t const wanted = inputs - column < width ? inputs - column : width;
    T* const panel = panels + column * frames;
    for (row_part const part : row_parts(frames)) {
      for (index_t done = 0; done < wanted;) {
        index_t const found = x.gather(table, first + part.begin, part.count, column + done, wanted - done, zeros<T>);
        for (index_t p = 0; p < table.pieces; ++p) {
          auto const& piece = table.items[p];
          for (index_t r = 0; r < part.count; ++r) {
            T* const to = panel + (part.begin + r) * width + done + piece.begin;
            for (index_t c = 0; c < piece.count; ++c) to[c] = piece.row[r][c];
          }
        }
        done += found;
      }
      for (index_t r = 0; r < part.count; ++r) {
        for (index_t j = wanted; j < width; ++j) panel[(part.begin + r) * width + j] = T(0);
      }
    }
  }
}

/// Columns [column, column + count) of some rows, at most a tile's rows, and zeros up to that: [frames, tile rows].
template <class T>
void pack_strip(row_source<T> const& from, index_t first, index_t frames, index_t column, index_t count,
                row_block<T>& table, T* strip) noexcept {
  constexpr index_t wide = gemm_tile<T, xsimd::default_arch>::rows;
  for (row_part const part : row_parts(frames)) {
    for (index_t done = 0; done < count;) {
      index_t const found = from.gather(table, first + part.begin, part.count, column + done, count - done, zeros<T>);
      bool const whole = table.pieces == 1 && found == wide;
      for (index_t r = 0; r < part.count; ++r) {
        T* const to = strip + (part.begin + r) * wide;
        if (whole) {
          std::memcpy(to, table.items[0].row[r], sizeof(T) * static_cast<std::size_t>(wide));
        } else {
          collect(table, r, to + done);
          for (index_t c = done + found; c < wide; ++c) to[c] = T(0);
        }
      }
      done += found;
    }
  }
}

/// to[c] += sum of column c of a strip, all columns at a time.
template <class T>
void add_strip_sums(T const* strip, index_t frames, index_t count, T* to) noexcept {
  constexpr index_t wide = gemm_tile<T, xsimd::default_arch>::rows;
  T sums[static_cast<std::size_t>(wide)] = {};
  for (index_t t = 0; t < frames; ++t) {
    for (index_t c = 0; c < wide; ++c) sums[c] += strip[t * wide + c];
  }
  for (index_t c = 0; c < count; ++c) to[c] += sums[c];
}

/// dW[o][i] += sum over the frames t of all sequences of dy[t][o] x[t][i], and db[o] += sum over t of dy[t][o].
/// @param frames  shape and lengths: row n * time + t of x and of dy is frame t of sequence n
/// @param add     add(output, input, count, sums) for each finished run of sums, and ask(output, input, rows, count)
///                before those of a tile: add_to_matrix
/// @param bias    db, [outputs]; or null
/// @param room    gradient_room(time, inputs, outputs) elements
template <class Executor, class T, class Add>
void add_gradient(Executor& exec, tensor_view<T const> const& frames, row_source<T> x, index_t inputs, row_source<T> dy,
                  index_t outputs, Add const& add, T* bias, T* room) {
  using arch = xsimd::default_arch;
  using tile = gemm_tile<T, arch>;
  index_t const padded = padded_columns<T, arch>(inputs);
  // Outputs [first, last) of a panel.
  auto const panel_of = [&](T const* strips, index_t some, index_t first, index_t last, index_t column) {
    index_t const width = padded - column < tile::columns ? padded - column : tile::columns;
    index_t const columns = inputs - column < width ? inputs - column : width;
    T const* const panel = room + column * some;
    T sums[static_cast<std::size_t>(tile::rows * tile::columns)];
    for (index_t o = first; o < last; o += tile::rows) {
      index_t const tall = last - o < tile::rows ? last - o : tile::rows;
      add.ask(o, column, tall, columns);
      outer_sums<T, arch>(tall, width / tile::lanes, lines_ahead(panel), some, strips + o * some, tile::rows, panel,
                          sums);
      for (index_t r = 0; r < tall; ++r) add(o + r, column, columns, sums + r * tile::columns);
    }
  };
  auto const outputs_of = [&](index_t first, index_t some, index_t begin, index_t end) {
    T* const strips = room + padded * some;
    row_block<T> table;
    for (index_t o = begin; o < end; o += tile::rows) {
      index_t const tall = end - o < tile::rows ? end - o : tile::rows;
      pack_strip(dy, first, some, o, tall, table, strips + o * some);
      if (bias != nullptr) add_strip_sums(strips + o * some, some, tall, bias + o);
    }
    index_t const wide = columns_at_once<T>(some), high = outputs_at_once<T>;
    for (index_t block = 0; block < padded; block += wide) {
      index_t const until = padded - block < wide ? padded : block + wide;
      for (index_t o = begin; o < end; o += high) {
        index_t const last = end - o < high ? end : o + high;
        for (index_t column = block; column < until; column += tile::columns) panel_of(strips, some, o, last, column);
      }
    }
  };
  for (index_t n = 0; n < frames.shape.batch; ++n) {
    for (index_t done = 0; done < frames.length(n); done += frames_at_once) {
      index_t const left = frames.length(n) - done, some = left < frames_at_once ? left : frames_at_once;
      index_t const first = n * frames.shape.time + done;
      row_split const in = split_for<Executor>({inputs, some, tile::columns});
      for_parts(exec, in.parts, [&x, &in, first, some, inputs, room](index_t part) {
        pack_frames(x, first, some, in.begin(part), in.end(part), inputs, room);
      });
      row_split const out = split_for<Executor>({outputs, some * (inputs + 1), tile::rows});
      for_parts(exec, out.parts, [&outputs_of, &out, first, some](index_t part) {
        outputs_of(first, some, out.begin(part), out.end(part));
      });
    }
  }
}

}}}}  // namespace tshift::train::kernel
