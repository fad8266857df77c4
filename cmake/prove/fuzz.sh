#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzzing: the safetensors reader, names and config.json of speech encoders, plans and views, streams of networks, three instruction sets against each other, the demo's way from a file
# packages: clang libclang-rt-dev libsndfile1-dev
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# Executions that take some 4 minutes of two cores. For the record: TSHIFT_FUZZ_RUNS=10000000.
declare -A runs=([safetensors]=2000000 [shift]=2000000 [isa]=500000 [wav]=500000 [speech]=60000 [stream]=1000000)
targets=(wav isa speech stream safetensors shift)  # the longest first
for tool in clang++ grep sed; do command -v "$tool" >/dev/null || die "no $tool: install the package clang"; done

# fuzz <target>: its line of figures goes to <target>.txt.
fuzz() {
  TSHIFT_FUZZ_DIR=$build_dir bash "$source_dir/tests/fuzz/run.sh" "${TSHIFT_FUZZ_RUNS:-${runs[$1]}}" "$1" \
    >"$build_dir/$1.txt" 2>&1
}

# Inputs found earlier would make the figures depend on what ran before.
for target in "${targets[@]}"; do
  rm -rf -- "$build_dir/corpus-$target" "$build_dir/$target.passed"
done
for target in "${targets[@]}"; do
  room
  fuzz "$target" && touch -- "$build_dir/$target.passed" &
done
wait
failed=0
for target in "${targets[@]}"; do
  cat -- "$build_dir/$target.txt"
  [[ -f $build_dir/$target.passed ]] || failed=1
done
((failed == 0)) || die "a target stopped, or did not begin with every committed input; its log is in $build_dir"

# figure <target> <pattern>: the number in the brackets of the pattern.
figure() { sed -n "s/^fuzz: $1: $2.*/\1/p" "$build_dir/$1.txt" | head -n 1; }
for target in "${targets[@]}"; do
  covered "fuzz.$target" "$(figure "$target" '\([0-9]*\) executions')" executions
done
covered fuzz.isa.units "$(sed -n 's/^fuzz: isa: \([0-9]*\) instruction sets$/\1/p' "$build_dir/isa.txt")" 'instruction sets'
