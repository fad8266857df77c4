// SPDX-License-Identifier: MIT
// Log-mel features: what a speech model sees of a recording.
//
//   frame t    samples [t hop, t hop + window), window = 25 ms, hop = 10 ms, rounded to samples; the ends unpadded
//   taper      w[i] = 0.5 - 0.5 cos(2 pi i / window)                                  (Hann, periodic)
//   spectrum   P[k] = |FFT(w x)[k]|^2, zero-padded to the next power of two; at low rates further, until the bins lie
//              closer than the narrowest filter is wide, so that no filter is left without a bin
//   mel        m(f) = 2595 log10(1 + f / 700)                                         (HTK)
//   filter b   triangle over f[b], f[b + 1], f[b + 2], of height 1; the edges f are equally spaced in m, from 0 to
//              min(8000 Hz, rate / 2)
//   feature    y[t, b] = ln(max(sum over k of filter[b](k rate / fft) P[k], 1e-10))
#pragma once

#include <complex>
#include <memory>
#include <span>
#include <vector>

namespace demo {

/// Takes samples in blocks of any size; what comes out does not depend on where the blocks end.
class log_mel {
 public:
  static constexpr int bands = 80;
  static float floor() noexcept;  ///< ln(1e-10): the feature of silence

  /// @param rate  Hz, at least 1000
  explicit log_mel(int rate);
  log_mel(log_mel const&) = delete;
  log_mel& operator=(log_mel const&) = delete;
  ~log_mel();

  void push(std::span<float const> samples);

  std::span<float const> features() const noexcept { return features_; }  ///< [frames, bands], channels contiguous
  std::ptrdiff_t frames() const noexcept { return static_cast<std::ptrdiff_t>(features_.size()) / bands; }
  int window() const noexcept { return window_; }       ///< samples
  int hop() const noexcept { return hop_; }             ///< samples
  int fft() const noexcept { return fft_; }             ///< samples, with the zeros
  double highest() const noexcept { return highest_; }  ///< Hz, upper edge of the last filter

 private:
  struct filter {
    std::size_t first;  // bin of weights[0]
    std::vector<double> weights;
  };
  struct transform;  // keeps Eigen's FFT out of this header

  void add_frame(float const* samples);

  int window_ = 0;
  int hop_ = 0;
  int fft_ = 0;
  double highest_ = 0.0;
  std::vector<double> taper_;
  std::vector<filter> filters_;
  std::unique_ptr<transform> transform_;
  std::vector<double> tapered_;
  std::vector<std::complex<double>> spectrum_;
  std::vector<double> power_;
  std::vector<float> pending_;  // samples that the next frames still need
  std::vector<float> features_;
};

}  // namespace demo
