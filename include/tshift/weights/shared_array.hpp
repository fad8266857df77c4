// SPDX-License-Identifier: MIT
// Memory of weights: written once, when they are made, and shared by all copies from then on.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace weights {

/// Elements that nobody changes once they are there. A copy is the same memory: it costs nothing and cannot fail, which
/// is why blocks and models need no copy or move functions of their own. On cache lines, so that no vector of a panel lies
/// across two of them.
template <class T>
class shared_array {
  static_assert(std::is_trivially_copyable_v<T>, "tshift: weights are moved as bytes");

 public:
  /// Where the memory begins.
  static constexpr std::align_val_t line{64};

  /// No elements.
  shared_array() = default;

  /// @param size  elements
  /// @param fill  fill(T* first) writes them, once, before anyone else sees them
  /// @throws std::bad_alloc, and what fill throws
  template <class Fill>
  shared_array(std::size_t size, Fill const& fill) {
    if (size == 0) return;
    if (size > static_cast<std::size_t>(-1) / sizeof(T)) throw_bad_alloc();
    T* const first = static_cast<T*>(::operator new(size * sizeof(T), line));
    memory_ = std::shared_ptr<T>(first, give_back());
    size_ = size;
    fill(first);
  }

  /// A copy of somebody's elements.
  explicit shared_array(std::span<T const> from)
      : shared_array(from.size(), [&from](T* to) { std::uninitialized_copy(from.begin(), from.end(), to); }) {}

  /// The first element; null where there are none.
  T const* data() const noexcept { return memory_.get(); }
  /// Number of elements.
  std::size_t size() const noexcept { return size_; }
  /// Whether there are none.
  bool empty() const noexcept { return size_ == 0; }
  /// Element i. Unchecked.
  T const& operator[](std::size_t i) const noexcept { return data()[i]; }

 private:
  struct give_back {
    void operator()(T* p) const noexcept { ::operator delete(p, line); }
  };
  [[noreturn]] static void throw_bad_alloc() {
#if TSHIFT_EXCEPTIONS
    throw std::bad_alloc();
#else
    detail::fail("weights: the elements do not fit in memory");
#endif
  }

  std::shared_ptr<T> memory_;
  std::size_t size_ = 0;
};

}}}}  // namespace tshift::weights

#include <tshift/macros/back.hpp>
