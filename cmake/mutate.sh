#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2004,SC2178  # name references to associative arrays, which it takes for others
# Are the tests sharp? Plants mistakes in copies of include/tshift, one at a time, and requires that a test fails.
# Run by hand, from anywhere; --help says how. The mistakes are listed in tests/mutants/mutants.txt.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash cmake/mutate.sh [--list | --check | --quick | NAME...]
  (nothing)  every mutant of tests/mutants/mutants.txt: some minutes
  NAME...    these mutants
  --quick    the few that show that this script works: less than a minute
  --list     names, headers and mistakes; nothing is built
  --check    whether every mutant applies to the headers as they are; nothing is built
Each mutant is built with the tests it names, in a temporary copy of include/, by two jobs at a time. It is killed when
a test fails, crashes, hangs for two minutes, or a static_assert does not hold; otherwise it SURVIVED.
Exit status: 0 all killed; 1 survivors; 2 something else is wrong: a mutant that does not apply or compile, or tests
that fail without any mistake.
CXX (g++) and CXXFLAGS (-O0: most tests build longer than they run) choose the compiler; it needs Catch2 and xsimd where it finds them by itself.
TEXT
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
me=mutate.sh failure=2
source "$source_dir/cmake/tools/say.sh"
list=$source_dir/tests/mutants/mutants.txt
compiler=${CXX:-g++}
read -r -a options <<<"-std=c++20 ${CXXFLAGS:--O0} -fopenmp -pthread"
most_jobs=${TSHIFT_JOBS:-2}
seconds=120  # for one test program

# --- the list ---------------------------------------------------------------------------------------------------------

declare -A known file tests from to why flags quick
names=()

# Reads the list; anything that is not as its head describes ends the script with file and line.
read_list() {
  local line key value name='' number=0
  [[ -r $list ]] || die "cannot read $list"
  while IFS= read -r line || [[ -n $line ]]; do
    ((++number))
    case $line in
      '#'*) continue ;;
      '') name=''; continue ;;
    esac
    key=${line%% *} value=${line#"${line%% *}"} value=${value# }
    case $key in
      mutant)
        [[ -z $name && $value =~ ^[a-z0-9-]+$ && -z ${known[$value]:-} ]] ||
          die "$list:$number: mutant '$value' is no name, is not new, or has no empty line in front of it"
        name=$value names+=("$name") known[$name]=yes file[$name]='' flags[$name]='' quick[$name]=''
        continue ;;
      file | tests | from | to | why | flags | quick) ;;
      *) die "$list:$number: there is no '$key'" ;;
    esac
    [[ -n $name ]] || die "$list:$number: '$key' belongs to no mutant"
    local -n field=$key
    [[ -z ${field[$name]:-} ]] || die "$list:$number: '$key' is given twice"
    [[ -n $value || $key == to ]] || die "$list:$number: '$key' is empty"
    field[$name]=$value
  done <"$list"
  for name in "${names[@]}"; do
    for key in tests from to why; do
      local -n field=$key
      [[ -n ${field[$name]+set} && ( -n ${field[$name]} || $key == to ) ]] || die "mutant $name has no '$key'"
    done
    [[ ${from[$name]} != "${to[$name]}" ]] || die "mutant $name changes nothing"
  done
  ((${#names[@]} > 0)) || die "$list holds no mutants"
}

# The source file of a test: its name, or folder and name.
source_of() {
  local found
  found=$(cd -- "$source_dir/tests" && shopt -s nullglob && if [[ $1 == */* ]]; then
    printf '%s\n' "$1"_test.cpp
  else
    printf '%s\n' */"$1_test.cpp"
  fi)
  [[ $found != *$'\n'* ]] || die "more than one folder has a test $1: write <folder>/$1 for one of" $found
  [[ -f $source_dir/tests/$found ]] || die "there is no file $1_test.cpp in a folder of tests/"
  printf '%s' "$source_dir/tests/$found"
}

# target_of <name>: the file that the mutant changes, below include/tshift. The text must be there exactly once.
target_of() {
  local places where=${file[$1]:-.}
  places=$(cd -- "$include/tshift" && grep -rFo -- "${from[$1]}" "$where" /dev/null) ||
    die "mutant $1: include/tshift/${file[$1]} does not contain '${from[$1]}'"
  [[ $places != *$'\n'* ]] ||
    die "mutant $1: '${from[$1]}' stands more than once in include/tshift/${file[$1]}, which 'file' can narrow:" \
      "$(printf '%s\n' "$places" | sed 's/:.*//; s!^[.]/!!' | sort | uniq -c | tr -s ' \n' ' ')"
  places=${places%%:*}
  printf '%s' "${places#./}"
}

# apply <name> <headers>: makes the mutant's mistake in a copy of include/.
apply() {
  local path text
  path=$(target_of "$1") || return 2
  text=$(cat -- "$2/tshift/$path" && printf x)
  text=${text%x}
  printf '%s' "${text%%"${from[$1]}"*}${to[$1]}${text#*"${from[$1]}"}" >"$2/tshift/$path"
}

# --- building and running ---------------------------------------------------------------------------------------------

temporary=''
include=''

clean_up() {
  local status=$? job
  trap '' INT TERM
  # Every job is a process group of its own (set -m): its compiler goes with it.
  for job in $(jobs -p); do kill -TERM -- "-$job" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [[ -z $temporary ]] || rm -rf -- "$temporary"
  exit "$status"
}

# Catch2's main and what goes with it, the same for all programs.
build_part() {
  "$compiler" "${options[@]}" -I "$include" -I "$source_dir/tests" -c "$source_dir/tests/$1.cpp" \
    -o "$temporary/${1##*/}.o"
}

# What no mutant changes and every test reads. g++ takes the compiled form where the flags are the same, and reads the
# header itself where they are not; clang would complain, and reads the headers as always.
prefix=()
build_prefix() {
  if "$compiler" --version | grep -q clang; then return; fi
  printf '#include "support/catch.hpp"\n#include <xsimd/xsimd.hpp>\n' >"$temporary/prefix.hpp"
  "$compiler" "${options[@]}" -I "$source_dir/tests" -x c++-header "$temporary/prefix.hpp" -o "$temporary/prefix.hpp.gch" ||
    die "tests/support/catch.hpp and xsimd do not compile"
  prefix=(-include "$temporary/prefix.hpp")
}

# try <folder> <headers> <test> <flags>: builds one test against the headers in a folder, and runs it.
# 0: it passed. 1: it failed, and <folder>/verdict says how. 2: it could not be built, see <folder>/log.
try() {
  local folder=$1 headers=$2 test=$3 more eigen=() status=0 source
  read -r -a more <<<"$4"
  source=$(source_of "$test") || return 2
  if grep -q 'Eigen\|eigen' "$source"; then
    read -r -a eigen <<<"$(pkg-config --cflags eigen3)" || return 2
  fi
  if ! "$compiler" "${options[@]}" "${more[@]}" "${prefix[@]}" "${eigen[@]}" -I "$headers" -I "$source_dir/tests" \
    -DTSHIFT_GOLDEN_DIR="\"$source_dir/tests/golden\"" "$source" "$temporary/main.o" "$temporary/isa.o" \
    -o "$folder/program" >"$folder/log" 2>&1; then
    # A test of a constant expression fails in the compiler.
    grep -q 'static assertion failed\|static_assert failed' "$folder/log" || return 2
    printf '%s does not compile: a static assertion fails' "$test" >"$folder/verdict"
    return 1
  fi
  # In braces, so that the shell's own word about a crash goes to the log as well.
  { timeout "$seconds" "$folder/program" --abort || status=$?; } >"$folder/log" 2>&1
  if ((status == 0)); then return 0; fi
  # Catch2 underlines; the first line between two such lines is the name of the test that failed.
  local name
  name=$(awk '/^-----+$/ { if (getline > 0) print; exit }' "$folder/log")
  if ((status == 124)); then
    printf '%s hangs' "$test"
  elif [[ -n $name ]]; then
    printf '%s: %s' "$test" "$name"
  elif grep -q 'invariant broken' "$folder/log"; then
    printf '%s: %s' "$test" "$(grep -m 1 -o 'invariant broken: .*' "$folder/log")"
  else
    printf '%s ends with status %d' "$test" "$status"
  fi >"$folder/verdict"
  return 1
}

# One mutant, in its own folder: writes `result`, a line that begins with killed, SURVIVED or ERROR.
examine() {
  local name=$1 folder=$temporary/$1 test status
  mkdir -- "$folder"
  cp -R -- "$include" "$folder/include"
  apply "$name" "$folder/include" || return 2
  for test in ${tests[$name]}; do
    status=0
    try "$folder" "$folder/include" "$test" "${flags[$name]}" || status=$?
    case $status in
      0) continue ;;
      1) printf 'killed    %s (%s)\n' "$name" "$(<"$folder/verdict")" >"$folder/result" ;;
      *) printf 'ERROR     %s: does not compile with %s\n' "$name" "$test" >"$folder/result"
         cat -- "$folder/log" >>"$folder/result" ;;
    esac
    break
  done
  if [[ ! -f $folder/result ]]; then
    printf 'SURVIVED  %s (%s): %s\n' "$name" "${tests[$name]}" "${why[$name]}" >"$folder/result"
  fi
  rm -rf -- "$folder/include" "$folder/program"
  cat -- "$folder/result"
}

# The tests must pass without any mistake, or their failing says nothing.
baseline() {
  local folder=$temporary/$1 status=0
  mkdir -- "$folder"
  try "$folder" "$include" "$2" "$3" || status=$?
  if ((status != 0)); then
    printf 'ERROR     %s_test %s fails without any mistake\n' "$2" "$3" >"$folder/result"
    tail -n 40 -- "$folder/log" >>"$folder/result"
  else
    printf 'passes    %s_test %s\n' "$2" "$3" >"$folder/result"
  fi
  rm -f -- "$folder/program"
}

# in_parallel <function> <job...>: function <job> for each, most_jobs at a time.
in_parallel() {
  local call=$1 job started=0 done_count=0
  shift
  for job in "$@"; do
    while ((started - done_count >= most_jobs)); do
      wait -n || true
      ((++done_count))
    done
    "$call" "$job" &
    ((++started))
  done
  wait
}

# --- arguments --------------------------------------------------------------------------------------------------------

read_list
include=$source_dir/include
chosen=()
case ${1:-} in
  -h | --help) usage; exit ;;
  --list)
    for name in "${names[@]}"; do
      path=$(target_of "$name") || exit
      printf '%-36s %-22s %s\n' "$name" "$path" "${why[$name]}"
    done
    exit ;;
  --check)
    (($# == 1)) || die "--check takes no names"
    wrong=0
    for name in "${names[@]}"; do
      (target_of "$name" >/dev/null && for test in ${tests[$name]}; do source_of "$test" >/dev/null || exit; done) ||
        ((++wrong))
    done
    ((wrong == 0)) || die "$wrong of ${#names[@]} mutants do not apply"
    printf '%d mutants apply\n' "${#names[@]}"
    exit ;;
  --quick)
    (($# == 1)) || die "--quick takes no names"
    for name in "${names[@]}"; do [[ ${quick[$name]} != yes ]] || chosen+=("$name"); done
    ((${#chosen[@]} > 0)) || die "no mutant says 'quick yes'" ;;
  -*) usage >&2; die "there is no option '$1'" ;;
  '') chosen=("${names[@]}") ;;
  *)
    for name in "$@"; do
      [[ -n ${known[$name]:-} ]] || die "there is no mutant '$name'; --list names all"
      chosen+=("$name")
    done ;;
esac
command -v "$compiler" >/dev/null || die "there is no compiler '$compiler'; set CXX"

set -m
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
temporary=$(mktemp -d)
# Headers that somebody edits meanwhile do not matter.
include=$temporary/include
cp -R -- "$source_dir/include" "$include"

# Every chosen mutant must apply before anything is built.
for name in "${chosen[@]}"; do
  target_of "$name" >/dev/null
  for test in ${tests[$name]}; do source_of "$test" >/dev/null; done
done

# --- work -------------------------------------------------------------------------------------------------------------

# In the background like everything else, so that Ctrl-C is heeded at once.
build_prefix
in_parallel build_part support/main support/isa
for part in main isa; do
  [[ -s $temporary/$part.o ]] || die "tests/*/$part.cpp does not compile without any mistake"
done

# Each test with each set of flags, once.
declare -A seen=()
baselines=()
for name in "${chosen[@]}"; do
  for test in ${tests[$name]}; do
    key="$test|${flags[$name]}"
    [[ -n ${seen[$key]:-} ]] || baselines+=("$key")
    seen[$key]=yes
  done
done
numbered_baseline() { baseline "baseline-$1" "${baselines[$1]%%|*}" "${baselines[$1]#*|}"; }
in_parallel numbered_baseline "${!baselines[@]}"
for i in "${!baselines[@]}"; do
  cat -- "$temporary/baseline-$i/result" 2>/dev/null || die "${baselines[$i]}: no result"
  [[ $(<"$temporary/baseline-$i/result") == passes* ]] || die "the tests must pass before mutants can be judged"
done

in_parallel examine "${chosen[@]}"
killed=0 survived=0 errors=0
for name in "${chosen[@]}"; do
  result=$temporary/$name/result
  if [[ ! -s $result ]]; then
    printf 'ERROR     %s: no result\n' "$name"
    ((++errors))
    continue
  fi
  case $(<"$result") in
    killed*) ((++killed)) ;;
    SURVIVED*) ((++survived)) ;;
    *) ((++errors)) ;;
  esac
done
printf '%d mutants: %d killed, %d survived, %d errors\n' "${#chosen[@]}" "$killed" "$survived" "$errors"
((killed + survived + errors == ${#chosen[@]})) || die "the numbers do not add up"
((errors == 0)) || exit 2
((survived == 0)) || exit 1
