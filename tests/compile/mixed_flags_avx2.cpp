// SPDX-License-Identifier: MIT
#define UNIT avx2
#include "mixed_flags_unit.hpp"

#ifndef __AVX2__
#error "this unit must be built with -mavx2"
#endif
