#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The tests with another xsimd than the installed one. Everything from 8.1 on must do: a user's project may bring its own.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash tests/xsimd_versions.sh FOLDER [TEST...]
  FOLDER   holds xsimd/xsimd.hpp: the folder include/ of a copy of xsimd, for example of
           git clone --depth 1 --branch 14.0.0 https://github.com/xtensor-stack/xsimd
  TEST     a test file's name or a folder of tests/; without any, every folder whose tests reach xsimd's registers, and
           base
Builds and runs each test as a program of its own, as many at a time as there are cores. CXX (g++) and CXXFLAGS (-O1)
choose the compiler; CXXFLAGS="-O1 -mavx2 -mfma" is another instruction set. Programs go to a temporary folder.
TEXT
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
me=xsimd_versions.sh
source "$source_dir/cmake/tools/say.sh"

case ${1:-} in
  -h | --help) usage; exit ;;
  '' | -*) usage >&2; exit 2 ;;
esac
[[ -f $1/xsimd/xsimd.hpp ]] || die "there is no $1/xsimd/xsimd.hpp"
folder=$(cd -- "$1" && pwd -P)
shift
# io, weights, interop and the corpus of the fuzz targets use nothing of xsimd that the others do not.
if (($# == 0)); then
  mapfile -t folders < <(cd -- "$source_dir/tests" && printf '%s\n' */*_test.cpp | sed 's!/.*!!' | uniq |
    grep -vx 'io\|weights\|interop\|fuzz')
  set -- "${folders[@]}"
fi
programs=$(bash "$source_dir/cmake/tools/test_names.sh" "$@")

read -r -a compiler <<<"${CXX:-g++} -std=c++20 ${CXXFLAGS:--O1} -Wall -Wextra -Wpedantic -Wconversion -Wshadow -fopenmp"
read -r -a eigen <<<"$(pkg-config --cflags eigen3 | sed 's/-I/-isystem /g')"
compiler+=(-isystem "$folder" "${eigen[@]}" -I "$source_dir/include" -I "$source_dir/tests"
  "-DTSHIFT_GOLDEN_DIR=\"$source_dir/tests/golden\"")
version=$(printf '#include <xsimd/xsimd.hpp>\nxsimd XSIMD_VERSION_MAJOR.XSIMD_VERSION_MINOR.XSIMD_VERSION_PATCH\n' |
  "${compiler[@]}" -E -x c++ - | tail -n 1 | tr -d ' ')
version=${version/xsimd/xsimd }

temporary=$(mktemp -d)
set -m  # a job is a process group, so that an interrupt ends all of it
trap 'for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done; rm -rf -- "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for part in main isa; do
  "${compiler[@]}" -O0 -c "$source_dir/tests/support/$part.cpp" -o "$temporary/$part.o" ||
    die "tests/support/$part.cpp does not compile with $version"
done

# one <program>: builds and runs it; the log's last line says how it ended.
one() {
  local test=${1#unit.} log=$temporary/$1.log
  if ! "${compiler[@]}" "$source_dir/tests/${test/.//}_test.cpp" "$temporary/main.o" "$temporary/isa.o" \
    -o "$temporary/$1" >"$log" 2>&1; then
    printf 'does not compile\n' >>"$log"
  else
    # A warning would be one in every user's build.
    cp -- "$log" "$log.warnings"
    timeout 600 "$temporary/$1" --use-colour no >>"$log" 2>&1 || printf 'ends with status %d\n' $? >>"$log"
  fi
  rm -f -- "$temporary/$1"
}
for program in $programs; do
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
  one "$program" &
done
wait

failed=() assertions=0 count=0
for program in $programs; do
  log=$temporary/$program.log
  figure=$(sed -n 's/^All tests passed (\([0-9]*\) assertions\{0,1\} in .*/\1/p' "$log")
  if [[ ! $figure =~ ^[1-9] ]] || grep -q 'include/tshift/.*warning:' "$log.warnings"; then
    tail -n 40 -- "$log" >&2
    failed+=("$program")
    continue
  fi
  assertions=$((assertions + figure))
  count=$((count + 1))
done
((${#failed[@]} == 0)) || die "$version: these do not compile without a warning and pass: ${failed[*]}"
printf '%s: %d test programs passed, %d assertions\n' "$version" "$count" "$assertions"
