// SPDX-License-Identifier: MIT
// The rows of [N, T, C] as a consumer reads them through a shift: for a block of rows, one pointer per row and run of
// channels. This is how a GEMM, a convolution or a skip connection takes shifted input at no cost.
#pragma once

#include <cstddef>

#include <tshift/shifted_view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Rows that are looked up together. More cost stack and cache, fewer cost time.
inline constexpr index_t row_capacity = 128;

struct row_part {
  index_t begin, count;
};

/// [0, rows) cut into parts of at most row_capacity, all of about one size: a short last one would read all weights for
/// a few rows. A part is a multiple of 8 rows, which is a multiple of every tile's.
class row_parts {
 public:
  explicit row_parts(index_t rows) noexcept : rows_(rows) {
    index_t const parts = (rows + row_capacity - 1) / row_capacity;
    if (parts > 0) size_ = ((rows + parts - 1) / parts + 7) / 8 * 8;
  }

  struct iterator {
    index_t begin, rows, size;
    row_part operator*() const noexcept { return {begin, rows - begin < size ? rows - begin : size}; }
    iterator& operator++() noexcept {
      begin += size;
      return *this;
    }
    bool operator!=(iterator const& other) const noexcept { return begin < other.begin; }
  };
  iterator begin() const noexcept { return {0, rows_, size_}; }
  iterator end() const noexcept { return {rows_, rows_, size_}; }

 private:
  index_t rows_, size_ = 1;
};

/// Rows of one block, channels [begin, begin + count), cut where the shift cuts them.
/// Rows are numbered through all frames of sequence 0, then of sequence 1, and so on.
template <class T>
struct row_block {
  struct piece {
    index_t begin, count;  // channels, begin counted from the block's first
    T const* row[row_capacity];
  };

  index_t pieces = 0;
  piece items[2 * shift_plan::capacity + 1];

  /// Looks up rows [first, first + rows).
  /// @param zeros  what a vacated row points to; null if the reader knows what to do with null
  void gather(shifted_view<T> const& x, index_t first, index_t rows, index_t begin, index_t count,
              T const* zeros) noexcept {
    TSHIFT_ASSERT(rows <= row_capacity);
    pieces = 0;
    index_t const time = x.shape().time;
    for (index_t i = 0; i < x.runs_per_frame(); ++i) {
      index_t n = first / time, t = first % time;
      channel_run<T> const run = x.run(n, t, i);
      index_t const from = run.begin > begin ? run.begin : begin;
      index_t const until = run.begin + run.count < begin + count ? run.begin + run.count : begin + count;
      if (from >= until) continue;
      piece& p = items[pieces++];
      p.begin = from - begin;
      p.count = until - from;
      for (index_t r = 0; r < rows; ++r) {
        T const* const data = x.run(n, t, i).data;
        p.row[r] = data != nullptr ? data + (from - run.begin) : zeros;
        if (++t == time) {
          t = 0;
          ++n;
        }
      }
    }
  }
};

}}}}  // namespace tshift::nn::kernel
