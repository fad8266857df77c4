// SPDX-License-Identifier: MIT
#include "log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unsupported/Eigen/FFT>

namespace demo {
namespace {

constexpr double least_power = 1e-10;

double mel_of(double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); }
double hertz_of(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

}  // namespace

struct log_mel::transform {
  Eigen::FFT<double> fft;
};

log_mel::~log_mel() = default;

float log_mel::floor() noexcept { return static_cast<float>(std::log(least_power)); }

log_mel::log_mel(int rate)
    : window_(static_cast<int>(std::lround(0.025 * rate))), hop_(static_cast<int>(std::lround(0.010 * rate))),
      highest_(std::min(8000.0, 0.5 * rate)), transform_(std::make_unique<transform>()) {
  std::vector<double> edges(bands + 2);
  for (std::size_t b = 0; b < edges.size(); ++b) {
    edges[b] = hertz_of(mel_of(highest_) * static_cast<double>(b) / (bands + 1));
  }

  // The lowest filter is the narrowest: bands equal in mel widen with frequency.
  fft_ = 1;
  while (fft_ < window_ || rate >= edges[2] * fft_) fft_ *= 2;
  double const bin = static_cast<double>(rate) / fft_;

  for (std::size_t b = 0; b < bands; ++b) {
    double const low = edges[b], centre = edges[b + 1], high = edges[b + 2];
    auto const begin = static_cast<std::size_t>(std::ceil(low / bin));
    auto const end = std::min(static_cast<std::size_t>(std::floor(high / bin)), static_cast<std::size_t>(fft_ / 2));
    filter triangle{begin, {}};
    for (std::size_t k = begin; k <= end; ++k) {
      double const f = static_cast<double>(k) * bin;
      triangle.weights.push_back(std::max(0.0, std::min((f - low) / (centre - low), (high - f) / (high - centre))));
    }
    filters_.push_back(std::move(triangle));
  }

  for (int i = 0; i < window_; ++i) taper_.push_back(0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * i / window_));
  tapered_.resize(static_cast<std::size_t>(fft_));
  spectrum_.resize(static_cast<std::size_t>(fft_));
  power_.resize(static_cast<std::size_t>(fft_ / 2 + 1));
  transform_->fft.SetFlag(Eigen::FFT<double>::HalfSpectrum);
}

void log_mel::push(std::span<float const> samples) {
  pending_.insert(pending_.end(), samples.begin(), samples.end());
  std::size_t const window = taper_.size(), hop = static_cast<std::size_t>(hop_);
  std::size_t begin = 0;
  for (; begin + window <= pending_.size(); begin += hop) add_frame(pending_.data() + begin);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(begin));
}

void log_mel::add_frame(float const* samples) {
  for (std::size_t i = 0; i < taper_.size(); ++i) tapered_[i] = taper_[i] * static_cast<double>(samples[i]);
  transform_->fft.fwd(spectrum_.data(), tapered_.data(), fft_);
  for (std::size_t k = 0; k < power_.size(); ++k) power_[k] = std::norm(spectrum_[k]);
  for (filter const& triangle : filters_) {
    double sum = 0.0;
    for (std::size_t i = 0; i < triangle.weights.size(); ++i) sum += triangle.weights[i] * power_[triangle.first + i];
    features_.push_back(static_cast<float>(std::log(std::max(sum, least_power))));
  }
}

}  // namespace demo
