#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the tests take every branch of the operator and of io/, and reach every line of include/, but for what is argued
# packages: python3
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# A branch is what gcov counts: an edge that some line of the source can be left by, in all units, instantiations and
# copies of lambdas together (tests/coverage/check.py says how); covered if it was taken in any of them. Edges on which
# exceptions leave a call are not counted.
#
# -O0: every condition of the source is a branch of the program. Members that are always inlined are functions like
# others here, or each of their callers would have a copy of their branches. TSHIFT_DEBUG=0: a checked invariant is a
# branch that nothing may ever take.
# What the tests prove at compile time runs here too, or it would not be counted. -ftrapv and checked containers: this is
# the leg in which g++ does not optimise, and neither adds a branch to the headers.
measured=(--coverage -fprofile-abs-path -DTSHIFT_DEBUG=0 -DNDEBUG -Dalways_inline=unused
          -DCATCH_CONFIG_RUNTIME_STATIC_REQUIRE -ftrapv -D_GLIBCXX_ASSERTIONS)
# These once more with streaming from 1 KiB on: around the caches is another way through the same headers.
streaming='^(operator/(shift|shift_add|shift_adjoint|learned_shift)|train/learned_shift)$'
# These not: five minutes for branches that the others take as well.
passed_over='^operator/guarded$'
# Nor these: all small cases, models or layers of full size or twice, and what is large enough for threads.
cases='~[exhaustive]~"models of full size*"~"*in double to 1e-*"~"Models: the same bits*"~"Models of images: the same*"'
cases+='~"Blocks and models: what is large*"~"*large'"'"'s channels*"'
cases+='~"Blocks: the same bits for any number*"'
# filter <name>: what is run of a program. Of these one type is enough; of attention, what PyTorch's cases do not reach.
filter() {
  case $1 in
    base.conformance) printf '%s' "$cases"'~"Every usual mistake*"' ;;
    operator.random) printf '%s' '"*- float",[arch]' ;;
    operator.shift_add) printf '%s' "$cases"'~"*- std::int16_t"~"*- std::uint16_t"~"*- std::int32_t"~"*- std::int64_t"~"*- std::uint64_t"' ;;
    operator.shift_add-streaming) printf '%s' '"*- float",[streaming]' ;;
    train.self_attention | train.speech_layer | train.layer_dropout)
      printf '%s' "$cases"'~"*gradients are slopes*"~"*gated positions*"~"*heads that are wider*"'
      ;;
    *) printf '%s' "$cases" ;;
  esac
}

for tool in g++ gcov python3; do
  command -v "$tool" >/dev/null || die "there is no $tool; install g++ and python3"
done
objects=$build_dir/objects
tree=$build_dir/tree
rm -rf -- "$objects" "$tree"
mkdir -p -- "$objects" "$tree"
# Counts belong to lines: nobody may edit the headers between two units.
cp -R -- "$source_dir/include" "$source_dir/tests" "$tree"
read -r -a options <<<"-std=c++20 -O0 -w -fopenmp -pthread $(pkg-config --cflags eigen3)"
options+=(-I "$tree/include" -I "$tree/tests" "-DTSHIFT_GOLDEN_DIR=\"$tree/tests/golden\"")

# unit <source> <name> [flags...]: a test file as a program of its own, built and run.
unit() {
  local source=$1 program=$objects/$2
  shift 2
  g++ "${options[@]}" "${measured[@]}" "$@" -c "$source" -o "$program.o" &&
    g++ --coverage -fopenmp -pthread "$objects/main.o" "$objects/isa.o" "$program.o" -o "$program" &&
    timeout 400 "$program" --use-colour no "$(filter "$(basename -- "$program")")" && rm -f -- "$program"
}

quietly "$build_dir/main.log" g++ "${options[@]}" -c "$tree/tests/support/main.cpp" -o "$objects/main.o"
quietly "$build_dir/isa.log" g++ "${options[@]}" -c "$tree/tests/support/isa.cpp" -o "$objects/isa.o"

# The longest files first, so that no program is left over at the end.
tests=() names=() flags=()
while read -r test; do
  if [[ $test =~ $passed_over ]]; then continue; fi
  tests+=("$test") names+=("${test/\//.}") flags+=("")
  if [[ $test =~ $streaming ]]; then
    tests+=("$test") names+=("${test/\//.}-streaming") flags+=("-DTSHIFT_STREAMING_BYTES=1024")
  fi
done < <(cd -- "$tree/tests" && ls -S -- */*_test.cpp | sed 's/_test[.]cpp$//')
for wanted in "$streaming" "$passed_over"; do
  (($(test_files | grep -cE "$wanted") > 0)) || die "no test is $wanted"
done

set -m  # a job is a process group, so that an interrupt ends all of it
trap 'for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done' EXIT
for i in "${!names[@]}"; do
  room
  # shellcheck disable=SC2086  # no flag or one
  { unit "$tree/tests/${tests[i]}_test.cpp" "${names[i]}" ${flags[i]} || printf 'ends with status %d\n' $?; } \
    >"$objects/${names[i]}.log" 2>&1 &
done
wait
logs=("${names[@]/#/$objects/}")
passed "$leg" "${logs[@]/%/.log}"

TSHIFT_JOBS=$jobs quietly "$build_dir/figures" python3 "$source_dir/tests/coverage/check.py" "$objects" "$tree" \
  "$tree/tests/coverage/argued.txt"
say "$(tail -n 1 "$build_dir/figures")"
