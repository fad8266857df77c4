// SPDX-License-Identifier: MIT
// Compiled with -mavx512f -mavx512cd -mavx512dq -mavx512bw.
#include "shift_on.hpp"

template void shift_on<avx512>(tshift::tensor_view<float const>, tshift::tensor_view<float>, tshift::shift_plan const&);
