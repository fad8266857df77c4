// SPDX-License-Identifier: MIT
// What is printed while a sound goes on, a line at a time, to whoever reads it while it reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ser {

/// How long answers took to follow the sound.
class delays {
 public:
  void add(double seconds) {
    if (last_.size() < kept) last_.resize(last_.size() + 1);
    last_[count_++ % kept] = seconds;
    most_ = std::max(most_, seconds);
  }
  /// Of the last ones.
  double median() const {
    auto sorted = last_;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
  /// Of all.
  double most() const { return most_; }

 private:
  static constexpr std::size_t kept = 1000;  // whoever listens for days needs no more memory

  std::vector<double> last_;
  std::size_t count_ = 0;
  double most_ = 0;
};

/// Where the time goes from a sound to the answer, in seconds.
struct delay_parts {
  double frame = 0, network = 0;  // sound that a frame waits for, and that the network looks ahead
  double window = 0;              // in place of both, where a model hears windows
};

/// An answer.
struct live_answer {
  double heard = 0;            // seconds, of which it is
  std::optional<double> from;  // where its window begins, if it is of one
  std::vector<double> values;  // probabilities, or values of a regression; none: no frame has left the network yet
  std::optional<std::string> verdict;  // of classes
  bool last = false;
};

class reporter {
 public:
  reporter(std::vector<std::string> labels, bool json) : labels_(std::move(labels)), json_(json) {}

  std::vector<std::string> const& labels() const noexcept { return labels_; }
  bool json() const noexcept { return json_; }
  /// @return whether anybody still reads
  /// @throws ser_error  it cannot be written
  bool answer(live_answer const& of) const;
  bool delay(delay_parts const& parts, delays const& computing) const;
  bool put(std::string const& text) const;

 private:
  std::vector<std::string> labels_;
  bool json_;
};

}  // namespace ser
