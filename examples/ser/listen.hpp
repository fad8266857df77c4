// SPDX-License-Identifier: MIT
// One sound through a model, whole or window by window, in memory that does not grow with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "emotions.hpp"
#include "encoder.hpp"
#include "sounds.hpp"
#include "timeline.hpp"

namespace ser {

/// Seconds, and what is asked for.
struct listening {
  double window = 4, hop = 1;
  bool windows = false;      // whether a timeline is wanted; without, only what is too long to be heard whole has one
  double unknown_below = 0;  // the likeliest class must be as likely as that
};

inline constexpr int heard_rate = 16000;
inline constexpr double heard_whole = 30;  // seconds; longer sounds are heard in windows

struct heard {
  timeline windows;
  envelope wave{heard_rate};
  std::vector<double> values;     // probabilities, or what a regression says
  std::vector<float> y, feature;  // of the whole; or means over the windows
  std::string how;                // which of the two, for the user
  std::string samples;            // what was done to them
};

/// @param progress  called with the seconds that were heard
/// @throws ser_error  the sound cannot be read, or is too short
heard listen(emotion_model& model, encoder_options const& how, encoder_files const& files, sound_options const& from,
             listening const& asked, std::function<void(double)> const& progress);

}  // namespace ser
