// SPDX-License-Identifier: MIT
// Memory between two pages that nobody may touch: one byte read or written too far ends the test. POSIX only.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

#include <tshift/view.hpp>

namespace test_support {

using tshift::index_t;

inline index_t page_bytes() { return static_cast<index_t>(sysconf(_SC_PAGESIZE)); }

class guard_pages {
 public:
  /// Whole pages that hold at least `bytes` bytes, between two that are closed.
  explicit guard_pages(index_t bytes)
      : page_(static_cast<std::size_t>(page_bytes())),
        size_((static_cast<std::size_t>(bytes) + page_ - 1) / page_ * page_),
        map_(mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (map_ == MAP_FAILED) throw std::bad_alloc();
    if (size_ > 0 && mprotect(begin(), size_, PROT_READ | PROT_WRITE) != 0) {  // qemu refuses to open nothing
      munmap(map_, size_ + 2 * page_);
      throw std::bad_alloc();
    }
  }
  ~guard_pages() { munmap(map_, size_ + 2 * page_); }
  guard_pages(guard_pages const&) = delete;
  guard_pages& operator=(guard_pages const&) = delete;

  /// The first byte, right behind a closed page; end() is the first of the closed page behind.
  std::byte* begin() { return static_cast<std::byte*>(map_) + page_; }
  std::byte* end() { return begin() + size_; }

  /// Closes or opens whole pages of the middle, counted from begin().
  bool close(index_t first, index_t count) { return protect(first, count, PROT_NONE); }
  bool open(index_t first, index_t count) { return protect(first, count, PROT_READ | PROT_WRITE); }

 private:
  bool protect(index_t first, index_t count, int how) {
    return mprotect(begin() + static_cast<std::size_t>(first) * page_, static_cast<std::size_t>(count) * page_, how) ==
           0;
  }

  std::size_t page_, size_;
  void* map_;
};

}  // namespace test_support
