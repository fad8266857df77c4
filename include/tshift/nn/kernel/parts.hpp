// SPDX-License-Identifier: MIT
// Rows cut into parts for an executor. How many depends on the shape alone, never on the threads: the workspace is laid
// out for that many, and no element's bits depend on where a part ends.
#pragma once

#include <cstddef>
#include <type_traits>

#include <tshift/executor.hpp>
#include <tshift/nn/kernel/rows.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// The most parts of a call. Each may need scratch of its own.
inline constexpr index_t most_parts = 32;

/// Work that is worth handing to another thread, in multiply-adds: about 20 microseconds.
inline constexpr index_t part_work = index_t{1} << 20;

/// `count` rows (or heads, or directions) in `parts` parts of `size`, the last as long as it needs.
struct row_split {
  index_t count = 0, parts = 0, size = 1;

  /// @param work  multiply-adds for each of them
  /// @param unit  parts are multiples of it: a tile's rows, or 1
  constexpr row_split(index_t rows, index_t work, index_t unit) noexcept : count(rows) {
    if (rows <= 0) return;
    // Parts of about three quarters of row_capacity: smaller ones read the weights too often. A short tensor is cut into
    // four as long as each is worth it.
    index_t const by_rows = (rows + 95) / 96, by_units = (rows + unit - 1) / unit;
    index_t const total = work > 0 && rows > (index_t{1} << 60) / work ? index_t{1} << 60 : rows * work;
    index_t wanted = by_rows < 4 ? 4 : by_rows;
    if (wanted > most_parts) wanted = most_parts;
    if (wanted > by_units) wanted = by_units;
    if (wanted > total / part_work) wanted = total / part_work;
    if (wanted < 1) wanted = 1;
    size = (rows + wanted - 1) / wanted;
    size = (size + unit - 1) / unit * unit;
    parts = (rows + size - 1) / size;
  }

  /// Whole tasks, such as heads: in at most `most` parts.
  static constexpr row_split of_tasks(index_t count, index_t work, index_t most) noexcept {
    index_t parts = count < most ? count : most;
    if (work < part_work && count * work / part_work < parts) parts = count * work / part_work;
    row_split split(0, 0, 1);
    split.size = parts > 1 ? (count + parts - 1) / parts : count > 0 ? count : 1;
    return split.resized(count);
  }
  /// Parts of the same size of another number of rows.
  constexpr row_split resized(index_t rows) const noexcept {
    row_split split = *this;
    split.count = rows;
    split.parts = (rows + size - 1) / size;
    return split;
  }

  constexpr index_t begin(index_t part) const noexcept { return part * size; }
  constexpr index_t end(index_t part) const noexcept { return count - part * size < size ? count : (part + 1) * size; }
  /// The most rows that one part has at a time.
  constexpr index_t block() const noexcept {
    index_t const most = size < row_capacity ? size : row_capacity;
    return count < most ? count : most;
  }
};

/// body(i) for i in [0, parts), by the executor if that can help.
/// @param work  multiply-adds of a part
template <class Executor, class Body>
void for_parts(Executor& exec, index_t parts, Body const& body, [[maybe_unused]] index_t work = part_work) {
  if constexpr (std::is_same_v<std::remove_cvref_t<Executor>, detail::run_here>) {
    for (index_t i = 0; i < parts; ++i) body(i);
  } else {
    if (parts < 2 || work < part_work) {
      for (index_t i = 0; i < parts; ++i) body(i);
    } else {
      exec(parts, [&](index_t i) noexcept { body(i); });
    }
  }
}

/// Calls body(first, rows, sink) for rows [begin, end) of y, numbered through all sequences, in the longest runs that lie
/// at one stride.
template <class T, class Body>
void for_rows(tensor_view<T> const& y, index_t begin, index_t end, Body const& body) {
  index_t const time = y.shape.time;
  if (begin >= end) return;
  if (time == 1) return body(begin, end - begin, row_sink<T>{y.at(begin, 0, 0), y.strides.batch});
  if (y.shape.batch == 1 || y.strides.batch == time * y.strides.time) {
    return body(begin, end - begin, row_sink<T>{y.at(0, begin, 0), y.strides.time});
  }
  for (index_t row = begin; row < end;) {
    index_t const n = row / time, t = row % time;
    index_t const rows = end - row < time - t ? end - row : time - t;
    body(row, rows, row_sink<T>{y.at(n, t, 0), y.strides.time});
    row += rows;
  }
}

}}}}  // namespace tshift::nn::kernel
