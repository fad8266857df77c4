// SPDX-License-Identifier: MIT
// One sound through a model, whole or window by window, in memory that does not grow with it.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <tshift/models/windowed.hpp>
#include <vector>

#include "emotions.hpp"
#include "encoder.hpp"
#include "sounds.hpp"
#include "timeline.hpp"

namespace ser {

/// --timeline WINDOW:HOP, in seconds.
struct timeline_option {
  double window = 0, hop = 0;  // window 0: none is asked for

  void add_to(CLI::App& app);
};

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

/// A sound heard as it comes: in windows, and, where it is short enough, once more as a whole at its end.
class listener {
 public:
  /// @param windows  whether it is heard in windows
  /// @param whole    whether the whole is heard where that can be
  /// @throws usage_error  a window is too short for the model
  listener(emotion_model& model, sample_norm const& norm, listening const& asked, bool windows, bool whole);

  using visitor = std::function<void(timeline::entry const&)>;
  /// @param said  called with what is said of each window that is over
  void push(std::span<float const> samples, visitor const& said);
  /// The sound is over. @return all but windows and wave @throws ser_error  it is too short; it is called `name`
  heard finish(std::string const& name, visitor const& said);

  index_t samples() const noexcept { return count_; }

 private:
  void hear(tshift::models::encoder_window<float> const& window, visitor const& said);
  emotion_model::result hear_whole();

  emotion_model& model_;
  sample_norm norm_;
  double unknown_below_;
  std::optional<tshift::models::windowed<tshift::models::speech_encoder<float>>> live_;
  bool whole_;
  std::vector<float> kept_;  // all of it, while whole_
  index_t count_ = 0, windows_ = 0;
  std::vector<double> values_, y_, feature_;  // sums over the windows
};

/// @param progress  called with the seconds that were heard
/// @throws ser_error  the sound cannot be read, or is too short
heard listen(emotion_model& model, encoder_options const& how, encoder_files const& files, sound_options const& from,
             listening const& asked, std::function<void(double)> const& progress);

}  // namespace ser
