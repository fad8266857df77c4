#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The same as asan with clang++, whose UBSan also finds arithmetic on null pointers.
# packages: libclang-rt-dev
asan_compiler=clang++
source "$(dirname -- "${BASH_SOURCE[0]}")/asan.sh"
