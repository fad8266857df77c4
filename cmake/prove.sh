#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Proofs that take longer than tests should: the whole suite under sanitizers, all mutants, and fuzzing.
# run.sh prove calls this, once the packages are there.
set -euo pipefail

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

usage() {
  cat <<'TEXT'
usage: bash cmake/run.sh prove [--list] [leg...]
  asan         the suite under AddressSanitizer and UndefinedBehaviorSanitizer, g++; the first finding ends it
  asan-clang   the same with clang++
  tsan         executors and models shared by threads, under ThreadSanitizer, g++
  mutants      every mistake of tests/mutants/mutants.txt
  fuzz         TSHIFT_FUZZ_RUNS executions of each fuzz target, by default 10 million
Without legs: all of them. Each prints what it covered, and fails if that is less than cmake/proved.txt says.
TEXT
}

say() { printf 'prove: %s\n' "$*" >&2; }

legs=(asan asan-clang tsan mutants fuzz)
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  --list) printf '%s\n' "${legs[@]}"; exit 0 ;;
esac
if (($# > 0)); then
  for leg in "$@"; do
    if [[ " ${legs[*]} " != *" $leg "* ]]; then
      say "there is no leg '$leg'"
      usage >&2
      exit 2
    fi
  done
  legs=("$@")
fi

build_dir=${TSHIFT_PROVE_DIR:?is set by cmake/run.sh prove}
jobs=$(nproc)
sanitizers='-O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'

# covered <leg> <figure>: fails if it is less than what proved.txt has for the leg.
covered() {
  local least
  least=$(awk -v leg="$1" '$1 == leg { print $2 }' "$source_dir/cmake/proved.txt")
  if [[ ! $least =~ ^[0-9]+$ ]]; then
    say "$1: cmake/proved.txt has no figure for it"
    return 1
  fi
  if (($2 < least)); then
    say "$1: covered $2, less than the $least of cmake/proved.txt"
    return 1
  fi
}

# passed <leg> <log>: what Catch2 says at the end, against proved.txt.
passed() {
  local figure
  figure=$(sed -n 's/^All tests passed (\([0-9]*\) assertions in [0-9]* test cases)$/\1/p' "$2")
  if [[ -z $figure ]]; then
    tail -n 60 "$2" >&2
    say "$1: the log does not say that all tests passed: $2"
    return 1
  fi
  printf '%s: %s assertions passed\n' "$1" "$figure"
  covered "$1" "$figure"
}

# suite <leg> <compiler> <flags>: builds tshift_tests in its own folder and runs it.
suite() {
  local leg=$1 compiler=$2 flags=$3 folder=$build_dir/$1
  cmake -S "$source_dir" -B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="$flags" -DTSHIFT_BUILD_TESTS=ON -DTSHIFT_BUILD_EXAMPLES=OFF -DTSHIFT_BUILD_BENCHMARKS=OFF \
    >"$folder.configure.log" 2>&1 || { cat "$folder.configure.log" >&2; return 1; }
  cmake --build "$folder" -j "$jobs" --target tshift_tests >"$folder.build.log" 2>&1 ||
    { tail -n 40 "$folder.build.log" >&2; return 1; }
  "$folder/tests/tshift_tests" >"$folder.log" 2>&1 || { tail -n 60 "$folder.log" >&2; return 1; }
  passed "$leg" "$folder.log"
}

# Only what starts threads. OpenMP stays out: GCC's runtime is not built for ThreadSanitizer, which then reports races
# that are none.
tsan() {
  local folder=$build_dir/tsan file
  local -a flags
  read -r -a flags <<<"-std=c++20 -O1 -g -fsanitize=thread -Wno-tsan -fopenmp $(pkg-config --cflags eigen3)"
  mkdir -p -- "$folder"
  for file in unit/main support/isa unit/executor_test unit/models_test; do
    g++ "${flags[@]}" -I "$source_dir/include" -I "$source_dir/tests" -c "$source_dir/tests/$file.cpp" \
      -o "$folder/${file##*/}.o" || return 1
  done
  g++ "${flags[@]}" "$folder"/{main,isa,executor_test,models_test}.o -o "$folder/threads" || return 1
  "$folder/threads" '[executor]~[openmp]~The adapters*,[models]' >"$folder.log" 2>&1 ||
    { tail -n 60 "$folder.log" >&2; return 1; }
  passed tsan "$folder.log"
}

mutants() {
  local figure
  bash "$source_dir/cmake/mutate.sh" | tee "$build_dir/mutants.log"
  figure=$(sed -n 's/^[0-9]* mutants: \([0-9]*\) killed, 0 survived, 0 errors$/\1/p' "$build_dir/mutants.log")
  printf 'mutants: %s killed\n' "${figure:-not all}"
  covered mutants "${figure:-0}"
}

run_leg() {
  case $1 in
    asan) suite asan g++ "$sanitizers" ;;
    asan-clang) suite asan-clang clang++ "$sanitizers" ;;
    tsan) tsan ;;
    mutants) mutants ;;
    fuzz) TSHIFT_FUZZ_DIR=$build_dir/fuzz bash "$source_dir/tests/fuzz/run.sh" "${TSHIFT_FUZZ_RUNS:-10000000}" ;;
  esac
}

mkdir -p -- "$build_dir"
failed=()
for leg in "${legs[@]}"; do
  start=$SECONDS
  if run_leg "$leg"; then
    printf '%s: done in %d s\n' "$leg" $((SECONDS - start))
  else
    printf '%s: FAILED after %d s\n' "$leg" $((SECONDS - start))
    failed+=("$leg")
  fi
done
if ((${#failed[@]} > 0)); then
  printf 'failed: %s\n' "${failed[*]}"
  exit 1
fi
printf 'all %d legs passed\n' "${#legs[@]}"
