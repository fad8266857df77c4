// SPDX-License-Identifier: MIT
// `ser train --replay`: given batches, one step each, in order: to compare with another program's training.
#pragma once

#include <string>

#include "model_options.hpp"
#include "recipe.hpp"
#include "teacher.hpp"

namespace ser {

/// @param file  holds x [S, N, T, D], labels [S, N], and, where words.lengths asks for them, lengths [S, N]
/// @param transfer  the loss, and the teacher that sees the same x
/// @throws ser_error, usage_error, file_error, shape_error
void replay(model_options const& words, recipe const& how, transfer_words const& transfer, std::string const& file);

}  // namespace ser
