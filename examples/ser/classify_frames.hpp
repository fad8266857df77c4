// SPDX-License-Identifier: MIT
// From features to logits.
#pragma once

#include "model_options.hpp"

namespace ser {

/// Reads, computes, writes and prints.
/// @throws usage_error, ser_error, file_error, shape_error
void classify_frames(model_options const& words);

}  // namespace ser
