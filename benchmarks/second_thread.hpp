// SPDX-License-Identifier: MIT
// An executor of two threads: the caller's and one that waits for work on another core. The benchmarks are pinned to one
// core, so that the second thread looks for a core of its own.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <thread>

#include <tshift/error.hpp>

namespace tshift_bench {

class second_thread {
 public:
  second_thread() : thread_([this] { serve(); }) {
    while (state_ == starting) std::this_thread::yield();
    if (state_ == alone) {
      thread_.join();
      throw std::runtime_error("there is no second core");
    }
  }
  ~second_thread() {
    state_ = leaving;
    thread_.join();
  }
  second_thread(second_thread const&) = delete;
  second_thread& operator=(second_thread const&) = delete;

  /// body(i) for i in [0, n), each taken by whichever thread is free.
  template <class Body>
  void run(tshift::index_t n, Body const& body) {
    context_ = &body;
    call_ = [](void const* context, tshift::index_t i) { (*static_cast<Body const*>(context))(i); };
    count_ = n;
    next_.store(0, std::memory_order_relaxed);
    state_.store(working, std::memory_order_release);
    take();
    while (state_.load(std::memory_order_acquire) == working) pause();
  }

 private:
  enum state { starting, alone, waiting, working, leaving };

  static void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void take() {
    for (tshift::index_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) call_(context_, i);
  }

  void serve() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    auto const here = static_cast<std::size_t>(sched_getcpu());
    for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
      if (core != here) CPU_SET(core, &cores);
    }
    // Fails where the machine, or what this process may use of it, has one core only.
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) {
      state_ = alone;
      return;
    }
    state_ = waiting;
    for (;;) {
      state const now = state_.load(std::memory_order_acquire);
      if (now == leaving) return;
      if (now == working) {
        take();
        state_.store(waiting, std::memory_order_release);
      } else {
        pause();
      }
    }
  }

  std::atomic<state> state_ = starting;
  std::atomic<tshift::index_t> next_ = 0;
  tshift::index_t count_ = 0;
  void const* context_ = nullptr;
  void (*call_)(void const*, tshift::index_t) = nullptr;
  std::thread thread_;
};

/// What forward takes: copies are the same two threads.
struct two_threads {
  std::shared_ptr<second_thread> other = std::make_shared<second_thread>();

  template <class Body>
  void operator()(tshift::index_t n, Body const& body) const {
    other->run(n, body);
  }
};

}  // namespace tshift_bench
