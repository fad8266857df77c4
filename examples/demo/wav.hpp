// SPDX-License-Identifier: MIT
// A sound file, read block by block as one channel of floats.
#pragma once

#include <sndfile.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace demo {

/// Reads WAV and whatever else libsndfile knows by its header: any sample format, rate and number of channels.
/// Several channels are mixed down to their mean. Memory use does not depend on the length of the file.
class wav_reader {
 public:
  static constexpr int lowest_rate = 1000;
  static constexpr int highest_rate = 768000;
  static constexpr int most_seconds = 600;  ///< longer files are read this far, unless the caller says otherwise

  /// @throws demo_error  naming the file and what is wrong with it
  explicit wav_reader(std::string path, int seconds = most_seconds);

  std::string const& format() const noexcept { return format_; }  ///< "WAV (Microsoft), Signed 16 bit PCM"
  int rate() const noexcept { return info_.samplerate; }          ///< Hz
  int channels() const noexcept { return info_.channels; }
  std::int64_t total() const noexcept { return info_.frames; }  ///< samples per channel that the file claims
  std::int64_t position() const noexcept { return position_; }  ///< samples per channel read so far

  /// The next block in [-1, 1] (float files: as they are), empty at the end. Valid until the next call.
  /// @throws demo_error  a sample is NaN or infinite, or the file cannot be read on
  std::span<float const> read();

 private:
  struct closer {
    void operator()(SNDFILE* file) const noexcept { sf_close(file); }
  };

  std::string path_;
  int most_seconds_;
  std::string format_;
  SF_INFO info_ = {};
  std::unique_ptr<SNDFILE, closer> file_;
  std::int64_t position_ = 0;
  std::vector<float> interleaved_;
  std::vector<float> mixed_;
};

}  // namespace demo
