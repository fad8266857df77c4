#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the operator and some blocks with -ffast-math
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# -ffast-math allows the compiler to take NaN and infinity for impossible, to forget the sign of zero, to reorder sums,
# and to flush denormals. The shift moves bytes, so every test of the operator must hold, those of NaN payloads among
# them, but for the sign of 0 + 0, and for the cases of learned_shift and mix_shift in which NaN stands behind lengths:
# they compute. Of the blocks, what compares numbers of ordinary size with the oracle; not what asks for NaN, infinity or
# denormals.
mapfile -t tests < <(test_files operator | grep -vx 'operator/executor\|operator/allocation')  # the same loops
tests+=(nn/activations nn/layer_norm nn/linear)  # exp, a division by a root, sums of products
objects=()
for test in "${tests[@]}"; do
  object=$build_dir/${test/\//.}.o
  objects+=("$object")
  rm -f -- "$object"
  room
  g++ -std=c++20 -O3 -ffast-math -I "$source_dir/include" -I "$source_dir/tests" \
    -c "$source_dir/tests/${test}_test.cpp" -o "$object" >"$object.log" 2>&1 &
done
quietly "$build_dir/main.log" g++ -std=c++20 -O0 -I "$source_dir/tests" -c "$source_dir/tests/support/main.cpp" \
  -o "$build_dir/main.o"
wait
for object in "${objects[@]}"; do
  [[ -f $object ]] || {
    tail -n 40 -- "$object.log" >&2
    die "does not compile: $object.log"
  }
done
quietly "$build_dir/link.log" g++ -std=c++20 "$source_dir/tests/support/isa.cpp" "$build_dir/main.o" "${objects[@]}" \
  -ffast-math -I "$source_dir/tests" -o "$build_dir/tests"
quietly "$build_dir/tests.log" "$build_dir/tests" \
  '~[nn]~"A sum of zeros*"~"*its slopes are the reference*",*against the oracle*'
passed "$leg" "$build_dir/tests.log"
