// SPDX-License-Identifier: MIT
// How this program says no: main prints the sentence and exits with 1, or with 2 where the command is at fault. The words
// are shiftser's.
#pragma once

#include "../shiftser/error.hpp"

namespace ser {

using ser_error = shiftser::shiftser_error;
using shiftser::one_line;
using shiftser::shown;
using shiftser::usage_error;

}  // namespace ser
