// SPDX-License-Identifier: MIT
// A sound at another rate, block by block. The work is libsoxr's.
#pragma once

#include <soxr.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ser {

class resampler {
 public:
  /// @throws ser_error  libsoxr does not want these rates
  resampler(double from, double to);

  /// The samples at the new rate that follow from these; none in: what is left at the end. Holds until the next call.
  /// @throws ser_error  libsoxr failed
  std::span<float const> run(std::span<float const> samples);

 private:
  struct deleter {
    void operator()(soxr* engine) const noexcept { soxr_delete(engine); }
  };

  double ratio_;
  std::unique_ptr<soxr, deleter> engine_;
  std::vector<float> made_;
};

}  // namespace ser
