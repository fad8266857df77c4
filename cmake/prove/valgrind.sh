#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The guarded-buffer tests under Valgrind, baseline and AVX2, and those of the safetensors reader: no error, no leak.
# packages: valgrind
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
command -v valgrind >/dev/null || die "there is no valgrind: install the package valgrind"

# Valgrind 3.19 does not know AVX-512. -O1 keeps its messages readable; no sanitizer, which would be in its way.
compile() { g++ -std=c++20 -O1 -g1 -I "$source_dir/include" -I "$source_dir/tests" "$@"; }
avx2=(-mavx2 -mfma -DTSHIFT_STREAMING_BYTES=1024)
# Not inlined, so that Valgrind replaces both operator new and operator delete of the tests by its own, or neither.
quietly "$build_dir/main.log" compile -fno-inline -c "$source_dir/tests/support/main.cpp" -o "$build_dir/main.o"

# memcheck <name> <tests> <filter> [flags...]: builds unit/<tests>_test.cpp and runs it.
memcheck() {
  local name=$1 program=$build_dir/$1
  compile "${@:4}" "$source_dir/tests/unit/$2_test.cpp" "$source_dir/tests/support/isa.cpp" "$build_dir/main.o" \
    -o "$program" || return 1
  valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,possible "$program" "$3"
}

# Streaming begins at 1 KiB in the AVX2 program; at megabytes in the other, where they would take minutes here.
quietly "$build_dir/baseline.log" memcheck baseline guarded '[guarded]~[streaming]' &
first=$!
quietly "$build_dir/avx2.log" memcheck avx2 guarded '[guarded]' "${avx2[@]}"
quietly "$build_dir/safetensors.log" memcheck safetensors safetensors '[safetensors]'
wait "$first" || die "the baseline program failed: $build_dir/baseline.log"

# What Catch2 counts is few: every test case of [guarded] asserts over a loop. Its cases are counted by themselves.
cases=$(cat "$build_dir/baseline.log" "$build_dir/avx2.log" |
  sed -n 's/^at closed pages, .*: \([0-9]*\) cases$/\1/p' | awk '{ sum += $1 } END { print sum + 0 }')
for name in baseline avx2 safetensors; do passed "valgrind.$name" "$build_dir/$name.log"; done
covered valgrind "$cases" 'cases at closed pages'
