// SPDX-License-Identifier: MIT
// Replaces operator new by one that counts and can fail, see allocation_counter.hpp. main.cpp includes it, so that every
// test program has it: where it were missing, a test that counts allocations would count none.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#include "allocation_counter.hpp"

namespace {

void* counted(std::size_t size, std::size_t alignment, std::nothrow_t const&) noexcept {
  test_support::allocations.fetch_add(1);
  if (test_support::next_allocation_fails()) return nullptr;
  test_support::bytes_asked.fetch_add(static_cast<long>(size));
  if (size == 0) size = 1;
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(size)
                           : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory != nullptr) test_support::blocks.fetch_add(1);
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory != nullptr) test_support::blocks.fetch_sub(1);
  std::free(memory);
}

void* counted(std::size_t size, std::size_t alignment) {
  void* const memory = counted(size, alignment, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All forms, because a sanitizer's own would not fit the operator delete below.
void* operator new(std::size_t size) { return counted(size, 0); }
void* operator new[](std::size_t size) { return counted(size, 0); }
void* operator new(std::size_t size, std::align_val_t by) { return counted(size, static_cast<std::size_t>(by)); }
void* operator new[](std::size_t size, std::align_val_t by) { return counted(size, static_cast<std::size_t>(by)); }
void* operator new(std::size_t size, std::nothrow_t const& tag) noexcept { return counted(size, 0, tag); }
void* operator new[](std::size_t size, std::nothrow_t const& tag) noexcept { return counted(size, 0, tag); }
void* operator new(std::size_t size, std::align_val_t by, std::nothrow_t const& tag) noexcept {
  return counted(size, static_cast<std::size_t>(by), tag);
}
void* operator new[](std::size_t size, std::align_val_t by, std::nothrow_t const& tag) noexcept {
  return counted(size, static_cast<std::size_t>(by), tag);
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
