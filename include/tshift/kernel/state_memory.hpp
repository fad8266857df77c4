// SPDX-License-Identifier: MIT
// Who owns the bytes of a stream's state: the stream, or the caller.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { namespace types {

/// Bytes that are owned, or somebody else's. Copies of owned bytes are deep; copies of foreign bytes are the same bytes.
class state_memory {
 public:
  TSHIFT_INLINE explicit state_memory(std::size_t size) : data_(allocate(size)), size_(size), owned_(true) {}
  TSHIFT_INLINE state_memory(std::byte* data, std::size_t size) noexcept : data_(data), size_(size), owned_(false) {}
  TSHIFT_INLINE state_memory(state_memory const& other)
      : data_(other.owned_ ? allocate(other.size_) : other.data_), size_(other.size_), owned_(other.owned_) {
    if (owned_ && data_ != nullptr) std::memcpy(data_, other.data_, size_);
  }
  TSHIFT_INLINE state_memory(state_memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), owned_(other.owned_) {}
  // Not one operator that takes a copy: g++ would then take the assignment of a shift_stream for noexcept.
  TSHIFT_INLINE state_memory& operator=(state_memory const& other) { return *this = state_memory(other); }
  TSHIFT_INLINE state_memory& operator=(state_memory&& other) noexcept {
    state_memory taken(std::move(other));  // whoever gave has none afterwards, not ours
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    std::swap(owned_, taken.owned_);
    return *this;
  }
  TSHIFT_INLINE ~state_memory() {
    if (owned_) ::operator delete(data_);
  }

  TSHIFT_INLINE std::byte* data() const noexcept { return data_; }
  TSHIFT_INLINE std::size_t size() const noexcept { return size_; }

 private:
  // A stream that was moved from has none.
  TSHIFT_INLINE static std::byte* allocate(std::size_t size) {
    return size == 0 ? nullptr : static_cast<std::byte*>(::operator new(size));
  }

  std::byte* data_;
  std::size_t size_;
  bool owned_;
};

}}}  // namespace tshift::types
