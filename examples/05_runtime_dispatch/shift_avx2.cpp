// SPDX-License-Identifier: MIT
// Compiled with -mavx2 -mfma.
#include "shift_on.hpp"

template void shift_on<avx2>(tshift::tensor_view<float const>, tshift::tensor_view<float>, tshift::shift_plan const&);
