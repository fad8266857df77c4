#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The suite under AddressSanitizer and UBSan with g++: what has loops over vectors for AVX2, the rest for the baseline.
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# asan-clang.sh comes here with another compiler, which builds the same in half the time and so has two instruction sets.
compiler=${asan_compiler:-g++}
read -r -a isas <<<"${asan_isas:-avx2}"
command -v "$compiler" >/dev/null || die "there is no $compiler"

folder=$build_dir/build
configure "$folder" "$compiler" \
  '-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
# Every test once, for the baseline where it is built for nothing else.
targets=() names=()
for test in $(test_files); do
  if ! grep -q "unit[.]${test/\//[.]}[.]avx2\b" "$folder/tests/CTestTestfile.cmake"; then
    targets+=("unit.${test/\//.}")
  fi
done
for isa in "${isas[@]}"; do
  if [[ $isa == baseline ]]; then targets=(unit); else names+=("$isa") targets+=("unit.$isa"); fi
done
((${#targets[@]} > ${#names[@]})) || die 'no test is built for the baseline alone'
make_targets "$folder" "${targets[@]}"
export UBSAN_OPTIONS=print_stacktrace=1
# In float, the models of full size take two minutes; in double they would do the same in four.
for isa in baseline "${names[@]}"; do
  programs "$leg.$isa" "$folder/tests/unit/$isa" '~"models of full size*in double*"'
done
