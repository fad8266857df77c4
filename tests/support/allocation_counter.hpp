// SPDX-License-Identifier: MIT
// How often operator new was called. allocation_test.cpp replaces it for the whole program, and counts.
#pragma once

#include <atomic>

namespace test_support {

inline std::atomic<long> allocations{0};

/// Calls of operator new that the call makes.
template <class Call>
long allocations_in(Call call) {
  long const before = allocations.load();
  call();
  return allocations.load() - before;
}

}  // namespace test_support
