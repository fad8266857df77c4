// SPDX-License-Identifier: MIT
// How often operator new was called and for how many bytes, how many of its blocks are in use, and which call of it
// shall fail.
// counted_new.hpp replaces it for the whole program, and counts.
#pragma once

#include <atomic>
#include <limits>

namespace test_support {

inline std::atomic<long> allocations{0};
inline std::atomic<long> blocks{0};  // given out and not given back
inline std::atomic<long> bytes_asked{0};

/// Calls of operator new that the call makes.
template <class Call>
long allocations_in(Call call) {
  long const before = allocations.load();
  call();
  return allocations.load() - before;
}

inline constexpr long no_failure = std::numeric_limits<long>::max();
inline std::atomic<long> first_failure{no_failure}, last_failure{no_failure};  // values of `allocations`

/// Asked by operator new, after it has counted the call.
inline bool next_allocation_fails() noexcept {
  if (first_failure.load(std::memory_order_relaxed) == no_failure) return false;
  long const call = allocations.load();
  return call >= first_failure.load() && call <= last_failure.load();
}

/// While it lives, memory runs out at the k-th allocation from now on (0: the next), for that one or for good.
/// For code that allocates in one thread. No assertion of a test framework in the meantime: those allocate, too.
class failing_allocation {
 public:
  failing_allocation(long k, bool for_good) {
    last_failure = for_good ? no_failure - 1 : allocations.load() + 1 + k;
    first_failure = allocations.load() + 1 + k;
  }
  failing_allocation(failing_allocation const&) = delete;
  failing_allocation& operator=(failing_allocation const&) = delete;
  ~failing_allocation() { first_failure = no_failure; }

  /// Whether it has come to that.
  bool happened() const { return allocations.load() >= first_failure.load(); }
};

}  // namespace test_support
