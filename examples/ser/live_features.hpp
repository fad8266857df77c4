// SPDX-License-Identifier: MIT
// Features of a sound that keeps coming: those of the whole of it, bit for bit, as soon as they are certain.
#pragma once

#include <optional>
#include <span>
#include <tshift/audio/deltas.hpp>
#include <tshift/audio/log_mel_stream.hpp>
#include <vector>

#include "hearing.hpp"

namespace ser {

class live_features {
 public:
  /// @throws usage_error  they need the whole sound: normalised by it, or an image
  /// @throws shape_error  the same of a front end that looks for its largest value
  explicit live_features(hearing const& how);

  index_t channels() const noexcept { return deltas_ ? 3 * bands() : bands(); }
  int rate() const noexcept { return rate_; }
  /// Seconds from a frame's first sample to the one with which the frame is certain; and from one frame to the next.
  double look_ahead() const noexcept { return look_ahead_; }
  double hop() const noexcept { return hop_; }

  /// The frames that these samples make certain, [frames, channels()]. Holds until the next call.
  std::span<float const> push(std::span<float const> samples);
  /// Those of the end.
  std::span<float const> flush();

 private:
  index_t bands() const noexcept { return mel_.bands(); }
  std::span<float const> with_deltas(std::span<float const> frames, bool over);

  tshift::audio::log_mel_stream<float> mel_;
  std::optional<tshift::delta_kind> deltas_;
  int rate_;
  double look_ahead_, hop_;
  std::vector<float> made_, known_, stacked_;
  index_t first_ = 0, done_ = 0;  // the frame that known_ begins with; frames with deltas so far
};

}  // namespace ser
