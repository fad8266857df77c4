# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Test programs for other machines, for legs of run.sh prove. Without CMake, because the library and the package configs
# of Debian's Catch2 are this machine's; the headers are every machine's.

: "${build_dir:?set by common.sh}" "${source_dir:?}" "${jobs:?}" "${leg:?}"

# needs <program> <Debian package>
needs() { command -v "$1" >/dev/null || die "$1 is missing: install $2"; }

# What depends on no machine, without the rest of /usr/include.
headers=$build_dir/headers
mkdir -p -- "$headers"
for name in xsimd:libxsimd-dev catch2:catch2 nlohmann:nlohmann-json3-dev; do
  [[ -d /usr/include/${name%:*} ]] || die "/usr/include/${name%:*} is missing: install ${name#*:}"
  ln -sfn "/usr/include/${name%:*}" "$headers/${name%:*}"
done

# compile_one <object> <source> <compiler and flags...>: leaves no object where it fails.
compile_one() {
  rm -f -- "$1"
  "${@:3}" -c "$2" -o "$1" >"$1.log" 2>&1 || {
    rm -f -- "$1"
    printf '%s does not compile:\n' "$2" >&2
    head -n 20 -- "$1.log" >&2
  }
}

program=tests

# build <machine> <compiler and flags> <flags for linking> <tests, as test_files prints them>...: builds the program
# $build_dir/<machine>/$program. The library's own headers must come through without a warning.
build() {
  local machine=$1 folder=$build_dir/$1 compiler=() link=() flags=() objects=() tests=("${@:4}") source object level
  read -ra compiler <<<"$2"
  read -ra link <<<"$3"
  flags=(-std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -DTSHIFT_DEBUG=1 -isystem "$headers"
    -I "$source_dir/include" -I "$source_dir/tests" "-DTSHIFT_GOLDEN_DIR=\"$source_dir/tests/golden\"")
  mkdir -p -- "$folder"
  for source in support/main support/isa "${tests[@]/%/_test}"; do
    object=$folder/${source//\//.}.o
    objects+=("$object")
    level=-O1
    if [[ $source == support/main ]]; then level=-O0; fi # all of Catch2, which spends no time worth speaking of
    room
    compile_one "$object" "$source_dir/tests/$source.cpp" "${compiler[@]}" "$level" "${flags[@]}" &
  done
  wait
  for object in "${objects[@]}"; do
    [[ -f $object ]] || die "$machine: the compiler's whole output is in $object.log"
  done
  if grep -h 'include/tshift/.*warning:' "${objects[@]/%/.log}" >&2; then
    die "$machine: the library's headers compile with warnings"
  fi
  quietly "$folder/link.log" "${compiler[@]}" "${link[@]}" "${objects[@]}" -o "$folder/$program"
}

# run_tests <machine> <what runs its programs, or env> [tests]: every test, or those that Catch2 selects.
run_tests() {
  quietly "$build_dir/$1/tests.log" timeout 600 "$2" "$build_dir/$1/$program" --use-colour no "${@:3}"
  passed "$leg.$1" "$build_dir/$1/tests.log"
}
