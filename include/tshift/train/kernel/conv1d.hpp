// SPDX-License-Identifier: MIT
// The gradient of what a convolution along time has read. Every stride-th frame of x, a phase, meets the same taps,
// and neighbours among those frames meet neighbouring frames of y: of each phase, dx is a convolution of dy with
// stride 1, a product whose rows are windows of dy. Each element of dx is one chain of multiply-adds; nothing is added
// to dx, and no product is made in vain.
#pragma once

#include <cstddef>

#include <tshift/nn/kernel/gemm.hpp>
#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/kernel/sources.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/train/kernel/matrix.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// Frames of y that the sequences of x give; none of a sequence without frames, whatever the padding.
template <class T>
struct made_lengths {
  tensor_view<T const> const& x;
  conv1d_options const& options;

  index_t operator()(index_t n) const noexcept { return x.length(n) > 0 ? options.frames(x.length(n)) : 0; }
  index_t operator()(tensor_view<T const> const& /*dy*/, index_t n) const noexcept { return (*this)(n); }
};

/// Channels from `channel` on of rows from `offset` on.
template <class T>
struct later_channels {
  row_source<T> rows;
  index_t offset, channel;

  index_t gather(row_block<T>& table, index_t first, index_t count, index_t begin, index_t channels,
                 T const* nothing) const noexcept {
    return rows.gather(table, offset + first, count, channel + begin, channels, nothing);
  }
};

/// W turned round: of each group and each phase a packed matrix [taps of the phase * made, channels].
template <class T>
struct conv1d_back {
  using arch = xsimd::default_arch;

  conv1d_options options;
  T const* matrices;
  T const* zeros;  // as many as a matrix has columns

  /// Inputs and outputs of a group.
  index_t channels() const noexcept { return options.inputs / options.groups; }
  index_t made() const noexcept { return options.outputs / options.groups; }
  index_t columns() const noexcept { return padded_columns<T, arch>(channels()); }
  /// Elements of all matrices.
  index_t size() const noexcept { return options.taps * options.outputs * columns(); }

  /// Phase p has taps p, p + stride, ...: tap p + m stride of frame q of y stands over frame (q + m) stride + p -
  /// padding of x.
  index_t taps_of(index_t phase) const noexcept {
    return phase < options.taps ? (options.taps - phase - 1) / options.stride + 1 : 0;
  }
  /// The matrix of a phase; its rows are those of earlier frames of y first, that is of later taps.
  packed_operand<T> operand(index_t g, index_t phase) const noexcept {
    return {matrices + begin(g, phase), zeros, taps_of(phase) * made(), channels()};
  }

  /// @param from  [outputs, channels, taps]
  void pack(T const* from, T* to) const noexcept {
    for (index_t g = 0; g < options.groups; ++g) {
      for (index_t p = 0; p < options.stride && p < options.taps; ++p) {
        auto const element = [this, from, g, p, last = taps_of(p) - 1](index_t row, index_t i) {
          index_t const tap = p + (last - row / made()) * options.stride, o = g * made() + row % made();
          return from[(o * channels() + i) * options.taps + tap];
        };
        kernel::pack<T, arch>(taps_of(p) * made(), channels(), element, to + begin(g, p));
      }
    }
  }

  /// dx for frames inside sequences, 0 for others.
  /// @param x   a view with the shape and lengths of x
  /// @param dy  [N, frames(T), outputs]
  template <class Executor>
  void compute(Executor& exec, tensor_view<T const> const& x, shifted_view<T> const& dy,
               tensor_view<T> const& dx) const {
    // A slot is a frame of each phase: frames slot * stride - padding and the stride - 1 behind it.
    index_t const slots = (x.shape.time - 1 + options.padding) / options.stride + 1;
    index_t const work = options.taps * channels() * options.outputs;
    auto const split = split_for<Executor>({x.shape.batch * slots, work, 8});
    for_parts(exec, split.parts, [this, &x, &dy, &dx, &split, slots](index_t part) {
      for (index_t row = split.begin(part); row < split.end(part);) {
        index_t const n = row / slots, slot = row % slots, left = split.end(part) - row;
        index_t const count = slots - slot < left ? slots - slot : left;
        some_slots(x, dy, dx, slots, n, slot, slot + count);
        row += count;
      }
    });
  }

 private:
  /// Where a matrix begins.
  index_t begin(index_t g, index_t phase) const noexcept {
    index_t const rest = options.taps % options.stride;
    index_t const taps = phase * (options.taps / options.stride) + (phase < rest ? phase : rest);
    return (g * options.taps + taps) * made() * columns();
  }

  /// Slots [begin, end) of sequence n.
  void some_slots(tensor_view<T const> const& x, shifted_view<T> const& dy, tensor_view<T> const& dx, index_t slots,
                  index_t n, index_t begin, index_t end) const noexcept {
    index_t const length = x.length(n), stride = options.stride;
    made_lengths<T> const inside{x, options};
    for (index_t p = 0; p < stride && p < length + options.padding; ++p) {  // a stride may be any number
      // Slots with 0 <= slot * stride - ahead < length.
      index_t const ahead = options.padding - p;
      index_t const first = ahead > 0 ? (ahead - 1) / stride + 1 : 0;
      index_t const last = length + ahead > 0 ? (length + ahead - 1) / stride : -1;
      index_t const from = begin < first ? first : begin, until = end < last + 1 ? end : last + 1;
      if (from >= until) continue;
      index_t const taps = taps_of(p), before = taps > 0 ? taps - 1 : 0;
      for (index_t g = 0; g < options.groups; ++g) {
        window_rows<T, made_lengths<T>> const windows{dy, taps, 1, before, g * made(), made(), slots, inside};
        index_t const step = until - from > 1 ? stride * dx.strides.time : 0;
        row_sink<T> const to{dx.at(n, from * stride - ahead, g * channels()), step};
        gemm<T, arch>(windows, n * slots + from, until - from, operand(g, p), to);
      }
    }
    index_t const before = begin * stride - options.padding;
    index_t const behind = end < slots ? end * stride - options.padding : x.shape.time;
    for (index_t t = before < length ? length : before; t < behind && t < x.shape.time; ++t) {
      for (index_t c = 0; c < options.inputs; ++c) dx(n, t, c) = T(0);
    }
  }
};

/// Adds finished sums to dW as PyTorch has it, [outputs, channels, taps]: column t * channels + i is tap first_tap + t
/// of input i.
template <class T>
struct add_to_taps {
  T* data;
  index_t channels, taps, first_tap;

  /// Asks for a tile that will be added to, as far as it lies in one tap.
  void ask(index_t output, index_t column, index_t rows, index_t count) const noexcept {
    index_t const i = column % channels, some = channels - i < count ? channels - i : count;
    ask_for_tile(data + (output * channels + i) * taps, channels * taps, rows, some * taps);
  }
  void operator()(index_t output, index_t column, index_t count, T const* sums) const noexcept {
    T* const row = data + output * channels * taps + first_tap;
    for (index_t done = 0; done < count;) {
      index_t const tap = (column + done) / channels, i = (column + done) % channels;
      index_t const some = channels - i < count - done ? channels - i : count - done;
      T* const to = row + i * taps + tap;
      for (index_t c = 0; c < some; ++c) to[c * taps] += sums[done + c];
      done += some;
    }
  }
};

}}}}  // namespace tshift::train::kernel
