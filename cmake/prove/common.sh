# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every leg of `run.sh prove` begins with. A leg is one file cmake/prove/<leg>.sh: its third line says what it
# proves (`prove --list` prints it), and `# packages:` names what Debian must install for it. It ends with what it
# covered: `covered` where a thing left out would pass in silence, else `say`.
set -euo pipefail

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
leg=$(basename -- "$0" .sh)
me=$leg
source "$source_dir/cmake/tools/say.sh"
# prove.sh runs legs side by side, and gives each its share of the cores.
jobs=${TSHIFT_JOBS:-$(nproc)}
# Everything a leg builds and logs stays below this folder.
build_dir=${TSHIFT_PROVE_DIR:-${TMPDIR:-/tmp}/tshift-prove-$EUID}/$leg
mkdir -p -- "$build_dir"

# covered <name> <figure> <of what>: prints it, and fails if it is less than cmake/proved.txt has for the name, which is
# the leg's, or the leg's with a dot and a word.
covered() {
  local least
  [[ $2 =~ ^[0-9]+$ ]] || die "$1: '$2' is no figure"
  least=$(awk -v name="$1" '$1 == name { print $2 }' "$source_dir/cmake/proved.txt")
  [[ $least =~ ^[0-9]+$ ]] || die "$1: cmake/proved.txt has no figure for it; this run covered $2 $3"
  (($2 >= least)) || die "$1: covered $2 $3, less than the $least of cmake/proved.txt"
  printf '%s: %s %s\n' "$1" "$2" "$3"
}

# passed <name> <log...>: every log is one test program's, in which all tests passed and something was asserted. Says how
# much: the figure is a report, and may fall where tests are merged.
passed() {
  local log figure sum=0
  for log in "${@:2}"; do
    figure=$(sed -n 's/^All tests passed (\([0-9]*\) assertions\{0,1\} in [0-9]* test cases\{0,1\})$/\1/p' "$log")
    [[ $figure =~ ^[1-9][0-9]*$ ]] || {
      tail -n 60 -- "$log" >&2
      die "$1: the log does not say that tests ran, asserted something and passed: $log"
    }
    sum=$((sum + figure))
  done
  ((sum > 0)) || die "$1: no test program ran"
  printf '%s: %d assertions in %d programs\n' "$1" "$sum" $(($# - 1))
}

# room: waits until a core is free for one more background job.
room() { while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done; }

# test_files <folder...>: the tests of these folders of tests/, or of all, as operator/shift.
test_files() {
  local folder file
  if (($# == 0)); then set -- "$source_dir"/tests/*/; fi
  for folder in "$@"; do
    for file in "$source_dir/tests/$(basename -- "$folder")"/*_test.cpp; do
      [[ -f $file ]] || continue
      file=${file#"$source_dir/tests/"}
      printf '%s\n' "${file%_test.cpp}"
    done
  done
}

# programs <name> <folder> [tests]: runs all test programs in the folder that CMake has built, or the tests of each that
# Catch2 selects, the largest first. Each must pass; one for which the processor lacks the instructions fails.
programs() {
  local name=$1 folder=$2 logs=$2.logs program found=()
  # shellcheck disable=SC2012  # the names are ours
  mapfile -t found < <(ls -S -- "$folder")
  ((${#found[@]} > 0)) || die "$name: there are no programs in $folder"
  mkdir -p -- "$logs"
  for program in "${found[@]}"; do
    room
    { "$folder/$program" --use-colour no "${@:3}" || printf 'ends with status %d\n' $?; } >"$logs/$program" 2>&1 &
  done
  wait
  passed "$name" "${found[@]/#/$logs/}"
}

# configure <folder> <compiler> <flags>: a build of the tests with these flags alone.
configure() {
  quietly "$1.configure.log" cmake -S "$source_dir" -B "$1" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER="$2" \
    -DCMAKE_CXX_FLAGS="$3" -DTSHIFT_BUILD_TESTS=ON -DTSHIFT_TEST_TRAIN_ISAS=ON -DTSHIFT_BUILD_EXAMPLES=OFF \
    -DTSHIFT_BUILD_BENCHMARKS=OFF
}

# make_targets <folder> <targets...>
make_targets() { quietly "$1.build.log" cmake --build "$1" -j "$jobs" --target "${@:2}"; }

# cpp_23: what is configured from here on is built in C++23; run.sh test builds in C++20.
cpp_23() {
  printf 'set(CMAKE_CXX_STANDARD 23)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n' >"$build_dir/c++23.cmake"
  export CMAKE_TOOLCHAIN_FILE=$build_dir/c++23.cmake
}

# in_cpp_23 <folder> <target>: whether a target of tests/ was.
in_cpp_23() {
  grep -q -- '-std=[a-z+]*2[3b]' "$1/tests/CMakeFiles/$2.dir/flags.make" || die "$1: $2 is not in C++23"
}

# openmp_for_clang_19: Debian lets one libomp-dev be installed, and that is clang 14's. Its header and library serve
# clang 19 as well; the folder holds nothing else of clang 14's.
openmp_for_clang_19() {
  local omp=$build_dir/omp header library
  mkdir -p -- "$omp"
  header=$(clang++-14 -print-resource-dir)/include/omp.h
  library=$(clang++-14 -print-resource-dir)/../../libomp.so
  [[ -f $header && -f $library ]] || die "clang 14 has no OpenMP: install libomp-dev (Debian)"
  cp -- "$header" "$omp/omp.h"
  ln -sfn -- "$(readlink -f -- "$library")" "$omp/libomp.so"
  export CPLUS_INCLUDE_PATH=$omp LIBRARY_PATH=$omp
}

# sanitized <compiler> <sanitizers> <instruction set>: every test once, with containers that check: for the instruction
# set, or for the baseline where it is built for nothing else.
sanitized() {
  local folder=$build_dir/build baseline=() test isa
  command -v "$1" >/dev/null || die "there is no $1"
  configure "$folder" "$1" \
    "-O1 -g1 -fsanitize=$2 -fno-sanitize-recover=all -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS"
  for test in $(test_files); do
    if ! grep -q "unit[.]${test/\//[.]}[.]$3\b" "$folder/tests/CTestTestfile.cmake"; then
      baseline+=("unit.${test/\//.}")
    fi
  done
  ((${#baseline[@]} > 0)) || die 'no test is built for the baseline alone'
  make_targets "$folder" "unit.$3" "${baseline[@]}"
  in_cpp_23 "$folder" "${baseline[0]}"
  export UBSAN_OPTIONS=print_stacktrace=1
  # In float, the models of full size take a minute; in double they would do the same in two.
  for isa in baseline "$3"; do
    programs "$leg.$isa" "$folder/tests/unit/$isa" '~"models of full size*in double*"'
  done
}
