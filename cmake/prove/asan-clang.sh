#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The same with clang++, whose UBSan also finds arithmetic on null pointers: the baseline, and AVX-512.
# packages: libclang-rt-dev
asan_compiler=clang++ asan_isas='baseline avx512'
source "$(dirname -- "${BASH_SOURCE[0]}")/asan.sh"
