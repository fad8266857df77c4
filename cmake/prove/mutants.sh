#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# every mistake of tests/mutants/mutants.txt, made in a copy of include/tshift, makes a test fail
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

log=$build_dir/mutants.log
bash "$source_dir/cmake/mutate.sh" >"$log" 2>&1 || {
  grep -v '^killed\|^passes' "$log" >&2 || true
  die "not every mutant is killed: $log"
}
figure=$(sed -n 's/^[0-9]* mutants: \([0-9]*\) killed, 0 survived, 0 errors$/\1/p' "$log")
covered mutants "${figure:-0}" 'deliberate mistakes noticed, all there are'
