#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the suite in C++23 with g++, clang 14 and 19, trapping overflow and checked containers; std::mdspan; -Weverything
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

# compiler <name> <program>: the suite, without the models of full size; every header alone and with all others in one program;
# builds without exceptions and RTTI; and the user's macros. One build proves several things: the compiler, the
# standard, that nothing overflows (clang's -ftrapv traps at every signed operation; g++'s only at those that become a
# call of libgcc) and that no container is misused. g++ without optimisation is in the leg coverage.
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror'
compiler() {
  local name=$1 program=$2 folder=$build_dir/$1
  configure "$folder" "$program" "-O1 -ftrapv -D_GLIBCXX_ASSERTIONS $warnings"
  make_targets "$folder" unit tshift_header_test tshift_no_exceptions
  grep -q -- '-std=[a-z+]*2[3b]' "$folder/tests/CMakeFiles/unit.operator.shift.dir/flags.make" ||
    die "$name: not in C++23"
  programs "compilers.$name" "$folder/tests/unit/baseline" '~"models of full size*"'
  (cd -- "$folder" && quietly "$folder.more.log" ctest --output-on-failure --no-tests=error \
    -R '^compile\.(headers|no_exceptions_.*|hostile_macros)$')
  for case in headers no_exceptions_default hostile_macros; do
    grep -q "compile[.]$case [. ]*Passed" "$folder.more.log" || die "$name: compile.$case did not run"
  done
}

# Debian 12 has std::mdspan in libc++ 19 alone, which cannot be installed beside OpenMP.
mdspan=$build_dir/mdspan.log
quietly "$mdspan" bash "$source_dir/tests/interop/mdspan.sh" --fetch "$build_dir/mdspan"
say "$(grep 'cases with std::mdspan$' "$mdspan" || die "$mdspan does not say that std::mdspan was used")"

compiler gcc g++
compiler clang14 clang++-14
export CPLUS_INCLUDE_PATH=$omp LIBRARY_PATH=$omp
compiler clang19 clang++-19

log=$build_dir/weverything.log
quietly "$log" cmake -D CLANG=clang++-19 -D "SOURCE=$source_dir" -D "SCRATCH=$build_dir" \
  -D "FLAGS_FILE=$build_dir/clang19/tests/compile/flags.cmake" -P "$source_dir/cmake/lint/weverything.cmake"
say 'clang 19, C++20: five units that instantiate everything, without a warning of -Weverything but those listed'
