// SPDX-License-Identifier: MIT
// The shift of small dense tensors out of place: frames are copied whole, and the channels that move are written over
// them. What moves is written twice, but a call has little else to do: no segments, no rows cut into runs.
#pragma once

#include <cstddef>
#include <cstring>

#include <tshift/kernel/geometry.hpp>
#include <tshift/kernel/move.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Bytes of frames that are copied and then written over: with as many of the input, they fit an L1 cache of 32 KiB.
inline constexpr index_t overlay_block = 16 << 10;

/// Tensors of at least this many bytes are always walked: an executor shares them out (executor.hpp).
inline constexpr index_t overlay_bytes = 256 << 10;

/// Whether it is faster than the walk. Measured on AVX-512 and SSE2: one block always; a few, where a quarter of the
/// channels moves at most; more, where an eighth does.
constexpr bool overlay_pays(index_t bytes, shift_plan const& plan) noexcept {
  if (bytes >= overlay_bytes || bytes >= TSHIFT_STREAMING_BYTES) return false;
  return bytes <= overlay_block || plan.moved() <= plan.channels() / (bytes <= 4 * overlay_block ? 4 : 8);
}

/// y = S x, where x and y are dense in the order batch, time, channels, space, and apart.
template <class Arch>
void overlay(shape const& dims, shift_plan const& plan, index_t element_bytes, fill_pattern const& fill,
             std::byte const* from, std::byte* to) noexcept {
  index_t const unit = dims.space * element_bytes, row = dims.channels * unit, sequence = dims.time * row;
  bool const all_move = plan.moved() == dims.channels;
  index_t const fitting = sequence <= overlay_block ? dims.time : overlay_block / row;
  index_t const frames = fitting > 1 ? fitting : 1;

  for (index_t n = 0; n < dims.batch; ++n, from += sequence, to += sequence) {
    for (index_t first = 0; first < dims.time; first += frames) {
      index_t const last = dims.time - first < frames ? dims.time : first + frames;
      if (!all_move) std::memcpy(to + first * row, from + first * row, static_cast<std::size_t>((last - first) * row));
      for (fold const& f : plan.folds()) {
        if (f.offset == 0 || f.count == 0) continue;
        index_t const place = f.begin * unit, bytes = f.count * unit;
        auto const write = [&](piece const& p) __attribute__((always_inline)) {
          index_t const begin = p.begin > first ? p.begin : first;
          index_t const end = p.begin + p.count < last ? p.begin + p.count : last;
          bool const moves = p.what == piece::kind::move;
          bool const copied = moves && p.source == p.begin && !all_move;
          if (begin >= end || copied) return;
          std::byte* const target = to + begin * row + place;
          if (p.what == piece::kind::fill) {
            for (index_t i = 0; i < bytes; i += fill.bytes()) {
              index_t const some = bytes - i < fill.bytes() ? bytes - i : fill.bytes();
              copy_rows<Arch>(fill.data(), 0, target + i, row, some, end - begin);
            }
            return;
          }
          index_t const source = moves ? p.source + (begin - p.begin) : p.source;
          copy_rows<Arch>(from + source * row + place, moves ? row : 0, target, row, bytes, end - begin);
        };
        for_each_piece(f.offset, dims.time, dims.time, plan.edge(), write);
      }
    }
  }
}

}}}}  // namespace tshift::kernel
