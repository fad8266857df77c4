// SPDX-License-Identifier: MIT
// Samples as they come: raw ones from the standard input, or those of a sound file at the speed of its sound.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "resample.hpp"
#include "sounds.hpp"

namespace ser {

/// How a raw sample is written: little-endian, as sox and arecord have it.
enum class sample_format { s16, s32, f32, u8 };

/// Samples at the rate that is wanted, mono.
class live_input {
 public:
  virtual ~live_input() = default;
  /// What has come, at least a sample; nothing at the end, or after Ctrl-C. Holds until the next call.
  /// @throws ser_error  it cannot be read
  virtual std::span<float const> read() = 0;
  /// What to call it.
  virtual std::string name() const = 0;
};

struct raw_form {
  sample_format format = sample_format::s16;
  int rate = 0;      // 0: as is wanted
  int channels = 1;  // made one by their mean
};

/// The standard input.
/// @throws usage_error  it has another rate, and may not be resampled
std::unique_ptr<live_input> raw_input(raw_form const& form, int rate, bool resample);

/// A sound file, `pace` times as fast as its sound; 0: as fast as it can be read.
/// @throws ser_error  it cannot be read
std::unique_ptr<live_input> simulated_input(sound_options const& from, double pace);

}  // namespace ser
