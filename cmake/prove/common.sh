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

# passed <name> <log>: the assertions that Catch2 counts at the end of each program's output, against proved.txt.
passed() {
  local figure
  figure=$(awk '/^All tests passed \([0-9]+ assertions? in [0-9]+ test cases?\)$/ { sum += substr($4, 2) }
    END { if (sum) print sum }' "$2")
  [[ -n $figure ]] || {
    tail -n 60 "$2" >&2
    die "$1: the log does not say that all tests passed: $2"
  }
  covered "$1" "$figure" assertions
}

# in_parts <log> <program> [tests]: the tests that Catch2 selects, dealt out to as many processes as there are cores.
in_parts() {
  local log=$1 program=$2 part running=() status=0
  # Catch2 2 ends with the number of tests here. The program's first line names the instruction set.
  "$program" --list-test-names-only "${@:3}" >"$log.names" 2>"$log" || true
  sed -i '/^instruction set: /d; /^$/d' "$log.names"
  [[ -s $log.names ]] || die "no tests are selected: $program ${*:3}"
  for ((part = 0; part < jobs; ++part)); do
    # A comma would end the name.
    awk -v part="$part" -v parts="$jobs" 'NR % parts == part { gsub(/,/, "\\,"); print }' "$log.names" >"$log.names.$part"
    "$program" --use-colour no --input-file "$log.names.$part" >"$log.$part" 2>&1 &
    running+=($!)
  done
  for part in "${!running[@]}"; do
    wait "${running[$part]}" || {
      status=$?
      tail -n 60 -- "$log.$part" >&2
      printf '%s: status %d, the whole output is in %s\n' "$leg" "$status" "$log.$part" >&2
    }
  done
  ((status == 0)) || die "failed: $program ${*:3}"
  cat -- "$log".[0-9]* >"$log"
  awk -v names="$(wc -l <"$log.names")" '/^All tests passed/ { sum += $7 } END { exit sum != names }' "$log" ||
    die "not every test of $log.names has run: $log"
}

# suite <name> <compiler> <flags>: builds the test program in a folder of its own and runs it. Without the models of full
# size, which without optimisation take longer than all other tests together.
suite() {
  local name=$1 compiler=$2 flags=$3 target=tshift_tests folder=$build_dir/$1
  quietly "$folder.configure.log" cmake -S "$source_dir" -B "$folder" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" -DTSHIFT_BUILD_TESTS=ON -DTSHIFT_BUILD_EXAMPLES=OFF \
    -DTSHIFT_BUILD_BENCHMARKS=OFF
  quietly "$folder.build.log" cmake --build "$folder" -j "$jobs" --target "$target"
  in_parts "$folder.log" "$folder/tests/$target" '~"models of full size*"'
  passed "$name" "$folder.log"
}
