// SPDX-License-Identifier: MIT
#define UNIT baseline
#include "mixed_flags_unit.hpp"
