// SPDX-License-Identifier: MIT
// The table of relative positions, trained: packed for the scores and for the gradients, in both orders.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <tshift/nn/kernel/parts.hpp>
#include <tshift/nn/options.hpp>
#include <tshift/train/kernel/matrix.hpp>
#include <tshift/train/kernel/weight_gradient.hpp>
#include <tshift/train/parameter_table.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train::kernel {

/// p [2 reach - 1, depth], row i for the distance i - reach + 1; or nothing, for absolute positions.
template <class T>
class distance_table {
 public:
  distance_table() = default;

  /// Checked.
  distance_table(char const* operation, parameter_table& table, std::string const& parameter, frame_positions kind,
                 index_t reach, index_t depth)
      : kind_(kind) {
    if (kind < frame_positions::absolute || kind > frame_positions::relative_key_query) {
      detail::fail("%s: position = %d, must be a named position", operation, static_cast<int>(kind));
    }
    if (!queries()) return;
    if (reach < 1) detail::fail("%s: reach = %td, must be >= 1", operation, reach);
    reach_ = reach;
    index_t const rows = detail::checked_product(operation, {2, reach}) - 1;
    place_ = table.add(parameter, {rows, depth});
    descending_ = matrix<T>(depth, rows);
    if (keys()) ascending_ = matrix<T>(depth, rows);
  }

  frame_positions kind() const noexcept { return kind_; }
  /// Whether queries, and whether keys have positions.
  bool queries() const noexcept { return kind_ != frame_positions::absolute; }
  bool keys() const noexcept { return kind_ == frame_positions::relative_key_query; }
  /// The longest sequence it serves.
  index_t reach() const noexcept { return reach_; }
  /// Where it lies.
  place const& where() const noexcept { return place_; }

  /// across() is for scores, back() for gradients; in the order of distances, or from the largest on.
  matrix<T> const& ascending() const noexcept { return ascending_; }
  matrix<T> const& descending() const noexcept { return descending_; }

  void pack(std::span<T const> values) noexcept {
    T const* const p = place_.in(values);
    if (p == nullptr) return;
    index_t const depth = descending_.inputs(), last = 2 * reach_ - 2;
    auto const nothing = [](index_t) { return T(0); };
    descending_.pack([p, depth, last](index_t row, index_t c) { return p[(last - row) * depth + c]; }, nothing);
    if (keys()) ascending_.pack([p, depth](index_t row, index_t c) { return p[row * depth + c]; }, nothing);
  }

  /// Adds the sums of all heads in order: sequence by sequence, head by head.
  /// @param sums  [N, heads, 2 T - 1, depth], of which a sequence of L frames has the first 2 L - 1 rows
  template <class Executor>
  void add_gradient(Executor& exec, tensor_view<T const> const& frames, index_t heads, T const* sums,
                    std::span<T> gradients) const {
    if (!queries()) return;
    index_t const depth = descending_.inputs(), room = (2 * frames.shape.time - 1) * depth;
    auto const rows = split_for<Executor>({2 * reach_ - 1, frames.shape.batch * heads * depth, 1});
    add_to_matrix<T> const to{place_.in(gradients), depth};
    for_parts(exec, rows.parts, [this, &frames, &rows, &to, heads, depth, room, sums](index_t part) {
      for (index_t n = 0; n < frames.shape.batch; ++n) {
        index_t const length = frames.length(n), from = reach_ - length, until = reach_ + length - 1;
        index_t const begin = rows.begin(part) > from ? rows.begin(part) : from;
        index_t const end = rows.end(part) < until ? rows.end(part) : until;
        for (index_t h = 0; h < heads && begin < end; ++h) {
          to(begin, 0, (end - begin) * depth, sums + (n * heads + h) * room + (begin - from) * depth);
        }
      }
    });
  }

 private:
  frame_positions kind_ = frame_positions::absolute;
  index_t reach_ = 0;
  place place_;
  matrix<T> ascending_, descending_;
};

}}}}  // namespace tshift::train::kernel
