// SPDX-License-Identifier: MIT
// One frame of neighbouring channels, each with its space: copied or filled, in one run where the strides allow it.
#pragma once

#include <cstddef>

#include <tshift/kernel/geometry.hpp>
#include <tshift/kernel/move.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace kernel {

/// Bytes from one channel to the next, and from one position in space to the next.
struct steps {
  index_t c, s;
};

struct box {
  index_t channels, space, element_bytes;

  constexpr index_t bytes() const noexcept { return channels * space * element_bytes; }
  constexpr bool dense(steps const& by) const noexcept {
    return (space == 1 || by.s == element_bytes) && (channels == 1 || by.c == space * element_bytes);
  }
  /// The steps of a box without gaps.
  constexpr steps packed() const noexcept { return {space * element_bytes, element_bytes}; }
};

/// A box as two loops, the dimension inside whose elements lie closest.
struct box_loops {
  bool space_inside;
  index_t outer, inner;  // counts

  constexpr index_t outer_step(steps const& by) const noexcept { return space_inside ? by.c : by.s; }
  constexpr index_t inner_step(steps const& by) const noexcept { return space_inside ? by.s : by.c; }
};

constexpr box_loops loops_of(box const& size, steps const& by) noexcept {
  bool const space_inside = size.space > 1 && magnitude(by.s) <= magnitude(by.c);
  return {space_inside, space_inside ? size.channels : size.space, space_inside ? size.space : size.channels};
}

/// Elements along the dimension that lies closest in the output, for each position of the other. Step 0 in `by`
/// repeats one element. Apart from copy_box, which would find fewer registers for its usual case.
template <class Arch>
[[gnu::noinline]] void copy_strided_box(box const& size, std::byte const* from, steps const& by, std::byte* to,
                                        steps const& to_by) noexcept {
  box_loops const loops = loops_of(size, to_by);
  index_t const from_step = loops.inner_step(by), to_step = loops.inner_step(to_by);
  for (index_t i = 0; i < loops.outer; ++i) {
    std::byte const* const line = from + i * loops.outer_step(by);
    std::byte* const to_line = to + i * loops.outer_step(to_by);
    if (from_step == size.element_bytes && to_step == size.element_bytes) {
      store_run<Arch>(copy_from<Arch>{line}, to_line, loops.inner * size.element_bytes);
    } else {
      copy_strided(line, from_step, to_line, to_step, loops.inner, size.element_bytes);
    }
  }
}

template <class Arch>
void copy_box(box const& size, std::byte const* from, steps const& by, std::byte* to, steps const& to_by) noexcept {
  if (size.dense(by) && size.dense(to_by)) return store_run<Arch>(copy_from<Arch>{from}, to, size.bytes());
  copy_strided_box<Arch>(size, from, by, to, to_by);
}

template <class Arch>
void fill_box(box const& size, fill_pattern const& fill, std::byte* to, steps const& to_by) noexcept {
  if (!size.dense(to_by)) return copy_box<Arch>(size, fill.data(), {0, 0}, to, to_by);
  index_t const bytes = size.bytes();
  for (index_t i = 0; i < bytes; i += fill.bytes()) {
    store_run<Arch>(copy_from<Arch>{fill.data()}, to + i, bytes - i < fill.bytes() ? bytes - i : fill.bytes());
  }
}

}}}}  // namespace tshift::kernel
