// SPDX-License-Identifier: MIT
// Memory that is compared as a whole: two arenas of the same random bytes, one for the reference, one for the kernel.
// Every byte outside the payload is a canary, and so is every gap between strides.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

#include <tshift/view.hpp>

#include "random.hpp"

namespace test_support {

class arena {
 public:
  static constexpr std::size_t alignment = 64;

  arena(index_t bytes, random_bits& random)
      : size_(static_cast<std::size_t>(bytes)), memory_(allocate(static_cast<std::size_t>(bytes))) {
    random.fill(memory_.get(), size_);
  }
  arena(arena const& other) : size_(other.size_), memory_(allocate(other.size_)) {
    std::memcpy(memory_.get(), other.memory_.get(), size_);
  }
  arena& operator=(arena const&) = delete;

  std::byte* at(index_t byte) { return memory_.get() + byte; }

  /// A view whose element [0, 0, 0, 0] lies `byte` bytes behind the arena's 64-byte aligned beginning.
  template <class T>
  tshift::tensor_view<T> view(index_t byte, tshift::shape const& dims, tshift::strides const& steps,
                              std::span<index_t const> lengths = {}) {
    return {reinterpret_cast<T*>(at(byte)), dims, steps, lengths};
  }

  bool operator==(arena const& other) const {
    return size_ == other.size_ && std::memcmp(memory_.get(), other.memory_.get(), size_) == 0;
  }

  /// Where two arenas differ first.
  std::string difference(arena const& other) const {
    std::size_t i = 0;
    while (i < size_ && memory_[i] == other.memory_[i]) ++i;
    return "first wrong byte is " + std::to_string(i) + " of " + std::to_string(size_);
  }

 private:
  struct release {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{alignment}); }
  };
  using memory = std::unique_ptr<std::byte[], release>;
  static memory allocate(std::size_t size) {
    return memory(static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment})));
  }

  std::size_t size_;
  memory memory_;
};

/// Strides drawn at random, and where element [0, 0, 0, 0] lies.
struct random_strides {
  tshift::strides steps;
  index_t first;  // elements in front of [0, 0, 0, 0] that the view reaches, because a stride is negative
  index_t span;   // elements from the lowest to the highest, both included
};

/// Dimensions in any order, gaps between them now and then, some of them backwards.
/// @param may_repeat  some strides are 0: inputs only
inline random_strides draw_strides(tshift::shape const& dims, random_bits& random, bool may_repeat) {
  index_t const sizes[] = {dims.batch, dims.time, dims.channels, dims.space};
  int order[] = {0, 1, 2, 3};
  for (int i = 3; i > 0; --i) std::swap(order[i], order[random.in(0, i)]);
  index_t steps[4] = {};
  index_t first = 0, reach = 1;
  for (int const d : order) {
    if (may_repeat && random.chance(6)) continue;
    index_t const step = reach + (random.chance(3) ? random.in(1, 5) : 0);
    index_t const away = sizes[d] > 0 ? (sizes[d] - 1) * step : 0;
    bool const backwards = random.chance(4);
    steps[d] = backwards ? -step : step;
    if (backwards) first += away;
    reach += away;
  }
  return {{steps[0], steps[1], steps[2], steps[3]}, first, reach};
}

/// The strides of dense memory.
inline random_strides dense_strides(tshift::shape const& dims, tshift::layout order) {
  return {tshift::detail::dense_strides(dims, order), 0, dims.batch * dims.time * dims.channels * dims.space};
}

}  // namespace test_support
