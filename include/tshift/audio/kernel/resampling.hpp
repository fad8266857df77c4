// SPDX-License-Identifier: MIT
// One axis of an image made longer or shorter: which inputs an output is made of, and with what weights.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstdint>

#include <tshift/audio/spectrogram_image_options.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace kernel {

/// The weights of image_resize as whole numbers, so that which of them are 0 is no matter of rounding, and a mean of
/// ones is one. Sizes up to 2^26: then all of that is exact in double.
class resampling {
 public:
  /// Inputs [begin, end) of one output, their weights, and the sum of those of all inputs.
  struct output {
    index_t begin, end;
    double total;
    resampling const* of;
    std::int64_t at;

    /// Weight of an input in [begin, end).
    double weight(index_t i) const noexcept { return static_cast<double>(of->weight(i, at)); }
  };

  /// What keeps its size is not touched.
  resampling(image_resize kind, index_t from, index_t to) noexcept
      : kind_(from == to ? image_resize::none : kind), from_(from), to_(to),
        reach_(2 * (kind == image_resize::antialiased && from > to ? from_ : to_)) {}

  /// What output j, in [0, to), is made of.
  output taps(std::int64_t j) const noexcept {
    std::int64_t begin = j, end = j < from_ ? begin + 1 : begin;
    if (kind_ == image_resize::linear || kind_ == image_resize::antialiased) {
      std::int64_t const middle = (2 * j + 1) * from_ - to_;  // in 1 / (2 to)
      begin = below(middle - reach_, 2 * to_) + 1;
      end = -below(-(middle + reach_), 2 * to_);
    } else if (kind_ != image_resize::none) {
      begin = j * from_ / to_;
      end = -below(-((j + 1) * from_), to_);
    }
    if (begin < 0) begin = 0;
    if (end > from_) end = from_;
    std::int64_t total = 0;
    for (std::int64_t i = begin; i < end; ++i) total += weight(i, j);
    return {static_cast<index_t>(begin), static_cast<index_t>(end), static_cast<double>(total > 0 ? total : 1), this,
            j};
  }

 private:
  /// Quotient rounded down. @param by  > 0
  static std::int64_t below(std::int64_t value, std::int64_t by) noexcept {
    return value / by - (value % by < 0 ? 1 : 0);
  }

  std::int64_t weight(std::int64_t i, std::int64_t j) const noexcept {
    if (kind_ == image_resize::linear || kind_ == image_resize::antialiased) {
      std::int64_t const away = (2 * i + 1) * to_ - (2 * j + 1) * from_;
      return reach_ - (away < 0 ? -away : away);
    }
    if (kind_ != image_resize::area) return 1;
    std::int64_t const right = (i + 1) * to_ < (j + 1) * from_ ? (i + 1) * to_ : (j + 1) * from_;
    return right - (i * to_ > j * from_ ? i * to_ : j * from_);
  }

  image_resize kind_;
  std::int64_t from_, to_, reach_;
};

}}}}}  // namespace tshift::audio::kernel

#include <tshift/macros/back.hpp>
