#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the tests in C++23 with g++, clang 14 and clang 19, std::mdspan, and no kind of warning that clang 19 knows
# packages: clang-14 clang-19 libomp-dev
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

for tool in g++ clang++-14 clang++-19; do
  command -v "$tool" >/dev/null || die "there is no $tool: install ${tool/clang++/clang} (Debian)"
done

# Debian lets one libomp-dev be installed, and that is clang 14's. Its header and library serve clang 19 as well; the
# folder holds nothing else of clang 14's.
omp=$build_dir/omp
mkdir -p -- "$omp"
header=$(clang++-14 -print-resource-dir)/include/omp.h
library=$(clang++-14 -print-resource-dir)/../../libomp.so
[[ -f $header && -f $library ]] || die "clang 14 has no OpenMP: install libomp-dev (Debian)"
cp -- "$header" "$omp/omp.h"
ln -sfn -- "$(readlink -f -- "$library")" "$omp/libomp.so"

# run.sh test builds in C++20.
printf 'set(CMAKE_CXX_STANDARD 23)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n' >"$build_dir/c++23.cmake"
export CMAKE_TOOLCHAIN_FILE=$build_dir/c++23.cmake

# compiler <name> <program>: the suite; every header in two units of one program; builds without exceptions and RTTI; and
# the user's macros.
cases=0
compiler() {
  local name=$1 program=$2 folder=$build_dir/compilers.$1 passed
  suite "compilers.$name" "$program" '-O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'
  grep -q -- '-std=[a-z+]*2[3b]' "$folder/tests/CMakeFiles/tshift_tests.dir/flags.make" || die "$name: not in C++23"
  quietly "$folder.more.build.log" cmake --build "$folder" -j "$jobs" --target tshift_header_test tshift_no_exceptions
  (cd -- "$folder" && quietly "$folder.more.log" ctest --output-on-failure \
    -R '^compile\.(headers|no_exceptions_.*|hostile_macros)$')
  passed=$(sed -n 's/^100% tests passed, 0 tests failed out of \([0-9]*\)$/\1/p' "$folder.more.log")
  [[ $passed =~ ^[0-9]+$ ]] || die "$name: $folder.more.log does not say that all tests passed"
  cases=$((cases + passed))
}

# Debian 12 has std::mdspan in libc++ 19 alone, which cannot be installed beside OpenMP.
mdspan=$build_dir/mdspan.log
quietly "$mdspan" bash "$source_dir/tests/interop/mdspan.sh" --fetch "$build_dir/mdspan"
covered compilers.mdspan "$(sed -n 's/^interop.mdspan.hpp: \([0-9]*\) cases with std::mdspan$/\1/p' "$mdspan")" \
  'cases with std::mdspan'

compiler gcc g++
compiler clang14 clang++-14
export CPLUS_INCLUDE_PATH=$omp LIBRARY_PATH=$omp
compiler clang19 clang++-19

log=$build_dir/weverything.log
quietly "$log" cmake -D CLANG=clang++-19 -D "SOURCE=$source_dir" -D "SCRATCH=$build_dir" \
  -D "FLAGS_FILE=$build_dir/compilers.clang19/tests/compile/flags.cmake" -P "$source_dir/cmake/lint/weverything.cmake"
say 'clang 19, C++20: five units that instantiate everything, without a warning of -Weverything but those listed'
covered compilers.compile "$cases" 'cases about compiling'
