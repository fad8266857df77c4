#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The whole suite under AddressSanitizer and UBSan with g++, and code with vectors also built for AVX2 and AVX-512.
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# asan-clang.sh comes here with another compiler.
compiler=${asan_compiler:-g++}
command -v "$compiler" >/dev/null || die "there is no $compiler"

flags='-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
# All operations at all tails of a vector, moves of any bits, and those blocks whose kernels treat tails differently.
# The other files would take as long again to compile, and add no kernel.
vectors='guarded;random;linear;layer_norm;self_attention'
folder=$build_dir/build
quietly "$build_dir/configure.log" cmake -S "$source_dir" -B "$folder" -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" -DTSHIFT_BUILD_TESTS=ON -DTSHIFT_BUILD_EXAMPLES=OFF \
  -DTSHIFT_BUILD_BENCHMARKS=OFF -DTSHIFT_ISA_TESTS="$vectors"

programs=(tshift_tests tshift_tests_avx2 tshift_tests_avx512)
quietly "$build_dir/build.log" cmake --build "$folder" -j "$jobs" --target "${programs[@]}"
export UBSAN_OPTIONS=print_stacktrace=1
for program in "${programs[@]}"; do
  # A processor without the instructions makes the program say so and end with 77, which fails the leg.
  # In float, the models of full size take two minutes; in double they would do the same in four.
  in_parts "$build_dir/$program.log" "$folder/tests/$program" '~"models of full size*in double*"'
done
passed "$leg.avx2" "$build_dir/tshift_tests_avx2.log"
passed "$leg.avx512" "$build_dir/tshift_tests_avx512.log"
passed "$leg" "$build_dir/tshift_tests.log"
