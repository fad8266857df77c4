#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# C++23 with g++, clang 14 (the whole suite, undefined behaviour traps) and 19; std::mdspan; -Weverything
# packages: clang-14 clang-19 libomp-dev
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

for tool in g++ clang++-14 clang++-19; do
  command -v "$tool" >/dev/null || die "there is no $tool: install ${tool/clang++/clang} (Debian)"
done

cpp_23

# compiler <name> <program> <targets...>: builds targets. The warnings that users have, in every header alone and with all
# others in one program, with and without exceptions and RTTI; and beside the user's macros.
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror'
compiler() {
  local folder=$build_dir/$1
  configure "$folder" "$2" "-O1 -fsanitize=undefined $3 $warnings"
  make_targets "$folder" tshift_header_test tshift_no_exceptions "${@:4}"
  in_cpp_23 "$folder" tshift_header_test
  (cd -- "$folder" && quietly "$folder.more.log" ctest --output-on-failure --no-tests=error \
    -R '^compile\.(headers|no_exceptions_.*|hostile_macros)$')
  for case in headers no_exceptions_default hostile_macros; do
    grep -q "compile[.]$case [. ]*Passed" "$folder.more.log" || die "$1: compile.$case did not run"
  done
}

# Debian 12 has std::mdspan in libc++ 19 alone, which cannot be installed beside OpenMP.
mdspan=$build_dir/mdspan.log
quietly "$mdspan" bash "$source_dir/tests/interop/mdspan.sh" --fetch "$build_dir/mdspan"
say "$(grep 'cases with std::mdspan$' "$mdspan" || die "$mdspan does not say that std::mdspan was used")"

# With g++ the legs asan and coverage build the suite, with clang 19 asan-clang does. Here undefined behaviour traps, for
# the baseline, which asan and asan-clang do not build.
compiler gcc g++ -fsanitize-undefined-trap-on-error
compiler clang14 clang++-14 -fsanitize-trap=undefined unit
programs "compilers.clang14" "$build_dir/clang14/tests/unit/baseline" '~"models of full size*"'
openmp_for_clang_19
compiler clang19 clang++-19 -fsanitize-trap=undefined

log=$build_dir/weverything.log
quietly "$log" cmake -D CLANG=clang++-19 -D "SOURCE=$source_dir" -D "SCRATCH=$build_dir" \
  -D "FLAGS_FILE=$build_dir/clang19/tests/compile/flags.cmake" -P "$source_dir/cmake/lint/weverything.cmake"
say 'clang 19, C++20: a unit that instantiates everything, without a warning of -Weverything but those listed'
