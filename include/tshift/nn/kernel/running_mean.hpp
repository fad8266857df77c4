// SPDX-License-Identifier: MIT
// The mean over time of frames that keep coming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include <tshift/nn/workspace.hpp>
#include <tshift/view.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// mean_pool of all frames so far, as often as it is asked for.
///
/// Sums in double, of up to 4096 frames, of as many of these sums, and so on for two levels more: a small number is never
/// added to one that is more than 4096 times as large for its count alone. Relative error at most 2^-39 of the sum of
/// magnitudes, for up to 2^48 frames, whatever T is; it does not depend on how frames are cut into chunks. Cost: one add
/// an element. Allocates at construction. A value; copies are deep.
template <class T>
class running_mean {
 public:
  /// @throws shape_error  a size is negative, or the sums do not fit
  running_mean(index_t sequences, index_t channels)
      : sequences_(sequences), channels_(channels),
        sums_(static_cast<std::size_t>(detail::checked_product("running_mean", {levels, sequences, channels}))) {}

  /// Frames so far.
  index_t count() const noexcept { return count_; }

  /// Unchecked: frames [N, k, C] that follow.
  void add(tensor_view<T const> const& x) noexcept {
    for (index_t t = 0; t < x.shape.time; ++t) {
      for (index_t n = 0; n < sequences_; ++n) {
        T const* const from = x.at(n, t, 0);
        double* const sum = level(0) + n * channels_;
        for (index_t c = 0; c < channels_; ++c) sum[c] += static_cast<double>(from[c]);
      }
      ++count_;
      index_t whole = most;
      for (index_t i = 1; i < levels && count_ % whole == 0; ++i, whole *= most) carry(i);
    }
  }

  /// Elements of a sequence's mean.
  index_t outputs() const noexcept { return channels_; }

  /// The mean of a channel; NaN where there is no frame yet.
  double mean(index_t n, index_t c) const noexcept {
    double sum = 0;
    for (index_t l = levels; l-- > 0;) sum += level(l)[n * channels_ + c];
    return count_ > 0 ? sum / static_cast<double>(count_) : std::numeric_limits<double>::quiet_NaN();
  }
  /// to[n, c], of all.
  void value(T* to) const noexcept {
    for (index_t n = 0; n < sequences_; ++n) {
      for (index_t c = 0; c < channels_; ++c) *to++ = static_cast<T>(mean(n, c));
    }
  }

  /// No frame yet.
  void clear() noexcept {
    count_ = 0;
    for (double& sum : sums_) sum = 0;
  }

  /// Bytes of a saved state.
  std::size_t state_bytes() const noexcept { return sizeof(std::int64_t) + sizeof(double) * sums_.size(); }
  /// Writes them.
  void save(std::byte* to) const noexcept {
    auto const count = static_cast<std::int64_t>(count_);
    std::memcpy(to, &count, sizeof count);
    if (!sums_.empty()) std::memcpy(to + sizeof count, sums_.data(), sizeof(double) * sums_.size());
  }
  /// Whether such bytes are of so many frames.
  static bool knows(std::byte const* saved, index_t frames) noexcept {
    std::int64_t count = 0;
    std::memcpy(&count, saved, sizeof count);
    return count == frames;
  }
  /// Takes over what save wrote, for as many sequences and channels.
  void restore(std::byte const* from) noexcept {
    std::int64_t count = 0;
    std::memcpy(&count, from, sizeof count);
    count_ = static_cast<index_t>(count);
    if (!sums_.empty()) std::memcpy(sums_.data(), from + sizeof count, sizeof(double) * sums_.size());
  }

 private:
  static constexpr index_t levels = 4, most = 4096;

  double* level(index_t i) noexcept { return sums_.data() + i * sequences_ * channels_; }
  double const* level(index_t i) const noexcept { return sums_.data() + i * sequences_ * channels_; }

  /// Level i takes the sums below it.
  void carry(index_t i) noexcept {
    double *const above = level(i), *const below = level(i - 1);
    for (index_t k = 0; k < sequences_ * channels_; ++k) {
      above[k] += below[k];
      below[k] = 0;
    }
  }

  index_t sequences_, channels_, count_ = 0;
  std::vector<double> sums_;  // [levels, N, C]
};

}}}}  // namespace tshift::nn::kernel
