// SPDX-License-Identifier: MIT
#include "live_input.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>

#include "error.hpp"
#include "interrupts.hpp"

namespace ser {
namespace {

std::size_t bytes_of(sample_format format) {
  switch (format) {
    case sample_format::u8: return 1;
    case sample_format::s16: return 2;
    case sample_format::s32:
    case sample_format::f32: break;
  }
  return 4;
}

/// In [-1, 1), of the bytes of a sample.
float sample_of(sample_format format, unsigned char const* bytes) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < bytes_of(format); ++i) bits |= static_cast<std::uint32_t>(bytes[i]) << 8 * i;
  switch (format) {
    case sample_format::u8: return (static_cast<float>(bits) - 128) / 128;
    case sample_format::s16: return static_cast<float>(static_cast<std::int16_t>(bits)) / 32768;
    case sample_format::s32:
      return static_cast<float>(static_cast<double>(static_cast<std::int32_t>(bits)) / 2147483648.0);
    case sample_format::f32: break;
  }
  return std::bit_cast<float>(bits);
}

class raw : public live_input {
 public:
  raw(raw_form const& form, int rate, bool resample) : form_(form) {
    int const own = form.rate > 0 ? form.rate : rate;
    if (own == rate) return;
    if (!resample) {
      throw usage_error("--rate " + std::to_string(own) + ": the model hears " + std::to_string(rate) +
                        " samples per second; --resample converts them");
    }
    change_ = std::make_unique<resampler>(own, rate);
  }
  std::string name() const override { return "the standard input"; }

  std::span<float const> read() override {
    while (!over_) {
      std::size_t const held = bytes_.size();
      bytes_.resize(held + 65536);
      ssize_t const got = interrupted != 0 ? 0 : ::read(0, bytes_.data() + held, 65536);
      if (got < 0 && errno == EINTR) {
        bytes_.resize(held);
        continue;
      }
      if (got < 0) throw ser_error(std::string("cannot read the standard input: ") + std::strerror(errno));
      bytes_.resize(held + static_cast<std::size_t>(got));
      over_ = got == 0;
      std::span<float const> made = samples();
      if (change_ != nullptr && (over_ || !made.empty())) made = change_->run(over_ ? std::span<float const>() : made);
      if (!made.empty()) return made;
    }
    return {};
  }

 private:
  /// Whole samples of what has come; the rest waits for its other bytes.
  std::span<float const> samples() {
    std::size_t const one = bytes_of(form_.format), channels = static_cast<std::size_t>(form_.channels);
    std::size_t const count = bytes_.size() / (one * channels);
    made_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (std::size_t c = 0; c < channels; ++c) {
        sum += static_cast<double>(sample_of(form_.format, bytes_.data() + (i * channels + c) * one));
      }
      made_[i] = static_cast<float>(sum / static_cast<double>(channels));
    }
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count * one * channels));
    return made_;
  }

  raw_form form_;
  std::unique_ptr<resampler> change_;
  std::vector<unsigned char> bytes_;
  std::vector<float> made_;
  bool over_ = false;
};

class simulated : public live_input {
 public:
  simulated(sound_options const& from, double pace)
      : path_(from.input), sound_(from.input, from), rate_(from.rate), pace_(pace),
        began_(std::chrono::steady_clock::now()) {}
  std::string name() const override { return path_; }

  /// A twentieth of a second at a time, once it has been said.
  std::span<float const> read() override {
    if (interrupted != 0) return {};
    if (given_ == block_.size()) {
      block_ = sound_.read();
      given_ = 0;
    }
    auto const some =
        block_.subspan(given_, std::min(block_.size() - given_, static_cast<std::size_t>(rate_ / 20 + 1)));
    given_ += some.size();
    said_ += some.size();
    if (pace_ > 0) {
      std::chrono::duration<double> const after(static_cast<double>(said_) / rate_ / pace_);
      auto const until = began_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(after);
      while (interrupted == 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_until(
            std::min(until, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
      }
    }
    return interrupted != 0 ? std::span<float const>() : some;
  }

 private:
  std::string path_;
  sound_blocks sound_;
  int rate_;
  double pace_;
  std::chrono::steady_clock::time_point began_;
  std::span<float const> block_;
  std::size_t given_ = 0, said_ = 0;
};

}  // namespace

std::unique_ptr<live_input> raw_input(raw_form const& form, int rate, bool resample) {
  return std::make_unique<raw>(form, rate, resample);
}

std::unique_ptr<live_input> simulated_input(sound_options const& from, double pace) {
  return std::make_unique<simulated>(from, pace);
}

}  // namespace ser
