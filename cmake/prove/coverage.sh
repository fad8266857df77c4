#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the tests take every branch of the operator and of io/, and reach every line of include/, but for what is argued
# packages: gcovr python3
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# A branch is what gcovr counts: an edge that some line of the source can be left by, in all units and instantiations
# together; covered if it was taken in any of them. Edges on which exceptions leave a call are not counted.
#
# -O0: every condition of the source is a branch of the program. Members that are always inlined are functions like
# others here, or each of their callers would have a copy of their branches. TSHIFT_DEBUG=0: a checked invariant is a
# branch that nothing may ever take.
# What the tests prove at compile time runs here too, or it would not be counted.
measured=(--coverage -fprofile-abs-path -DTSHIFT_DEBUG=0 -DNDEBUG -Dalways_inline=unused
          -DCATCH_CONFIG_RUNTIME_STATIC_REQUIRE)
# These once more with streaming from 1 KiB on: around the caches is another way through the same headers.
streaming=(shift shift_add adjoint conformance)
# These not: five minutes each for branches that the others take as well.
passed_over=(guarded random)

for tool in g++ gcov gcovr python3; do
  command -v "$tool" >/dev/null || die "there is no $tool; install g++, gcovr and python3"
done
objects=$build_dir/objects
tree=$build_dir/tree
rm -rf -- "$objects" "$tree"
mkdir -p -- "$objects" "$tree"
# Counts belong to lines: nobody may edit the headers between two units.
cp -R -- "$source_dir/include" "$source_dir/tests" "$tree"
read -r -a options <<<"-std=c++20 -O0 -w -fopenmp -pthread $(pkg-config --cflags eigen3)"
options+=(-I "$tree/include" -I "$tree/tests" "-DTSHIFT_GOLDEN_DIR=\"$tree/tests/golden\"")

# unit <source> <name> [flags...]: a test file as a program of its own, built and run. Without the tests of all small
# cases and the models of full size: minutes at -O0, for branches that the others take as well.
unit() {
  local source=$1 program=$objects/$2
  shift 2
  g++ "${options[@]}" "${measured[@]}" "$@" -c "$source" -o "$program.o" &&
    g++ --coverage -fopenmp -pthread "$objects/main.o" "$objects/isa.o" "$program.o" -o "$program" &&
    timeout 400 "$program" '~[exhaustive]~"models of full size*"' && rm -f -- "$program"
}

quietly "$build_dir/main.log" g++ "${options[@]}" -c "$tree/tests/support/main.cpp" -o "$objects/main.o"
quietly "$build_dir/isa.log" g++ "${options[@]}" -c "$tree/tests/support/isa.cpp" -o "$objects/isa.o"

names=()
flags=()
# The longest files first, so that no program is left over at the end.
mapfile -t sources < <(cd -- "$tree/tests" && ls -S unit/*_test.cpp golden/*_test.cpp)
for source in "${sources[@]}"; do
  name=$(basename -- "$source" _test.cpp)
  if [[ " ${passed_over[*]} " == *" $name "* ]]; then continue; fi
  names+=("$source $name")
  flags+=("")
  if [[ " ${streaming[*]} " == *" $name "* ]]; then
    names+=("$source $name-streaming")
    flags+=("-DTSHIFT_STREAMING_BYTES=1024")
  fi
done

set -m  # a job is a process group, so that an interrupt ends all of it
trap 'for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done' EXIT
running=0
for i in "${!names[@]}"; do
  while ((running >= jobs)); do
    wait -n || true
    ((--running)) || true
  done
  read -r source name <<<"${names[$i]}"
  # shellcheck disable=SC2086  # no flag or one
  (unit "$tree/tests/$source" "$name" ${flags[$i]} >"$objects/$name.log" 2>&1 && touch "$objects/$name.passed") &
  ((++running))
done
wait
for name in "${names[@]}"; do
  name=${name#* }
  [[ -f $objects/$name.passed ]] || {
    tail -n 40 -- "$objects/$name.log" >&2
    die "$name does not compile or does not pass: $objects/$name.log"
  }
done
say "${#names[@]} programs of tests built and run"

quietly "$build_dir/gcovr.log" gcovr --root "$tree" --filter "$tree/include/" \
  --json "$build_dir/coverage.json" -j "$jobs" "$objects"
python3 "$source_dir/tests/coverage/check.py" "$build_dir/coverage.json" "$tree" \
  "$tree/tests/coverage/argued.txt" >"$build_dir/figures" || die "gaps that tests/coverage/argued.txt does not argue"
figure() { awk -v name="$1" -v place="$2" '$1 == name { print $place }' "$build_dir/figures"; }
say "operator and io: $(figure operator 2) of $(figure operator 3) branches; nn and models: $(figure models 2) of" \
  "$(figure models 3); $(figure argued 2) lines argued"
covered coverage.lines "$(figure lines 2)" "of $(figure lines 3) lines of include/ reached"
covered coverage.branches "$(figure branches 2)" "of $(figure all-branches 2) branches of include/ taken"
