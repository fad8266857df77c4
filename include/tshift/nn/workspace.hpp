// SPDX-License-Identifier: MIT
// The caller's workspace, handed out in slices. A block says once what it needs, in layout(arena): over memory it gets its
// slices, over an arena that only counts the same lines give the size to ask for.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <initializer_list>
#include <span>

#include <tshift/error.hpp>
#include <tshift/shape.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// A product of sizes, none of them negative.
inline index_t checked_product(char const* operation, std::initializer_list<index_t> sizes) {
  index_t result = 1;
  for (index_t const size : sizes) {
    if (size < 0) fail("%s: a size is %td, must be >= 0", operation, size);
    if (__builtin_mul_overflow(result, size, &result)) {
      fail("%s: the product of the sizes must fit in 2^%d - 1", operation, index_bits);
    }
  }
  return result;
}

}}}}  // namespace tshift::detail

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn {

/// Elements of T, taken from the front on; or nothing but their number. Passed by value to a block inside: what that takes
/// is free again when it returns.
template <class T>
class arena {
 public:
  /// Counts for `operation`, whose name messages begin with.
  explicit arena(char const* operation) noexcept : operation_(operation) {}

  /// Hands out memory that is known to be large enough; with TSHIFT_DEBUG that is checked.
  arena(char const* operation, std::span<T> memory) noexcept
      : operation_(operation), next_(memory.data()), room_(static_cast<index_t>(memory.size())) {}

  /// The next product-of-sizes elements; null where this only counts.
  /// @throws shape_error  counting: a size is negative, or the elements are more than an index counts
  T* take(std::initializer_list<index_t> sizes) {
    index_t const count = detail::checked_product(operation_, sizes);
    if (__builtin_add_overflow(used_, count, &used_)) {
      detail::fail("%s: the workspace must fit in 2^%d - 1 elements", operation_, detail::index_bits);
    }
    if (used_ > most_) most_ = used_;
    T* const slice = next_;
    if (next_ != nullptr) {
      TSHIFT_ASSERT(used_ <= room_);
      next_ += count;
    }
    return slice;
  }

  /// Counts what something inside takes, whose slices are free again afterwards: use(arena).
  template <class Use>
  void lend(Use const& use) {
    arena inside = *this;
    use(inside);
    if (inside.most_ > most_) most_ = inside.most_;
  }

  /// The same for a block inside, with x of this shape.
  template <class Block>
  void lend(Block const& block, shape const& x) {
    arena inside = *this;
    block.layout(inside, x);
    if (inside.most_ > most_) most_ = inside.most_;
  }

  /// The most elements that were in use at a time.
  index_t most() const noexcept { return most_; }
  /// Who asks.
  char const* operation() const noexcept { return operation_; }

 private:
  char const* operation_;
  T* next_ = nullptr;
  index_t room_ = 0, used_ = 0, most_ = 0;
};

}}}}  // namespace tshift::nn

#include <tshift/macros/back.hpp>
