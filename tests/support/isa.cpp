// SPDX-License-Identifier: MIT
#include "support/isa.hpp"

#include <xsimd/xsimd.hpp>

namespace test_support {

constinit isa const built_for = {
    xsimd::default_arch::name(),
#ifdef __AVX2__
    true,
#else
    false,
#endif
#ifdef __FMA__
    true,
#else
    false,
#endif
#ifdef __AVX512F__
    true,
#else
    false,
#endif
#ifdef __AVX512CD__
    true,
#else
    false,
#endif
#ifdef __AVX512DQ__
    true,
#else
    false,
#endif
#ifdef __AVX512BW__
    true,
#else
    false,
#endif
#ifdef __AVX512BF16__
    true,
#else
    false,
#endif
};

}  // namespace test_support
