#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The suite in C++23 under AddressSanitizer with g++: what has loops over vectors for AVX2, the rest for the baseline.
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

cpp_23
sanitized g++ address avx2
