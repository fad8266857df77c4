// SPDX-License-Identifier: MIT
// The four ways to have a shifted tensor, and the comparison that shows them to be one operator.
#pragma once

#include <tshift/tshift.hpp>

#include <string>
#include <vector>

namespace demo {

using features_view = tshift::tensor_view<float const>;  ///< [N, T, C], dense

/// Frames that a shift vacates are filled with `fill`.
std::vector<float> shift_out_of_place(features_view x, tshift::shift_plan const& plan, float fill);
std::vector<float> shift_in_place(features_view x, tshift::shift_plan const& plan, float fill);

/// Reads through the shift, run by run, as an operator that follows it would: there, nothing would be copied.
std::vector<float> shift_lazily(features_view x, tshift::shift_plan const& plan, float fill);

/// In chunks of 1 to 40 frames, as they would come from a microphone.
std::vector<float> shift_streaming(features_view x, tshift::shift_plan const& plan, float fill);

/// Shifts in all four ways and compares each, bit for bit, with the definition (tshift::reference).
/// @param what  for the message: "n_div 4, both"
/// @throws demo_error  naming the first wrong element
void require_agreement(features_view x, tshift::shift_plan const& plan, float fill, std::string const& what);

}  // namespace demo
