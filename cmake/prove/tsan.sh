#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Executors, plans, inputs and every model shared by threads, under ThreadSanitizer.
# packages: pkgconf
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# Only what starts threads. OpenMP's runtime stays out: GCC's is not built for ThreadSanitizer, which then reports races
# that are none. Its adapter is one loop over the parts that the other executors run.
read -r -a flags <<<"-std=c++20 -O1 -g1 -fsanitize=thread -Wno-tsan -fopenmp $(pkg-config --cflags eigen3)"
sources=(support/main support/isa operator/executor_test models/models_test)
objects=() running=()
for file in "${sources[@]}"; do
  object=$build_dir/${file##*/}.o
  objects+=("$object")
  g++ "${flags[@]}" -I "$source_dir/include" -I "$source_dir/tests" -c "$source_dir/tests/$file.cpp" -o "$object" \
    >"$object.log" 2>&1 &
  running+=($!)
done
for i in "${!running[@]}"; do
  wait "${running[i]}" || {
    cat -- "${objects[i]}.log" >&2
    die "${sources[i]}.cpp does not compile"
  }
done
quietly "$build_dir/link.log" g++ "${flags[@]}" "${objects[@]}" -o "$build_dir/threads"

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

quietly "$build_dir/threads.log" "$build_dir/threads" '[executor]~[openmp],[models]'
passed tsan "$build_dir/threads.log"
