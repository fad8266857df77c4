// SPDX-License-Identifier: MIT
// What the adjoint of padding keep and edge adds to a shift: frames that several outputs were taken from receive a sum.
#pragma once

#include <cstddef>
#include <cstring>

#include <tshift/kernel/inplace.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Frame `to` becomes the sum of frames first, first + step, ... (count of them, in this order).
struct frame_sum {
  index_t to, first, step, count;
};

/// k sums of 16-bit floats, each of the `count` terms that lie term_step apart: in float, in this order, rounded once.
/// `to` may be any of the terms.
template <class Arch, class T>
void round_sums(std::byte const* from, index_t from_step, index_t term_step, index_t count, std::byte* to,
                index_t to_step, index_t k) noexcept {
  constexpr auto size = static_cast<index_t>(sizeof(T));
  if constexpr (widens_in_vectors<Arch, T>) {
    if (from_step == size && to_step == size) {
      constexpr index_t W = byte_vector<Arch>::width;
      for (index_t i = 0; i < k * size; i += W) {
        index_t const n = k * size - i < W ? k * size - i : W;
        auto total = widened<Arch, T>::load_some(from + i, n);
        for (index_t term = 1; term < count; ++term) {
          total = total + widened<Arch, T>::load_some(from + i + term * term_step, n);
        }
        store_some(total.rounded(), to + i, n);
      }
      return;
    }
  }
  for (index_t e = 0; e < k; ++e) {
    float total = 0;
    for (index_t term = 0; term < count; ++term) {
      T number;
      std::memcpy(&number, from + e * from_step + term * term_step, sizeof(T));
      total = term == 0 ? detail::to_float(number) : total + detail::to_float(number);
    }
    T const sum = detail::nearest<T>(total);
    std::memcpy(to + e * to_step, &sum, sizeof(T));
  }
}

/// dx[to] = sum of dy's frames, for channels [channel, channel + channels) of sequence n. dx may be dy.
template <class Arch, class T>
void sum_frames(operand<std::byte const> const& dy, operand<std::byte> const& dx, task const& job, index_t n,
                index_t channel, index_t channels, frame_sum const& sum) noexcept {
  constexpr index_t block = 64;
  constexpr auto size = static_cast<index_t>(sizeof(T));
  std::byte totals[static_cast<std::size_t>(block * size)];
  // Blocks along the dimension whose elements are closest, so that each frame is read in runs.
  steps const from_by{dy.c, dy.s}, to_by{dx.c, dx.s};
  box_loops const loops = loops_of({channels, job.dims.space, size}, from_by);
  index_t const from_step = loops.inner_step(from_by), to_step = loops.inner_step(to_by);
  for (index_t i = 0; i < loops.outer; ++i) {
    for (index_t j = 0; j < loops.inner; j += block) {
      index_t const k = loops.inner - j < block ? loops.inner - j : block;
      index_t const from_place = i * loops.outer_step(from_by) + j * from_step;
      index_t const to_place = i * loops.outer_step(to_by) + j * to_step;
      std::byte* const to = dx.at(n, sum.to, channel) + to_place;
      if constexpr (detail::is_16_bit_float<T>) {
        if (sum.count > 1) {  // one term is a copy
          round_sums<Arch, T>(dy.at(n, sum.first, channel) + from_place, from_step, sum.step * dy.t, sum.count, to,
                              to_step, k);
          continue;
        }
      }
      for (index_t term = 0; term < sum.count; ++term) {
        std::byte const* const from = dy.at(n, sum.first + term * sum.step, channel) + from_place;
        if (term == 0) {
          copy_elements<size>(from, from_step, totals, size, k);
        } else {
          for (index_t e = 0; e < k; ++e) {
            add_elements<T>(totals + e * size, from + e * from_step, totals + e * size, 1);
          }
        }
      }
      copy_elements<size>(totals, size, to, to_step, k);
    }
  }
}

/// The frames of the adjoint of keep or edge that are sums, for one fold in a sequence of `length` frames; and the
/// window in which the rest is a zero-padded shift by -offset. Sums are written in the order given; with dx = dy none
/// reads what an earlier one wrote.
template <class Visit>
constexpr void for_each_sum(index_t offset, index_t length, padding edge, Visit visit) noexcept {
  vacancy const v = vacancy_of(offset, length);
  if (edge == padding::edge) {
    // The nearest frame went to every vacated frame, and once more to the frame that reads it properly.
    index_t const count = v.count + (v.kept > 0 ? 1 : 0);
    visit(offset > 0 ? frame_sum{0, 0, 1, count} : frame_sum{length - 1, length - count, 1, count});
    return;
  }
  index_t const reach = magnitude(offset);
  for (index_t t = v.first; t < v.first + v.count; ++t) {
    bool const both = offset > 0 ? reach < length - t : reach <= t;
    index_t const from = both && offset < 0 ? t - reach : t;
    visit(frame_sum{t, from, reach, both ? 2 : 1});
  }
}

/// dx = S' dy at the frames that are sums, for the moved channels [first, last); dx holds the zero-padded adjoint.
template <class Arch, class T>
void adjoint_sums(operand<std::byte const> const& dy, operand<std::byte> const& dx, task const& job, index_t first,
                  index_t last) noexcept {
  for_each_moved(dx, job, first, last, [&dy, &dx, &job](index_t n, index_t channel, index_t channels, index_t offset) {
    index_t const length = job.length(n);
    if (length == 0) return;
    for_each_sum(offset, length, job.edge, [&dy, &dx, &job, n, channel, channels](frame_sum const& sum) {
      sum_frames<Arch, T>(dy, dx, job, n, channel, channels, sum);
    });
  });
}

/// dx = S' dx for padding keep and edge, for the moved channels [first, last): the sums while all frames are still
/// there, then the others move among themselves.
template <class Arch, class T>
void adjoint_inplace(operand<std::byte> const& x, task const& job, bool far, index_t first, index_t last) noexcept {
  operand<std::byte const> const source{x.data, x.n, x.t, x.c, x.s};
  for_each_moved(
      x, job, first, last, [&source, &x, &job, far](index_t n, index_t channel, index_t channels, index_t offset) {
        index_t const length = job.length(n);
        if (length == 0) return;
        for_each_sum(offset, length, job.edge, [&source, &x, &job, n, channel, channels](frame_sum const& sum) {
          sum_frames<Arch, T>(source, x, job, n, channel, channels, sum);
        });
        index_t const summed = job.edge == padding::edge ? 1 : vacancy_of(offset, length).count;
        if (summed == length) return;
        frame_box<Arch> const rest(x, job, n, offset > 0 ? summed : 0, channel, channels, far);
        shift_frames(rest, length - summed, -offset, padding::zero);
      });
}

}}}}  // namespace tshift::kernel
