// SPDX-License-Identifier: MIT
#include "resample.hpp"

#include <cstddef>

#include "error.hpp"

namespace ser {
namespace {

void check(soxr_error_t error) {
  if (error != nullptr) throw ser_error(std::string("cannot resample: ") + error);
}

}  // namespace

resampler::resampler(double from, double to) : ratio_(to / from) {
  soxr_error_t error = nullptr;
  soxr_quality_spec_t const quality = soxr_quality_spec(SOXR_VHQ, 0);
  engine_.reset(soxr_create(from, to, 1, &error, nullptr, &quality, nullptr));
  check(error);
}

std::span<float const> resampler::run(std::span<float const> samples) {
  // What comes out may be more than the ratio says: the engine holds samples back.
  made_.resize(static_cast<std::size_t>(static_cast<double>(samples.size()) * ratio_) + 65536);
  std::size_t used = 0, made = 0;
  check(soxr_process(engine_.get(), samples.empty() ? nullptr : samples.data(), samples.size(), &used, made_.data(),
                     made_.size(), &made));
  if (used < samples.size()) throw ser_error("cannot resample: libsoxr left samples over");
  return std::span(made_).first(made);
}

}  // namespace ser
