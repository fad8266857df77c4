#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Executors, plans, inputs and every model shared by threads, under ThreadSanitizer.
# packages: pkgconf
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# Only what starts threads. OpenMP's runtime stays out: GCC's is not built for ThreadSanitizer, which then reports races
# that are none. Its adapter is one loop over the parts that the other executors run.
mapfile -t tests < <(test_files | while read -r test; do
  if grep -q '#include <thread>\|support/thread_executor[.]hpp"' "$source_dir/tests/${test}_test.cpp"; then
    printf '%s\n' "$test"
  fi
done)
((${#tests[@]} > 0)) || die 'no test includes <thread> or support/thread_executor.hpp'
read -r -a flags <<<"-std=c++20 -O1 -g1 -fsanitize=thread -Wno-tsan -fopenmp $(pkg-config --cflags eigen3)"
flags+=(-I "$source_dir/include" -I "$source_dir/tests" "-DTSHIFT_GOLDEN_DIR=\"$source_dir/tests/golden\"")
objects=() sources=(support/main support/isa "${tests[@]/%/_test}")
for file in "${sources[@]}"; do
  object=$build_dir/${file/\//.}.o
  objects+=("$object")
  rm -f -- "$object"
  room
  g++ "${flags[@]}" -c "$source_dir/tests/$file.cpp" -o "$object" >"$object.log" 2>&1 &
done
wait
for i in "${!objects[@]}"; do
  [[ -f ${objects[i]} ]] || {
    cat -- "${objects[i]}.log" >&2
    die "${sources[i]}.cpp does not compile"
  }
done

# A race on purpose first: a sanitizer that finds nothing must be known to look.
cat >"$build_dir/race.cpp" <<'CODE'
#include <thread>
int main() {
  int shared = 0;
  std::thread other([&] { ++shared; });
  ++shared;
  other.join();
  return shared - 2;
}
CODE
quietly "$build_dir/race.build.log" g++ "${flags[@]}" "$build_dir/race.cpp" -o "$build_dir/race"
if "$build_dir/race" >"$build_dir/race.log" 2>&1 || ! grep -q 'data race' "$build_dir/race.log"; then
  die "ThreadSanitizer does not find a race that is there: $build_dir/race.log"
fi

for i in "${!tests[@]}"; do
  program=$build_dir/${tests[i]/\//.}
  quietly "$program.link.log" g++ "${flags[@]}" "${objects[0]}" "${objects[1]}" "${objects[i + 2]}" -o "$program"
  room
  { "$program" --use-colour no '~[openmp]' || printf 'ends with status %d\n' $?; } \
    >"$program.log" 2>&1 &
done
wait
logs=("${tests[@]//\//.}")
logs=("${logs[@]/#/$build_dir/}")
passed tsan "${logs[@]/%/.log}"
