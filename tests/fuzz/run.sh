#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzzes every target from the committed corpus, with AddressSanitizer and UndefinedBehaviorSanitizer, and prints what
# was done. Fails on any finding, and if fewer inputs ran than were asked for.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash tests/fuzz/run.sh [runs] [target...]
  runs      executions of each target, by default 10000000
  target    safetensors, speech, shift, stream, isa (x86-64 alone), wav; by default all, one after the other
Builds and inputs go to the folder TSHIFT_FUZZ_DIR, by default build-fuzz in the repository. The inputs found stay there,
and the next run goes on from them. TSHIFT_FUZZ_FLAGS: more flags for the compiler (-mavx2 -mfma).
Needs clang and its runtime: in Debian and Ubuntu the packages clang, libclang-rt-dev, libxsimd-dev, nlohmann-json3-dev,
and for wav libsndfile1-dev and libeigen3-dev.
TEXT
}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source_dir=${here%/tests/fuzz}
me=fuzz
source "$source_dir/cmake/tools/say.sh"

[[ ${1-} == -h || ${1-} == --help ]] && usage && exit
runs=${1:-10000000}
[[ $runs =~ ^[1-9][0-9]{0,11}$ ]] || { usage >&2; die "runs must be a number, not '$runs'"; }
targets=("${@:2}")
((${#targets[@]} > 0)) || targets=(safetensors speech shift stream isa wav)

work=${TSHIFT_FUZZ_DIR:-$source_dir/build-fuzz}
clang=${CXX:-clang++}
command -v "$clang" >/dev/null || die "no $clang: install clang and libclang-rt-dev, or name another in CXX"
read -ra more <<<"${TSHIFT_FUZZ_FLAGS-}"
mkdir -p "$work"

declare -A longest=([safetensors]=1024 [speech]=64 [shift]=160 [stream]=96 [isa]=160 [wav]=1024)  # bytes of an input

# compile <arguments...>: with the sanitizers and, unless it is told otherwise, with coverage.
compile() {
  "$clang" -std=c++20 -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DTSHIFT_STREAMING_BYTES=1024 \
    "${more[@]}" -I"$source_dir/include" "$@"
}

# build <target>
build() {
  local name parts=()
  case $1 in
    isa)
      local -A flags=([avx2]='-mavx2 -mfma' [avx512]='-mavx512f -mavx512cd -mavx512dq -mavx512bw')
      for name in baseline avx2 avx512; do
        # shellcheck disable=SC2086  # several flags
        compile -fsanitize=fuzzer-no-link -march=x86-64 ${flags[$name]-} -DFUZZ_UNIT="$name" -c "$here/isa_unit.cpp" \
          -o "$work/isa.$name.o"
        parts+=("$work/isa.$name.o")
      done
      compile -fsanitize=fuzzer "$here/isa_fuzz.cpp" "${parts[@]}" -o "$work/isa"
      ;;
    wav)
      # Eigen's transforms are half of the time and need no coverage.
      for name in log_mel ways; do
        compile -D_GLIBCXX_ASSERTIONS -isystem /usr/include/eigen3 -c "$source_dir/examples/demo/$name.cpp" \
          -o "$work/wav.$name.o"
        parts+=("$work/wav.$name.o")
      done
      compile -D_GLIBCXX_ASSERTIONS -fsanitize=fuzzer "$here/wav_fuzz.cpp" "$source_dir/examples/demo/wav.cpp" \
        "${parts[@]}" -lsndfile -o "$work/wav"
      ;;
    *) compile -fsanitize=fuzzer "$here/$1_fuzz.cpp" -o "$work/$1" ;;
  esac
}

# unpack <corpus folder> <to>: each line of hexadecimal digits becomes a file. Sets committed to their number.
unpack() {
  local line digits count=0
  mkdir -p "$2"
  while read -r line; do
    digits=${line%%[ #]*}
    [[ -n $digits ]] || continue
    ((count += 1))
    # shellcheck disable=SC2001  # two characters at a time: a pattern of the shell has no way to refer to the match
    printf '%b' "$(sed 's/../\\x&/g' <<<"$digits")" >"$2/committed-$count"
  done < <(cat -- "$1"/*.txt)
  ((count > 0)) || die "$1 has no inputs"
  committed=$count
}

failed=0
for target in "${targets[@]}"; do
  [[ -n ${longest[$target]-} ]] || die "no target $target"
  [[ $target != isa || $(uname -m) == x86_64 ]] || die 'isa: only x86-64 has the instruction sets of this target'
  build "$target"
  inputs=$work/corpus-$target
  rm -f -- "$inputs"/committed-*
  unpack "$here/corpus/$target" "$inputs"
  log=$work/$target.log
  status=0
  # What libsndfile and libmpg123 print themselves would fill the disk.
  ASAN_OPTIONS=malloc_context_size=0:quarantine_size_mb=8 "$work/$target" "$inputs" -runs="$runs" \
    -max_len="${longest[$target]}" -len_control=0 -entropic=0 -timeout=10 -malloc_limit_mb=64 -reload=0 \
    -print_final_stats=1 -artifact_prefix="$work/$target-" 2>&1 >/dev/null |
    grep -av -e src/libmpg123 -e '^$' >"$log" || status=${PIPESTATUS[0]}
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  seconds=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log")
  read_first=$(sed -n 's/^#\([0-9]*\)[[:space:]]*INITED .*/\1/p' "$log" | head -n 1)
  first=$(sed -n 's/^#[0-9]*[[:space:]]*INITED cov: \([0-9]*\) .*/\1/p' "$log" | head -n 1)
  last=$(grep -aEo 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1) || last='no coverage'
  points=$(sed -n 's/.*Loaded 1 PC tables (\([0-9]*\) PCs).*/\1/p' "$log" | head -n 1)
  findings=$(find "$work" -maxdepth 1 -name "$target-*" -newer "$work/$target" -type f | wc -l)
  say "$target: ${executed:-0} executions in ${seconds:-?} s, $last of ${points:-?} points (${first:-0} at the start)," \
    "findings: $findings"
  if [[ $target == isa ]]; then say "isa: $(grep -ac '^unit: ' "$log") instruction sets"; fi
  if ((status != 0 || findings > 0)); then
    grep -E 'what\(\)|ERROR|runtime error|SUMMARY' "$log" || tail -n 20 "$log"
    say "$target: stopped with status $status; the whole report is in $log"
    failed=1
  elif ((${read_first:-0} < committed)); then
    say "$target: began with ${read_first:-0} inputs, and $committed are committed"
    failed=1
  elif ((${executed:-0} < runs)); then
    say "$target: fewer executions than the $runs asked for"
    failed=1
  fi
done
exit "$failed"
