// SPDX-License-Identifier: MIT
// Blocks of a model: made once, when it is made, and shared by all its copies from then on.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Objects of any type that nobody changes once they are there; a shared_array holds plain elements. A copy is the same
/// memory: it costs nothing and cannot fail. What was moved from is empty.
template <class T>
class shared_list {
 public:
  /// None.
  shared_list() = default;

  /// Takes over what is in the vector.
  /// @throws std::bad_alloc  if there is no memory
  explicit shared_list(std::vector<T> items)
      : items_(items.empty() ? nullptr : std::make_shared<std::vector<T> const>(std::move(items))) {}

  /// Number of them.
  std::size_t size() const noexcept { return items_ == nullptr ? 0 : items_->size(); }
  /// Whether there are none.
  bool empty() const noexcept { return size() == 0; }
  /// The first; null where there are none.
  T const* begin() const noexcept { return items_ == nullptr ? nullptr : items_->data(); }
  /// Past the last.
  T const* end() const noexcept { return begin() + size(); }
  /// The last. Unchecked.
  T const& back() const noexcept { return items_->back(); }
  /// Number i of them. Unchecked.
  T const& operator[](std::size_t i) const noexcept { return (*items_)[i]; }

 private:
  std::shared_ptr<std::vector<T> const> items_;
};

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
