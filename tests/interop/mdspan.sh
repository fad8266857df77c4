#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tests/interop/mdspan_test.cpp with the standard library's mdspan: with the first compiler here that has one. The
# unit tests, built as C++20, run it with a stand-in.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash tests/interop/mdspan.sh [--fetch] [BUILD]
  BUILD    folder to build in (build/mdspan)
  --fetch  downloads Debian's libc++ 19 and unpacks it into BUILD, for an installed clang++-19. Installing it would
           remove other packages on Debian 12
Tries $CXX, g++-15 and newer, and clang++-18 and newer with libc++. Ends with 77 if none of them has std::mdspan.
TEXT
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
me=mdspan.sh
source "$source_dir/cmake/tools/say.sh"
build_dir=$source_dir/build/mdspan
fetch=no
for argument in "$@"; do
  case $argument in
    --fetch) fetch=yes ;;
    -h | --help) usage; exit ;;
    -*) usage >&2; exit 2 ;;
    *) build_dir=$argument ;;
  esac
done
mkdir -p -- "$build_dir"
build_dir=$(cd -- "$build_dir" && pwd -P)
cd -- "$build_dir"

# Compilers with their flags, and the directories where a program finds the library again.
candidates=()
root=$build_dir/libc++/usr/lib
if [[ $fetch == yes ]]; then
  command -v clang++-19 >/dev/null || die "--fetch is for clang++-19: install clang-19"
  [[ -f $root/llvm-19/include/c++/v1/mdspan ]] || {
    apt-get -q download libc++-19-dev libc++1-19 libc++abi-19-dev libc++abi1-19 libunwind-19 libunwind-19-dev
    for package in ./*.deb; do dpkg-deb -x "$package" libc++; done
    rm -f -- ./*.deb
  }
  libraries=$root/llvm-19/lib
  candidates+=("clang++-19 -nostdinc++ -isystem $root/llvm-19/include/c++/v1 -nostdlib++ -L$libraries -lc++ -lc++abi \
-Wl,-rpath,$libraries:$root/$(clang++-19 -print-multiarch 2>/dev/null || gcc -dumpmachine)")
fi
candidates+=("${CXX:-c++}")
for version in 18 17 16 15; do candidates+=("g++-$version"); done
for version in 23 22 21 20 19 18; do candidates+=("clang++-$version -stdlib=libc++"); done
candidates+=("clang++ -stdlib=libc++")

flags=(-std=c++23 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror -DTSHIFT_DEBUG=1
       -Wno-unused-command-line-argument -I "$source_dir/include" -I "$source_dir/tests")
read -r -a xsimd <<<"$(pkg-config --cflags xsimd 2>/dev/null || true)"
printf '#include <version>\n#if !defined(__cpp_lib_mdspan)\n#error none\n#endif\n' >has_mdspan.cpp
chosen=()
for candidate in "${candidates[@]}"; do
  read -r -a compiler <<<"$candidate"
  if command -v "${compiler[0]}" >/dev/null && "${compiler[@]}" -std=c++23 -fsyntax-only has_mdspan.cpp 2>/dev/null; then
    chosen=("${compiler[@]}")
    break
  fi
done
if ((${#chosen[@]} == 0)); then
  printf 'SKIPPED: no compiler here has std::mdspan (g++ 15, or clang 18 with libc++); --fetch downloads one.\n'
  exit 77
fi
printf 'mdspan.sh: %s\n' "${chosen[*]}"
# Catch2 3 is a library, built with another standard library than libc++.
printf '#include <catch2/catch.hpp>\n' >has_catch.cpp
if ! "${chosen[@]}" -std=c++23 -fsyntax-only has_catch.cpp 2>/dev/null; then
  printf 'SKIPPED: this needs the header of Catch2 version 2, catch2/catch.hpp.\n'
  exit 77
fi
timeout 600 "${chosen[@]}" "${flags[@]}" "${xsimd[@]}" "$source_dir/tests/support/main.cpp" \
  "$source_dir/tests/support/isa.cpp" "$source_dir/tests/interop/mdspan_test.cpp" -o mdspan_test ||
  die "the tests do not compile"
timeout 60 ./mdspan_test | tee mdspan_test.log
grep -q ' cases with std::mdspan$' mdspan_test.log || die "the tests ran with something else than std::mdspan"
