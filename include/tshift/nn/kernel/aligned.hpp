// SPDX-License-Identifier: MIT
// Memory for packed weights: on cache lines, so that no vector of a panel lies across two of them.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

template <class T>
struct line_allocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  line_allocator() noexcept = default;
  template <class U>
  line_allocator(line_allocator<U> const&) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, line); }
  friend bool operator==(line_allocator const&, line_allocator const&) noexcept { return true; }
};

template <class T>
using aligned_vector = std::vector<T, line_allocator<T>>;

}}}}  // namespace tshift::nn::kernel
