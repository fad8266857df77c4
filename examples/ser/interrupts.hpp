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

/// Set by the first Ctrl-C, where polite_interrupts is there.
inline volatile std::sig_atomic_t interrupted = 0;

/// While it lives, the first Ctrl-C asks to stop after the step; the second stops at once.
class polite_interrupts {
 public:
  polite_interrupts() {
    action_type action = {};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_);
    sigaction(SIGTERM, &action, &before_term_);
  }
  polite_interrupts(polite_interrupts const&) = delete;
  polite_interrupts& operator=(polite_interrupts const&) = delete;
  ~polite_interrupts() {
    sigaction(SIGINT, &before_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
  }

 private:
  using action_type = struct sigaction;  // there is a function of that name too
  action_type before_ = {}, before_term_ = {};
};

}  // namespace ser
