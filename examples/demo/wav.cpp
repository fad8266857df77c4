// SPDX-License-Identifier: MIT
#include "wav.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
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

wav_reader::wav_reader(std::string path) : path_(std::move(path)) {
  check_path(path_);
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
  std::int64_t const frames = std::max<std::int64_t>(1, block_samples / info_.channels);
  interleaved_.resize(static_cast<std::size_t>(frames * info_.channels));
  mixed_.resize(static_cast<std::size_t>(frames));
}

std::span<float const> wav_reader::read() {
  std::int64_t const limit = std::int64_t{most_seconds} * info_.samplerate;
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
