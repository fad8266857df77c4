// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>

namespace ser {

/// A bar on a terminal that stands for standard error, and nothing elsewhere.
class progress {
 public:
  explicit progress(double all) : all_(all), shown_(::isatty(2) == 1 && all > 0) {}
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  ~progress() { clear(); }

  void at(double done) {
    if (!moved(done)) return;
    std::fprintf(stderr, "\r%s", bar().c_str());
    std::fflush(stderr);
  }
  /// With how many of them a second, and the seconds that are left.
  void at(double done, char const* them) {
    if (!shown_) return;
    auto const now = std::chrono::steady_clock::now();
    if (first_ < 0) {
      first_ = done;
      began_ = now;
    }
    if (!moved(done)) return;
    double const seconds = std::chrono::duration<double>(now - began_).count(), rate = (done - first_) / seconds;
    std::fprintf(stderr, "\r%s", bar().c_str());
    if (rate > 0) std::fprintf(stderr, "  %.3g %s/s, %.0f s left\033[K", rate, them, std::ceil((all_ - done) / rate));
    std::fflush(stderr);
  }
  /// Takes it away, until it moves again.
  void clear() {
    if (shown_ && percent_ >= 0) std::fprintf(stderr, "\r\033[K");
    percent_ = -1;
  }

 private:
  bool moved(double done) {
    int const percent = static_cast<int>(100 * std::min(done / all_, 1.0));
    if (!shown_ || percent == percent_) return false;
    percent_ = percent;
    return true;
  }
  std::string bar() const {
    char text[64];
    std::string const full(static_cast<std::size_t>(percent_ * 40 / 100), '#');
    std::snprintf(text, sizeof text, "[%-40s] %3d %%", full.c_str(), percent_);
    return text;
  }

  double all_, first_ = -1;
  bool shown_;
  int percent_ = -1;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace ser
