#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The suite in C++23 under AddressSanitizer and UBSan with clang 19: for AVX-512, and the rest for the baseline.
# packages: clang-19 libclang-rt-19-dev libomp-dev
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

cpp_23
openmp_for_clang_19
sanitized clang++-19 address,undefined avx512
