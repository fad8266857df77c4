// SPDX-License-Identifier: MIT
// From features to logits, as a command says.
#pragma once

#include "command.hpp"

namespace shiftser {

/// Reads, computes, writes and prints.
/// @throws usage_error, shiftser_error, file_error, shape_error
void classify(command const& words);

}  // namespace shiftser
