// SPDX-License-Identifier: MIT
// A buffer whose last element is the last in front of a page that nobody may touch, or whose first element is the first
// behind one. Where there are no such pages it is plain memory of exactly its size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <tshift/view.hpp>

#if __has_include(<sys/mman.h>)
#include "guard_pages.hpp"
#endif

namespace test_support {

using tshift::index_t;

/// Which end of a buffer lies at a closed page.
enum class side { end, begin };

inline constexpr side sides[] = {side::end, side::begin};

template <class T>
class edge_buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  edge_buffer(std::size_t count, T value, side where) : edge_buffer(count, where) {
    std::fill(all_.begin(), all_.end(), value);
  }
  edge_buffer(std::span<T const> values, side where) : edge_buffer(values.size(), where) {
    std::copy(values.begin(), values.end(), all_.begin());
  }

  T* data() const { return all_.data(); }
  std::span<T> span() const { return all_; }

 private:
#if __has_include(<sys/mman.h>)
  edge_buffer(std::size_t count, side where)
      : memory_(static_cast<index_t>(count * sizeof(T))),
        all_(reinterpret_cast<T*>(where == side::end ? memory_.end() - count * sizeof(T) : memory_.begin()), count) {}
  guard_pages memory_;
#else
  edge_buffer(std::size_t count, side) : memory_(count), all_(memory_) {}
  std::vector<T> memory_;
#endif
  std::span<T> all_;
};

}  // namespace test_support
