// SPDX-License-Identifier: MIT
// Compiled with the compiler's default flags: every x86-64 has SSE2.
#include "shift_on.hpp"

template void shift_on<sse2>(tshift::tensor_view<float const>, tshift::tensor_view<float>, tshift::shift_plan const&);
