// SPDX-License-Identifier: MIT
// The picture of a shift: a feature map before and after, one panel above the other, on one time axis.
#pragma once

#include <tshift/tshift.hpp>

#include <string>

#include "picture.hpp"

namespace demo {

/// Time runs to the right, channels from bottom to top. The lower panel is read through tshift::shifted: the shifted
/// map never exists in memory, and the view says which cells the shift vacated.
/// @param x               [1, T, C]; T of a few hundred frames gives a picture of a common size
/// @param frames_per_second  for the time axis
picture before_and_after(tshift::tensor_view<float const> x, tshift::shift_plan const& plan, std::string const& what,
                         double frames_per_second);

}  // namespace demo
