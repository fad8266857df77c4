// SPDX-License-Identifier: MIT
// Executors for tests: threads, any function, and one that keeps account of what it was asked for.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <tshift/executor.hpp>

namespace test_support {

using tshift::index_t;

/// Runs parts on as many threads as it is told; who gets which part is left to chance.
struct thread_executor {
  int threads;

  template <class Body>
  void operator()(index_t n, Body const& body) const {
    std::atomic<index_t> next{0};
    auto const work = [&] {
      for (index_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) body(i);
    };
    std::vector<std::thread> helpers;
    for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
  }
};

/// The last part first.
struct reversed_executor {
  template <class Body>
  void operator()(index_t n, Body const& body) const {
    for (index_t i = n; i-- > 0;) body(i);
  }
};

/// Any of them behind one type, so that the operations are compiled once.
class any_executor {
 public:
  template <class Executor>
  explicit any_executor(Executor run) : run_(run) {}

  template <class Body>
  void operator()(index_t n, Body const& body) const {
    run_(n, [&body](index_t i) { body(i); });
  }

 private:
  std::function<void(index_t, std::function<void(index_t)> const&)> run_;
};

/// What operations ask an executor for: the number of parts of each call. Every part is run.
struct recording_executor {
  std::vector<index_t>& parts;

  template <class Body>
  void operator()(index_t n, Body const& body) const {
    parts.push_back(n);
    for (index_t i = 0; i < n; ++i) body(i);
  }
};

}  // namespace test_support
