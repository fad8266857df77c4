// SPDX-License-Identifier: MIT
#include "wav.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "demo_error.hpp"

namespace demo {
namespace {

constexpr std::int64_t block_samples = 65536;  // of all channels together

[[noreturn]] void refuse(std::string const& path, std::string const& why) {
  throw demo_error("cannot read '" + path + "': " + why);
}

/// What libsndfile would report in its own words, or not at all: it can name neither a directory nor an empty file.
void check_path(std::string const& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::file_status const status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) refuse(path, "there is no such file.");
  if (error) refuse(path, error.message() + ".");
  if (fs::is_directory(status)) refuse(path, "it is a directory.");
  if (!fs::is_regular_file(status)) refuse(path, "it is not a regular file.");

  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) refuse(path, std::string(std::strerror(errno)) + ".");
  std::fclose(file);
  if (fs::file_size(path, error) == 0 && !error) refuse(path, "it is empty.");
}

/// libsndfile 1.2.0 does not come back from a list of a WAV file (its title, its markers) in which an entry says that it
/// is longer than any file: its sums of lengths wrap round. So lists are looked through before it sees them.
void check_lists(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t const size = std::filesystem::file_size(path);
  auto const word = [&](std::uint64_t at) {
    std::array<char, 4> bytes = {};
    file.clear();
    file.seekg(static_cast<std::streamoff>(at));
    file.read(bytes.data(), 4);
    return std::string(bytes.data(), 4);
  };
  bool const big_endian = word(0) == "RIFX";
  if (!big_endian && word(0) != "RIFF" && word(0) != "RF64") return;
  auto const length = [&](std::uint64_t at) {
    std::string bytes = word(at);
    if (!big_endian) std::reverse(bytes.begin(), bytes.end());
    std::uint64_t value = 0;
    for (char const byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return value + (value & 1);  // parts begin at even places
  };
  for (std::uint64_t at = 12; at + 8 <= size; at += 8 + length(at + 4)) {
    if (word(at) != "LIST" && word(at) != "INFO") continue;
    std::uint64_t const end = std::min(size, at + 8 + length(at + 4));
    for (std::uint64_t entry = at + 8; entry + 8 <= end;) {
      std::string const name = word(entry);
      entry += 4;
      if (name == "INFO" || name == "adtl") continue;  // what the list is about: no length follows
      if (length(entry) > size) {
        refuse(path, "at byte " + std::to_string(entry) + " a list has an entry of " + std::to_string(length(entry)) +
                         " bytes, the whole file has " + std::to_string(size) + ".");
      }
      entry += 4 + length(entry);
    }
  }
}

/// libsndfile's name of a container or of a sample type.
std::string name_of(int format) {
  SF_FORMAT_INFO info = {};
  info.format = format;
  bool const known = sf_command(nullptr, SFC_GET_FORMAT_INFO, &info, static_cast<int>(sizeof info)) == 0;
  return known && info.name != nullptr ? info.name : "unknown";
}

/// libsndfile's message as the end of our sentence.
std::string reason(SNDFILE* file) {
  std::string text = sf_strerror(file);
  while (!text.empty() && (text.back() == '.' || text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return "libsndfile says: " + text + ".";
}

}  // namespace

wav_reader::wav_reader(std::string path, int seconds) : path_(std::move(path)), most_seconds_(seconds) {
  check_path(path_);
  check_lists(path_);
  file_.reset(sf_open(path_.c_str(), SFM_READ, &info_));
  if (file_ == nullptr) refuse(path_, reason(nullptr));
  // Without a header libsndfile goes by the file's name, and would play a text called x.vox.
  if ((info_.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_RAW) refuse(path_, "it has no header, so its rate is unknown.");
  if (info_.samplerate < lowest_rate || info_.samplerate > highest_rate) {
    refuse(path_, "its sample rate is " + std::to_string(info_.samplerate) + " Hz, must be " +
                      std::to_string(lowest_rate) + " to " + std::to_string(highest_rate) + " Hz.");
  }
  if (info_.channels < 1) refuse(path_, "it has no channels.");
  if (info_.frames < 1) refuse(path_, "it holds no samples.");
  format_ = name_of(info_.format & SF_FORMAT_TYPEMASK) + ", " + name_of(info_.format & SF_FORMAT_SUBMASK);
  // No more than a short file needs.
  std::int64_t const frames = std::clamp<std::int64_t>(block_samples / info_.channels, 1, info_.frames);
  interleaved_.resize(static_cast<std::size_t>(frames * info_.channels));
  mixed_.resize(static_cast<std::size_t>(frames));
}

std::span<float const> wav_reader::read() {
  std::int64_t const limit = std::int64_t{most_seconds_} * info_.samplerate;
  std::int64_t const wanted = std::min(static_cast<std::int64_t>(mixed_.size()), limit - position_);
  if (wanted <= 0) return {};

  std::int64_t const got = sf_readf_float(file_.get(), interleaved_.data(), wanted);
  if (sf_error(file_.get()) != SF_ERR_NO_ERROR) {
    refuse(path_, "after sample " + std::to_string(position_) + " " + reason(file_.get()));
  }
  auto const channels = static_cast<std::size_t>(info_.channels);
  auto const frames = static_cast<std::size_t>(std::max<std::int64_t>(got, 0));
  for (std::size_t i = 0; i < frames; ++i) {
    double sum = 0.0;
    for (std::size_t c = 0; c < channels; ++c) {
      float const sample = interleaved_[i * channels + c];
      if (!std::isfinite(sample)) {
        refuse(path_, "sample " + std::to_string(position_ + static_cast<std::int64_t>(i)) + " of channel " +
                          std::to_string(c) + (std::isnan(sample) ? " is not a number." : " is infinite."));
      }
      sum += static_cast<double>(sample);
    }
    mixed_[i] = static_cast<float>(sum / static_cast<double>(channels));
  }
  position_ += static_cast<std::int64_t>(frames);
  return {mixed_.data(), frames};
}

}  // namespace demo
