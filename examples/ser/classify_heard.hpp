// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "model_options.hpp"
#include "sounds.hpp"

namespace ser {

/// The emotion of sounds by a model of features that knows how it hears: their features, then its logits.
/// @param from    a sound, a folder or a manifest
/// @throws usage_error, ser_error, file_error, shape_error
void classify_heard(model_options const& asked, sound_options const& from);

}  // namespace ser
