// SPDX-License-Identifier: MIT
// Rows as kernels read them: for a block of rows, one pointer per row and piece of channels. A source fills the table. It
// may point at memory as it lies, through a shift, or at windows that overlap; whoever multiplies, normalises or adds
// rows reads the table alone, so that none of this costs a copy.
#pragma once

#include <cstddef>

#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Rows that are looked up together. More cost stack and cache, fewer cost time.
inline constexpr index_t row_capacity = 128;

/// Pieces that a table has room for: those of a plan with all its folds, and one more than the taps of most windows.
inline constexpr index_t piece_capacity = 33;

/// Channels of a row that are read together: the depth of a block of K in a product.
inline constexpr index_t gemm_depth = 768;

/// What a row points to that a shift has vacated, or that lies outside a sequence.
template <class T>
inline constexpr T zeros[static_cast<std::size_t>(gemm_depth)] = {};

/// Some rows, some of their channels: a piece is neighbouring channels that lie in one run in every row.
template <class T>
struct row_block {
  struct piece {
    index_t begin, count;  // channels, begin counted from the first that was asked for
    T const* row[static_cast<std::size_t>(row_capacity)];
  };

  index_t pieces = 0;
  piece items[static_cast<std::size_t>(piece_capacity)];

  /// A new piece, its rows to be filled in.
  piece& add(index_t begin, index_t count) noexcept {
    TSHIFT_ASSERT(pieces < piece_capacity);
    piece& p = items[pieces++];
    p.begin = begin;
    p.count = count;
    return p;
  }
};

/// Any source of rows. It must outlive this. A source has
///
///   index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count, T const* zeros) const
///
/// which points the table at channels [begin, begin + k) of rows [first, first + rows) and returns k: `count`, or less
/// where the table is full. Pieces stand in ascending order without gaps, but for those of zeros where `zeros` is null:
/// there a row's pointer is null.
template <class T>
class row_source {
 public:
  template <class Source>
  row_source(Source const& source) noexcept
      : source_(&source), gather_([](void const* self, row_block<T>& table, index_t first, index_t rows, index_t begin,
                                     index_t count, T const* nothing) noexcept {
          return static_cast<Source const*>(self)->gather(table, first, rows, begin, count, nothing);
        }) {}
  row_source(row_source const&) = default;
  row_source& operator=(row_source const&) = default;

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* nothing) const noexcept {
    TSHIFT_ASSERT(rows <= row_capacity && (nothing == nullptr || count <= gemm_depth));
    return gather_(source_, table, first, rows, begin, count, nothing);
  }

 private:
  void const* source_;
  index_t (*gather_)(void const*, row_block<T>&, index_t, index_t, index_t, index_t, T const*) noexcept;
};

/// Rows at one distance from each other.
template <class T>
struct plain_rows {
  T const* data;
  index_t stride;

  index_t gather(row_block<T>& table, index_t first, index_t rows, index_t begin, index_t count,
                 T const* /*zeros*/) const noexcept {
    table.pieces = 0;
    auto& piece = table.add(0, count);
    for (index_t r = 0; r < rows; ++r) piece.row[r] = data + (first + r) * stride + begin;
    return count;
  }
};

/// Rows of two matrices side by side: `channels` of the first, then those of the second.
template <class T>
struct adjacent_rows {
  plain_rows<T> first, second;
  index_t channels;

  index_t gather(row_block<T>& table, index_t from, index_t rows, index_t begin, index_t count,
                 T const* /*zeros*/) const noexcept {
    table.pieces = 0;
    index_t const here = begin < channels ? channels - begin : 0, some = here < count ? here : count;
    if (some > 0) add(table, first, from, rows, begin, 0, some);
    if (some < count) add(table, second, from, rows, begin + some - channels, some, count - some);
    return count;
  }

 private:
  static void add(row_block<T>& table, plain_rows<T> const& m, index_t from, index_t rows, index_t channel,
                  index_t begin, index_t count) noexcept {
    auto& piece = table.add(begin, count);
    for (index_t r = 0; r < rows; ++r) piece.row[r] = m.data + (from + r) * m.stride + channel;
  }
};

/// The rows of a source from row `offset` on.
template <class T>
struct later_rows {
  row_source<T> rows;
  index_t offset;

  index_t gather(row_block<T>& table, index_t first, index_t count, index_t begin, index_t channels,
                 T const* nothing) const noexcept {
    return rows.gather(table, offset + first, count, begin, channels, nothing);
  }
};

/// Row r of a table, put together in one run of memory; zeros where it points to nothing.
template <class T>
void collect(row_block<T> const& table, index_t r, T* to) noexcept {
  for (index_t p = 0; p < table.pieces; ++p) {
    auto const& piece = table.items[p];
    T const* const from = piece.row[r];
    for (index_t c = 0; c < piece.count; ++c) to[piece.begin + c] = from != nullptr ? from[c] : T(0);
  }
}

/// Where rows are written: row i begins at data + i * stride.
template <class T>
struct row_sink {
  T* data;
  index_t stride;

  row_sink from(index_t row) const noexcept { return {data + row * stride, stride}; }
};

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

}}}}  // namespace tshift::nn::kernel
