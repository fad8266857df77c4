// SPDX-License-Identifier: MIT
// A summary of frames that keep coming: what nn::summary makes of a sequence, of all frames so far.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <tshift/nn/kernel/running_mean.hpp>
#include <tshift/nn/kernel/summary.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// Last frame, largest values, mean, deviation, mean by attention, or several side by side. Sums in double, as
/// running_mean has them; the deviation is that from a sequence's first frame, so that nearly equal frames keep their
/// digits. Allocates at construction. A value; copies are deep.
template <class T>
class running_summary {
 public:
  /// @param kinds  as nn::summary, of a layer of one direction
  /// @param width  of the network that scores frames; 0 where no kind is attention
  running_summary(index_t sequences, index_t channels, std::vector<summary_kind> kinds, T eps, index_t width)
      : sequences_(sequences), channels_(channels), kinds_(std::move(kinds)), eps_(eps), mean_(sequences, channels),
        off_(sequences, channels), squares_(sequences, channels) {
    auto const size = static_cast<std::size_t>(detail::checked_product("summary", {numbers, sequences, channels}));
    numbers_.resize(size + 2 * static_cast<std::size_t>(sequences));
    room_.resize(static_cast<std::size_t>(detail::checked_product("summary", {row_capacity, width + 1})));
    moved_.resize(static_cast<std::size_t>(detail::checked_product("summary", {2, sequences, channels})));
  }

  /// Elements of a sequence's summary.
  index_t outputs() const noexcept { return static_cast<index_t>(kinds_.size()) * channels_; }

  /// Unchecked: frames [N, k, C] that follow.
  void add(tensor_view<T const> const& x, frame_scorer<T> const& scorer) noexcept {
    for (summary_kind const kind : kinds_) {
      if (kind == summary_kind::attention) attend(x, scorer);
    }
    for (index_t t = 0; t < x.shape.time; ++t) one(x, t);
  }

  /// to[n, kind, c]; NaN where there is no frame yet.
  void value(T* to) const noexcept {
    for (index_t n = 0; n < sequences_; ++n) {
      for (summary_kind const kind : kinds_) {
        for (index_t c = 0; c < channels_; ++c) *to++ = mean_.count() > 0 ? of(kind, n, c) : none();
      }
    }
  }

  /// No frame yet.
  void clear() noexcept {
    mean_.clear();
    off_.clear();
    squares_.clear();
    for (double& each : numbers_) each = 0;
  }

  /// Bytes of a saved state.
  std::size_t state_bytes() const noexcept { return 3 * mean_.state_bytes() + sizeof(double) * numbers_.size(); }
  /// Writes them.
  void save(std::byte* to) const noexcept {
    for (running_mean<double> const* each : {&mean_, &off_, &squares_}) {
      each->save(to);
      to += each->state_bytes();
    }
    if (!numbers_.empty()) std::memcpy(to, numbers_.data(), sizeof(double) * numbers_.size());
  }
  /// Whether such bytes are of so many frames.
  bool knows(std::byte const* saved, index_t frames) const noexcept {
    bool all = true;
    for (std::size_t i = 0; i < 3; ++i) {
      all = all && running_mean<double>::knows(saved + i * mean_.state_bytes(), frames);
    }
    return all;
  }
  /// Takes over what save wrote, for the same kinds and sizes.
  void restore(std::byte const* from) noexcept {
    for (running_mean<double>* each : {&mean_, &off_, &squares_}) {
      each->restore(from);
      from += each->state_bytes();
    }
    if (!numbers_.empty()) std::memcpy(numbers_.data(), from, sizeof(double) * numbers_.size());
  }

 private:
  /// Per channel: the first frame, the last, the largest, and the sum that attention weighs.
  enum part_of : index_t { first, last, largest, weighed, numbers };

  static constexpr T none() noexcept { return std::numeric_limits<T>::quiet_NaN(); }
  double* at(part_of which, index_t n) noexcept { return numbers_.data() + (which * sequences_ + n) * channels_; }
  double const* at(part_of which, index_t n) const noexcept {
    return numbers_.data() + (which * sequences_ + n) * channels_;
  }
  /// The largest score of a sequence, and the sum of exponentials of its scores less that.
  double* scores(index_t n) noexcept { return numbers_.data() + numbers * sequences_ * channels_ + 2 * n; }
  double const* scores(index_t n) const noexcept { return numbers_.data() + numbers * sequences_ * channels_ + 2 * n; }

  void one(tensor_view<T const> const& x, index_t t) noexcept {
    bool const begins = mean_.count() == 0;
    index_t const size = sequences_ * channels_;
    for (index_t n = 0; n < sequences_; ++n) {
      T const* const from = x.at(n, t, 0);
      double *const origin = at(first, n), *const now = at(last, n), *const most = at(largest, n);
      for (index_t c = 0; c < channels_; ++c) {
        auto const value = static_cast<double>(from[c]);
        if (begins) origin[c] = most[c] = value;
        now[c] = value;
        most[c] = larger_of_two(most[c], value);
        double const off = value - origin[c];
        moved_[static_cast<std::size_t>(n * channels_ + c)] = off;
        moved_[static_cast<std::size_t>(size + n * channels_ + c)] = off * off;
      }
    }
    shape const frame{sequences_, 1, channels_};
    mean_.add(tensor_view<double const>(at(last, 0), frame));
    off_.add(tensor_view<double const>(moved_.data(), frame));
    squares_.add(tensor_view<double const>(moved_.data() + size, frame));
  }

  /// NaN where one is, as max_of.
  static double larger_of_two(double a, double b) noexcept { return a != a || a > b ? a : b; }  // NOLINT

  /// The scores of some frames, then their part of the sum.
  void attend(tensor_view<T const> const& x, frame_scorer<T> const& scorer) noexcept {
    shifted_view<T> const frames = as_it_is(x);
    for (index_t n = 0; n < sequences_; ++n) {
      sequence_frames<T> const of{frames, n, x.shape.time};
      for (row_part const part : row_parts(x.shape.time)) {
        score_frames<xsimd::default_arch>(of, part, scorer, room_.data() + row_capacity, room_.data());
        for (index_t i = 0; i < part.count; ++i) {
          weigh(n, static_cast<double>(room_[static_cast<std::size_t>(i)]), x.at(n, part.begin + i, 0),
                mean_.count() == 0 && part.begin + i == 0);
        }
      }
    }
  }
  void weigh(index_t n, double score, T const* frame, bool begins) noexcept {
    double *const known = scores(n), *const sum = at(weighed, n);
    if (begins) known[0] = score;
    if (!(score <= known[0])) {  // also NaN, which stays
      double const less = std::exp(known[0] - score);
      for (index_t c = 0; c < channels_; ++c) sum[c] *= less;
      known[1] *= less;
      known[0] = score;
    }
    double const weight = std::exp(score - known[0]);
    for (index_t c = 0; c < channels_; ++c) sum[c] += weight * static_cast<double>(frame[c]);
    known[1] += weight;
  }

  T of(summary_kind kind, index_t n, index_t c) const noexcept {
    switch (kind) {
      case summary_kind::last: return static_cast<T>(at(last, n)[c]);
      case summary_kind::mean: return static_cast<T>(mean_.mean(n, c));
      case summary_kind::max: return static_cast<T>(at(largest, n)[c]);
      case summary_kind::std: {
        double const mean = off_.mean(n, c), variance = squares_.mean(n, c) - mean * mean;
        return static_cast<T>(std::sqrt((variance < 0 ? 0 : variance) + static_cast<double>(eps_)));
      }
      case summary_kind::attention: return static_cast<T>(at(weighed, n)[c] / scores(n)[1]);
    }
    return none();
  }

  index_t sequences_, channels_;
  std::vector<summary_kind> kinds_;
  T eps_;
  running_mean<double> mean_, off_, squares_;  // of frames, of what they are off the first, and of its square
  std::vector<double> numbers_, moved_;
  std::vector<T> room_;
};

}}}}  // namespace tshift::nn::kernel
