// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace ser {

/// Ctrl-C and its like wait until this is gone: what is being written is not left lying about.
class interrupts_held {
 public:
  interrupts_held() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int const signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  interrupts_held(interrupts_held const&) = delete;
  interrupts_held& operator=(interrupts_held const&) = delete;
  ~interrupts_held() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace ser
