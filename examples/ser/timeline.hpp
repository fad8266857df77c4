// SPDX-License-Identifier: MIT
// What a model said about a long sound, window by window: as CSV, as JSON, and as a picture.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace ser {

struct timeline {
  struct entry {
    double start = 0, end = 0;   // seconds
    std::vector<double> values;  // one for each label: probabilities, or values of a regression
    std::string verdict;         // the likeliest, "unknown", or empty for a regression
  };

  std::string sound;
  std::vector<std::string> labels;
  bool probabilities = true;
  std::vector<entry> entries;

  std::string csv() const;
  std::string json() const;
};

/// The least and the largest sample of every hundredth of a second.
class envelope {
 public:
  explicit envelope(int rate) : step_(rate / 100 > 0 ? rate / 100 : 1) {}
  void add(float sample);
  std::vector<std::pair<float, float>> const& parts() const noexcept { return parts_; }
  double seconds(int rate) const noexcept { return static_cast<double>(count_) / rate; }

 private:
  int step_;
  long long count_ = 0;
  std::vector<std::pair<float, float>> parts_;
};

/// An SVG: probabilities over time above the waveform.
std::string picture(timeline const& of, envelope const& wave, int rate);

}  // namespace ser
