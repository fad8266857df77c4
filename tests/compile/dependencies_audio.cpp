// SPDX-License-Identifier: MIT
// What a user of the features includes with them: see dependencies.cmake.
#include <tshift/audio.hpp>
