// SPDX-License-Identifier: MIT
// Time per operation, beside a memcpy of the same tensor in the same minute.
#pragma once

#include <tshift/tshift.hpp>

#include <vector>

namespace demo {

/// Medians, in seconds of processor time per call.
struct timings {
  double memcpy, shift, inplace;
};

/// The three buffers are as long as the tensor and have all their pages touched. Rounds of memcpy, shift and
/// shift_inplace, in changing order, go on until `seconds` are over, so that a disturbance of the machine meets all
/// three alike.
/// @param z  shifted in place over and over: its values are lost, its bytes are moved all the same
timings measure(std::vector<float> const& x, std::vector<float>& y, std::vector<float>& z, tshift::shape dims,
                tshift::shift_plan const& plan, float fill, double seconds);

double median(std::vector<double> values);

}  // namespace demo
