# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every leg of `run.sh prove` begins with. A leg is one file cmake/prove/<leg>.sh: its second comment line says what
# it proves (`prove --list` prints it), `# packages:` names what Debian must install for it, and it ends with `covered`.
set -euo pipefail

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
leg=$(basename -- "$0" .sh)
jobs=$(nproc)
# Everything a leg builds and logs stays below this folder.
build_dir=${TSHIFT_PROVE_DIR:-${TMPDIR:-/tmp}/tshift-prove-$EUID}/$leg
mkdir -p -- "$build_dir"

say() { printf '%s: %s\n' "$leg" "$*"; }
die() {
  printf '%s: %s\n' "$leg" "$*" >&2
  exit 1
}

# quietly <log> <command...>: output goes to the log, and its end to the terminal if the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 60 -- "$log" >&2
    die "failed, the whole output is in $log: $*"
  }
}

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

# passed <name> <log>: the assertions that Catch2 counts at the end of the log, against proved.txt.
passed() {
  local figure
  figure=$(sed -n 's/^All tests passed (\([0-9]*\) assertions\{0,1\} in [0-9]* test cases\{0,1\})$/\1/p' "$2" | tail -n 1)
  [[ -n $figure ]] || {
    tail -n 60 "$2" >&2
    die "$1: the log does not say that all tests passed: $2"
  }
  covered "$1" "$figure" assertions
}

# suite <name> <compiler> <flags> [target [filter]]: builds a test program in a folder of its own and runs it.
suite() {
  local name=$1 compiler=$2 flags=$3 target=${4:-tshift_tests} folder=$build_dir/$1
  quietly "$folder.configure.log" cmake -S "$source_dir" -B "$folder" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" -DTSHIFT_BUILD_TESTS=ON -DTSHIFT_BUILD_EXAMPLES=OFF \
    -DTSHIFT_BUILD_BENCHMARKS=OFF
  quietly "$folder.build.log" cmake --build "$folder" -j "$jobs" --target "$target"
  quietly "$folder.log" "$folder/tests/$target" "${@:5}"
  passed "$name" "$folder.log"
}
