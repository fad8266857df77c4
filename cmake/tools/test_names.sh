#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test_names.sh [--isa] NAME...: the test programs that the names mean, one a line, as tests/CMakeLists.txt calls them.
# A name is that of a file without _test.cpp, with or without its folder, or that of a folder of tests/, which goes
# first: golden/golden is the file. With --isa also the programs for AVX2 and AVX-512, where there are any.
set -euo pipefail

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
me=run.sh failure=2
source "$source_dir/cmake/tools/say.sh"

isas=('')
names=()
for argument in "$@"; do
  case $argument in
    --isa) isas=('' .avx2 .avx512) ;;
    -*) die "test has one option, --isa, and no '$argument'" ;;
    *) names+=("$argument") ;;
  esac
done
((${#names[@]} > 0)) || die 'test --isa needs the name of a test'

cd -- "$source_dir/tests"
files=(*/*_test.cpp)
# The folders whose tests are built for one instruction set only stand in one place.
one_isa=$(sed -n 's/^set(baseline_folders \(.*\))$/ \1 /p' CMakeLists.txt)
[[ -n $one_isa ]] || die 'tests/CMakeLists.txt sets no baseline_folders'

# near <name>: file names and folders that hold the name, are in it, or differ from it by two letters at most.
near() {
  printf '%s\n' "${files[@]}" | sed 's/_test[.]cpp$//' | awk -F / -v name="$1" '
    function least(a, b) { return a < b ? a : b }
    function distance(a, b, i, j, d) {
      for (i = 0; i <= length(a); ++i) d[i, 0] = i
      for (j = 0; j <= length(b); ++j) d[0, j] = j
      for (i = 1; i <= length(a); ++i)
        for (j = 1; j <= length(b); ++j)
          d[i, j] = least(least(d[i - 1, j], d[i, j - 1]) + 1,
                          d[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1)))
      return d[length(a), length(b)]
    }
    function look(word) {
      if (word in seen) return
      seen[word] = 1
      if (index(word, name) || index(name, word) || distance(word, name) <= 2) print word
    }
    BEGIN { sub(/.*\//, "", name); sub(/(_test)?([.]cpp)?$/, "", name) }
    { look($2); look($1) }'
}

for name in "${names[@]}"; do
  plain=${name#tests/} plain=${plain%/} plain=${plain%.cpp} plain=${plain%_test}
  found=()
  for file in "${files[@]}"; do
    test=${file%_test.cpp}
    if [[ ${test%/*} == "$plain" ]]; then found+=("$test"); fi
  done
  if ((${#found[@]} == 0)); then
    for file in "${files[@]}"; do
      test=${file%_test.cpp}
      if [[ $test == "$plain" || ${test#*/} == "$plain" ]]; then found+=("$test"); fi
    done
  fi
  if ((${#found[@]} == 0)); then
    like=$(near "$plain" | paste -s -d ' ')
    die "there is no test '$name'; ${like:+near it: $like; }the folders are: $(printf '%s\n' "${files[@]%/*}" | uniq |
      paste -s -d ' ')"
  fi
  for test in "${found[@]}"; do
    for isa in "${isas[@]}"; do
      if [[ -z $isa || $one_isa != *" ${test%/*} "* ]]; then printf 'unit.%s%s\n' "${test/\//.}" "$isa"; fi
    done
  done
done | awk '!seen[$0]++'
