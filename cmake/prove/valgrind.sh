#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The guarded-buffer tests under Valgrind, baseline and AVX2, and those of the safetensors reader: no error, no leak.
# packages: valgrind
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
command -v valgrind >/dev/null || die "there is no valgrind: install the package valgrind"

# Valgrind 3.19 does not know AVX-512. -O1 keeps its messages readable; no sanitizer, which would be in its way.
compile() { g++ -std=c++20 -O1 -g1 -I "$source_dir/include" -I "$source_dir/tests" "$@"; }
avx2=(-mavx2 -mfma -DTSHIFT_STREAMING_BYTES=1024)
# Not inlined, so that Valgrind replaces both operator new and operator delete of the tests by its own, or neither.
quietly "$build_dir/main.log" compile -O0 -fno-inline -c "$source_dir/tests/support/main.cpp" -o "$build_dir/main.o"

# memcheck <name> <test> <filter> [flags...]: builds tests/<test>_test.cpp and runs it.
memcheck() {
  local name=$1 program=$build_dir/$1
  compile "${@:4}" "$source_dir/tests/$2_test.cpp" "$source_dir/tests/support/isa.cpp" "$build_dir/main.o" \
    -o "$program" || return 1
  valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,possible "$program" "$3"
}

# What valgrind has to say about memory that no guard page says: reads of what was never written, and leaks. So what
# stands at closed pages goes through here, and the one reader of other people's bytes; for everything else a run takes
# minutes. Streaming begins at 1 KiB in the AVX2 program; at megabytes in the other, where they would take minutes here.
names=(baseline avx2 safetensors)
one() {
  case $1 in
    baseline) memcheck baseline operator/guarded '[guarded]~[streaming]' ;;
    avx2) memcheck avx2 operator/guarded '[guarded]' "${avx2[@]}" ;;
    safetensors) memcheck safetensors io/safetensors '[safetensors]' ;;
  esac
}
for name in "${names[@]}"; do
  room
  { one "$name" || printf 'ends with status %d\n' $?; } >"$build_dir/$name.log" 2>&1 &
done
wait
for name in "${names[@]}"; do passed "valgrind.$name" "$build_dir/$name.log"; done

# What Catch2 counts is few: every test case of [guarded] asserts over a loop. Its cases are counted by themselves.
cases=$(cat "$build_dir/baseline.log" "$build_dir/avx2.log" |
  sed -n 's/^at closed pages, .*: \([0-9]*\) cases$/\1/p' | awk '{ sum += $1 } END { print sum + 0 }')
covered valgrind "$cases" 'cases at closed pages'
