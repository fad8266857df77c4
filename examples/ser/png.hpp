// SPDX-License-Identifier: MIT
// An image as a PNG.
#pragma once

#include <string>
#include <tshift/view.hpp>

namespace ser {

/// The file's bytes: a pixel for each value from 0 to 1, others clipped, NaN as 0.
/// @param image    [1, W, H], column by column
/// @param colours  of a map from dark blue to light yellow, else grey: 255 times the value, rounded
/// @throws ser_error  larger than a PNG may be
template <class T>
std::string png_of(tshift::tensor_view<T const> const& image, bool colours);

}  // namespace ser
