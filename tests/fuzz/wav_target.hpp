// SPDX-License-Identifier: MIT
// Bytes are read as a sound file, by the demo's own reader, and go the demo's way as far as the picture. Either they are
// refused with a demo_error, or everything about the result is right: the samples are those of a second reading that is
// cut and mixed otherwise, features are finite and do not depend on where blocks end, and the four ways to shift them
// agree.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <tshift/presets.hpp>

#include "../../examples/demo/demo_error.hpp"
#include "../../examples/demo/log_mel.hpp"
#include "../../examples/demo/wav.hpp"
#include "../../examples/demo/ways.hpp"
#include "../support/random.hpp"
#include "support.hpp"

namespace fuzz {

/// No recording is read further. A few bytes of a compressed format may stand for minutes.
inline constexpr std::size_t most_samples = 4000;
/// Features of higher rates are made of one file in 64, by its size: their transforms take milliseconds.
inline constexpr int usual_rate = 8000;

/// A file in memory that has a name, because the reader opens names.
class memory_file {
 public:
  memory_file()
      : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {
    if (descriptor_ < 0) throw std::runtime_error("there is no file in memory");
  }
  memory_file(memory_file const&) = delete;
  memory_file& operator=(memory_file const&) = delete;
  ~memory_file() { close(descriptor_); }

  void write(std::span<std::uint8_t const> bytes) const {
    bool const right = ftruncate(descriptor_, 0) == 0 &&
                       pwrite(descriptor_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    if (!right) throw std::runtime_error("the file in memory cannot be written");
  }
  std::string const& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

/// The lowest descriptor that is free: the same before and after, or a file was left open.
inline int free_descriptor() {
  int const free = dup(STDIN_FILENO);
  if (free >= 0) close(free);
  return free;
}

/// What became of an input.
struct wav_result {
  std::string refusal;  // the sentence; empty if the file was read to its end
  std::string format;
  int rate = 0, channels = 0;
  std::vector<float> samples;  // mixed
  bool cut = false;            // there is more than most_samples
  std::string log;             // libsndfile's, line by line what it found in the file
};

/// One message is one sentence about this file.
inline void require_refusal(std::string const& sentence, std::string const& path) {
  require_sentence(sentence);
  require(sentence.starts_with("cannot read '" + path + "': "), "a refusal does not name the file");
  require(sentence.back() == '.', "a refusal is no sentence");
}

/// The demo's way from samples to shifted features, and what its parts promise.
inline void check_features(wav_result const& result, std::uint64_t seed) {
  test_support::random_bits random(seed);
  demo::log_mel whole(result.rate), cut(result.rate);
  require(whole.window() > whole.hop() && whole.hop() > 0 && whole.fft() >= whole.window(), "a window is wrong");
  whole.push(result.samples);
  for (std::span<float const> rest = result.samples; !rest.empty();) {
    auto const size = std::min(rest.size(), static_cast<std::size_t>(random.in(0, whole.window() + 1)));
    cut.push(rest.first(size));
    rest = rest.subspan(size);
  }
  auto const count = static_cast<index_t>(result.samples.size());
  index_t const frames = count < whole.window() ? 0 : (count - whole.window()) / whole.hop() + 1;
  require(whole.frames() == frames && cut.frames() == frames, "the number of frames is wrong");
  require(whole.features().size() == static_cast<std::size_t>(frames * demo::log_mel::bands), "features are missing");
  require(test_support::same_bytes(whole.features().data(), cut.features().data(), whole.features().size_bytes()),
          "features depend on where blocks end");
  for (float const feature : whole.features()) {
    require(std::isfinite(feature) && feature >= demo::log_mel::floor(), "a feature is not finite, or below the floor");
  }
  if (frames == 0) return;

  // One of the demo's twelve plans, over some of the frames.
  constexpr index_t n_divs[] = {2, 4, 8, 16};
  constexpr tshift::direction ways[] = {tshift::direction::delay, tshift::direction::advance, tshift::direction::both};
  auto const plan = tshift::presets::shiftser(demo::log_mel::bands, n_divs[random() % 4], ways[random() % 3]);
  tshift::shape const dims{.time = std::min<index_t>(frames, 24), .channels = demo::log_mel::bands};
  demo::require_agreement({whole.features().data(), dims}, plan, demo::log_mel::floor(), "fuzz");
}

struct sndfile_closer {
  void operator()(SNDFILE* file) const noexcept { sf_close(file); }
};

/// A file for libsndfile that is no file: the bytes, and how far they are read.
struct bytes_in_memory {
  std::span<std::uint8_t const> bytes;
  sf_count_t at = 0;

  static sf_count_t size(void* self) {
    return static_cast<sf_count_t>(static_cast<bytes_in_memory*>(self)->bytes.size());
  }
  static sf_count_t tell(void* self) { return static_cast<bytes_in_memory*>(self)->at; }
  static sf_count_t seek(sf_count_t to, int from, void* self) {
    auto& file = *static_cast<bytes_in_memory*>(self);
    sf_count_t const base = from == SEEK_CUR ? file.at : from == SEEK_END ? size(self) : 0;
    if (to < -base || to > std::numeric_limits<sf_count_t>::max() - base) return -1;
    return file.at = base + to;
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    auto& file = *static_cast<bytes_in_memory*>(self);
    count = std::clamp<sf_count_t>(count, 0, std::max<sf_count_t>(0, size(self) - file.at));
    if (count > 0) std::memcpy(to, file.bytes.data() + file.at, static_cast<std::size_t>(count));
    file.at += count;
    return count;
  }
};

/// The file read once more, from memory, in other blocks and mixed by other means, against what the reader said.
inline void check_samples(wav_result& result, std::span<std::uint8_t const> data) {
  SF_VIRTUAL_IO calls = {};
  calls.get_filelen = bytes_in_memory::size;
  calls.seek = bytes_in_memory::seek;
  calls.read = bytes_in_memory::read;
  calls.tell = bytes_in_memory::tell;
  bytes_in_memory memory{data};
  SF_INFO info = {};
  std::unique_ptr<SNDFILE, sndfile_closer> const file(sf_open_virtual(&calls, SFM_READ, &info, &memory));
  char log[2048] = {};
  sf_command(file.get(), SFC_GET_LOG_INFO, log, static_cast<int>(sizeof log));
  result.log = log;
  if (file == nullptr) {
    require(!result.refusal.empty(), "a file is read that libsndfile cannot open");
    return;
  }
  if (result.format.empty()) return;  // refused for its rate, or because it has no samples
  require(info.samplerate == result.rate && info.channels == result.channels, "rate or channels are not the file's");

  int const kind = info.format & SF_FORMAT_SUBMASK;
  bool const whole_numbers = kind == SF_FORMAT_PCM_S8 || kind == SF_FORMAT_PCM_16 || kind == SF_FORMAT_PCM_24 ||
                             kind == SF_FORMAT_PCM_32 || kind == SF_FORMAT_PCM_U8 || kind == SF_FORMAT_ULAW ||
                             kind == SF_FORMAT_ALAW;
  if (whole_numbers) {
    for (float const sample : result.samples) require(std::abs(sample) <= 1.0f, "a sample lies outside [-1, 1]");
  }
  // What other formats decode may depend on the blocks in which it is read, and a sample dump may go on behind its end.
  int const container = info.format & SF_FORMAT_TYPEMASK;
  bool const plain = container == SF_FORMAT_WAV || container == SF_FORMAT_WAVEX || container == SF_FORMAT_RF64 ||
                     container == SF_FORMAT_W64 || container == SF_FORMAT_AIFF || container == SF_FORMAT_AU;
  if (!plain || (!whole_numbers && kind != SF_FORMAT_FLOAT && kind != SF_FORMAT_DOUBLE)) return;

  auto const channels = static_cast<std::size_t>(info.channels);
  std::vector<float> block(channels * std::max<std::size_t>(1, 997 / channels));
  std::size_t at = 0;
  while (at < result.samples.size() || (!result.cut && at < most_samples)) {
    auto const frames = static_cast<sf_count_t>(block.size() / channels);
    auto const got =
        static_cast<std::size_t>(std::max<sf_count_t>(0, sf_readf_float(file.get(), block.data(), frames)));
    if (got == 0) break;
    for (std::size_t i = 0; i < got; ++i, ++at) {
      long double sum = 0;
      for (std::size_t c = 0; c < channels; ++c) {
        float const sample = block[i * channels + c];
        if (!std::isfinite(sample)) {
          bool const stopped = result.cut && at >= result.samples.size();
          require(stopped || result.refusal.find(" sample " + std::to_string(at) + " of channel " + std::to_string(c) +
                                                 (std::isnan(sample) ? " is not a number." : " is infinite.")) !=
                                 std::string::npos,
                  "a sample that is no number is not refused, or the refusal names another");
          return;
        }
        sum += static_cast<long double>(sample);
      }
      if (at >= result.samples.size()) continue;  // the reader stopped at an earlier block
      auto const mean = static_cast<double>(sum / static_cast<long double>(channels));
      double const off = std::abs(static_cast<double>(result.samples[at]) - mean);
      require(off <= 1e-6 * std::abs(mean) + 1e-6 * static_cast<double>(channels),
              "a sample is not the channels' mean");
    }
  }
  require(!result.refusal.empty() || at >= result.samples.size(), "the reader gives more samples than there are");
  require(!result.refusal.empty() || result.cut || at == result.samples.size(), "the reader gives too few samples");
}

/// One input. @throws broken_promise, or whatever the demo throws that it must not
inline wav_result wav_input(std::span<std::uint8_t const> data) {
  static memory_file const file;
  file.write(data);
  int const free = free_descriptor();
  wav_result result;
  try {
    demo::wav_reader wav(file.path());
    result.format = wav.format();
    result.rate = wav.rate();
    result.channels = wav.channels();
    require(!result.format.empty() && wav.total() > 0 && wav.channels() > 0,
            "a file without format or samples is read");
    require(wav.rate() >= demo::wav_reader::lowest_rate && wav.rate() <= demo::wav_reader::highest_rate,
            "a file with an impossible rate is read");
    for (auto block = wav.read(); !block.empty(); block = wav.read()) {
      result.samples.insert(result.samples.end(), block.begin(), block.end());
      require(wav.position() == static_cast<std::int64_t>(result.samples.size()), "the reader's position is wrong");
      require(wav.position() <= std::int64_t{demo::wav_reader::most_seconds} * wav.rate(),
              "the reader goes on too long");
      for (float const sample : block) require(std::isfinite(sample), "a sample is not finite");
      result.cut = result.samples.size() >= most_samples;
      if (result.cut) break;
    }
  } catch (demo::demo_error const& error) {
    result.refusal = error.what();
    require_refusal(result.refusal, file.path());
  }
  require(free_descriptor() == free, "a file is left open");
  if (result.refusal.find(" a list has an entry of ") != std::string::npos)
    return result;  // libsndfile might not return
  check_samples(result, data);
  if (result.refusal.empty() && (result.rate <= usual_rate || data.size() % 64 == 0)) {
    result.samples.resize(std::min(result.samples.size(), most_samples));
    check_features(result, data.size());
  }
  return result;
}

}  // namespace fuzz
