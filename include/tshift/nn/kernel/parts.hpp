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

/// `count` rows (or heads, or sequences) in `parts` parts that differ by one unit at most: a tile's rows, or 1.
struct row_split {
  index_t count = 0, parts = 0, unit = 1;

  /// @param work  multiply-adds for each row
  constexpr row_split(index_t rows, index_t work, index_t granularity) noexcept : count(rows), unit(granularity) {
    // Parts of about three quarters of row_capacity: smaller ones read the weights too often. A short tensor is cut into
    // four, if each is worth it.
    index_t const by_rows = (rows + 95) / 96;
    parts = most_of(by_rows < 4 ? 4 : by_rows < most_parts ? by_rows : most_parts, work);
  }

  /// Whole tasks, such as heads: in at most `most` parts.
  static constexpr row_split of_tasks(index_t tasks, index_t work, index_t most) noexcept {
    row_split split(tasks, work, 1);
    split.parts = split.most_of(most, work);
    return split;
  }

  /// The same parts of another number of rows.
  constexpr row_split resized(index_t rows) const noexcept {
    row_split split = *this;
    split.count = rows;
    if (split.units() < parts) split.parts = split.units();
    return split;
  }

  constexpr index_t begin(index_t part) const noexcept { return units() * part / parts * unit; }
  constexpr index_t end(index_t part) const noexcept { return part + 1 < parts ? begin(part + 1) : count; }
  /// The most rows that one part has at a time, of these rows or of fewer: memory laid out for a long sequence is enough
  /// for a shorter one, which may be cut into fewer and larger parts.
  constexpr index_t block() const noexcept { return count < row_capacity ? count : row_capacity; }

 private:
  constexpr index_t units() const noexcept { return count / unit + (count % unit != 0 ? 1 : 0); }

  /// At most `wanted` parts, none of them without a unit or worth less than part_work.
  constexpr index_t most_of(index_t wanted, index_t work) const noexcept {
    if (count <= 0) return 0;
    index_t const each = work < 1 ? 1 : work,
                  worth = count > part_work * wanted / each ? wanted : count * each / part_work;
    index_t const most = wanted < units() ? wanted : units();
    return worth < 1 ? 1 : worth < most ? worth : most;
  }
};

/// The split as an executor works on it: without one there is nobody to share with, and one part reads the weights least
/// often. The memory of all parts together is enough for it.
template <class Executor>
constexpr row_split split_for(row_split const& split) noexcept {
  if constexpr (std::is_same_v<std::remove_cvref_t<Executor>, detail::run_here>) {
    row_split whole = split;
    if (whole.parts > 1) whole.parts = 1;
    return whole;
  } else {
    return split;
  }
}

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
      exec(parts, [&body](index_t i) noexcept { body(i); });
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
