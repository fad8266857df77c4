#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The suite without optimisation, with trapping overflow (g++, clang++) and checked std containers; -ffast-math smoke.
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
for tool in g++ clang++; do command -v "$tool" >/dev/null || die "there is no $tool"; done

# clang's -ftrapv traps at every signed operation; g++'s only at those that become a call of libgcc.
suite modes.gcc g++ '-O0 -ftrapv -D_GLIBCXX_ASSERTIONS'
suite modes.clang clang++ '-O1 -ftrapv -D_GLIBCXX_ASSERTIONS'

# -ffast-math allows the compiler to take NaN and infinity for impossible, to forget the sign of zero, to reorder sums,
# and to flush denormals. The shift moves bytes, so every test of the operator must hold, those of NaN payloads among
# them, but for the sign of 0 + 0. Of the blocks, what compares numbers of ordinary size with the oracle; not what asks
# for NaN, infinity or denormals.
operator=(shift inplace shift_add adjoint stream shifted_view guarded random)
blocks=(gelu layer_norm linear)
objects=()
for name in "${operator[@]}" "${blocks[@]}"; do objects+=("$build_dir/fast/$name.o"); done
mkdir -p -- "$build_dir/fast"
printf '%s\n' "${operator[@]}" "${blocks[@]}" | quietly "$build_dir/fast.build.log" xargs -P "$jobs" -I '{}' \
  g++ -std=c++20 -O3 -ffast-math -I "$source_dir/include" -I "$source_dir/tests" \
  -c "$source_dir/tests/unit/{}_test.cpp" -o "$build_dir/fast/{}.o"
quietly "$build_dir/fast.link.log" g++ -std=c++20 -O1 -I "$source_dir/tests" "$source_dir/tests/support/main.cpp" \
  "$source_dir/tests/support/isa.cpp" "${objects[@]}" -ffast-math -o "$build_dir/fast/tests"
quietly "$build_dir/fast.log" "$build_dir/fast/tests" '~[nn]~"A sum of zeros*",*against the oracle*'
passed modes.fast-math "$build_dir/fast.log"
