#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a header costs: the processor time to compile a unit that includes nothing else, less that of an empty unit, and
# the size of the object. Every public header, xsimd alone, and units that call something once, with every compiler.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash benchmarks/build_cost.sh [options] [header...]
  --compilers "A B"   which to use ("g++ clang++")
  --flags "FLAGS"     how to compile ("-std=c++20 -O2 -DNDEBUG")
  --rounds N          compilations of each unit with each compiler; medians count (5)
  --record FILE       writes the table into FILE, between its markers; default: to standard output
  header...           relative to include/ (all public ones but interop/torch*, which needs PyTorch)
The exit status is 1 if the umbrella header costs more than 0.3 s over xsimd alone with any compiler.
TEXT
}

fatal() {
  printf 'build_cost.sh: %s\n' "$*" >&2
  exit 2
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
compilers=(g++ clang++)
flags=(-std=c++20 -O2 -DNDEBUG)
rounds=5
record=
headers=()
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit ;;
    --compilers | --flags | --rounds | --record)
      (($# > 1)) || fatal "$1 needs something after it"
      case $1 in
        --compilers) read -ra compilers <<<"$2" ;;
        --flags) read -ra flags <<<"$2" ;;
        --rounds) rounds=$2 ;;
        --record) record=$2 ;;
      esac
      shift ;;
    -*) usage >&2; exit 2 ;;
    *) headers+=("$1") ;;
  esac
  shift
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || fatal "--rounds must be a number from 1 on, not '$rounds'"
[[ -z $record || -w $record ]] || fatal "cannot write $record"
if [[ -n $record ]]; then record=$(realpath -- "$record"); fi
for compiler in "${compilers[@]}"; do
  command -v "$compiler" >/dev/null || fatal "there is no $compiler (Debian: g++, clang)"
done

cd -- "$source_dir/include"
chosen=("${headers[@]}")
if ((${#headers[@]} == 0)); then
  mapfile -t headers < <(find tshift -name '*.hpp' ! -path '*/kernel/*' ! -path '*/macros/*' \
    ! -path 'tshift/interop/torch*' ! -path tshift/tshift.hpp | LC_ALL=C sort)
  # The headers that answer the question first.
  headers=(tshift/tshift.hpp "${headers[@]}")
fi
for header in "${headers[@]}"; do
  [[ -f $header ]] || fatal "there is no $header in $PWD"
done

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

empty='(nothing)' simd='xsimd/xsimd.hpp' umbrella=tshift/tshift.hpp
units=("$empty" "$simd" "${headers[@]}")
for i in "${!units[@]}"; do
  # Never an empty unit in the language's sense, which some flags warn about.
  if ((i == 0)); then echo 'int unit;'; else printf '#include <%s>\nint unit;\n' "${units[i]}"; fi >"$work/$i.cpp"
done

# One call each: what it is, the header, and the function's body, in which x, r, y and plan are there.
if ((${#chosen[@]} == 0)); then
  calls=(
    'shift|tshift/shift.hpp|tshift::shift(x, y, plan);'
    'shift_inplace|tshift/shift_inplace.hpp|tshift::shift_inplace(y, plan);'
    'shift_add|tshift/shift_add.hpp|tshift::shift_add(x, x, y, plan);'
    'shift_adjoint|tshift/shift_adjoint.hpp|tshift::shift_adjoint(x, y, plan);'
    'shift_stream|tshift/stream.hpp|tshift::shift_stream<float> stream(plan, x.shape); stream.push(x, y);'
    'linear|tshift/nn/linear.hpp|get<tshift::nn::linear<float>>(block).forward(x, y);'
    'lstm|tshift/nn/lstm.hpp|get<tshift::nn::lstm<float>>(block).forward(x, y, {});'
    'self_attention|tshift/nn/self_attention.hpp|get<tshift::nn::self_attention<float>>(block).forward(x, y, {});'
    'shift_cnn|tshift/models/shift_cnn.hpp|get<tshift::models::shift_cnn<float>>(block).forward(x, y, {});'
    'safetensors::open|tshift/io/safetensors.hpp|tshift::io::safetensors::open("file").state_dict();'
  )
  for call in "${calls[@]}"; do
    IFS='|' read -r name header body <<<"$call"
    i=${#units[@]}
    units+=("$name(...)")
    cat >"$work/$i.cpp" <<TEXT
#include <$header>
#include <tshift/plan.hpp>
#include <tshift/view.hpp>
template <class Block>
Block const& get(void const* block) {
  return *static_cast<Block const*>(block);
}
void f(tshift::tensor_view<float const> x, tshift::tensor_view<float> y, tshift::shift_plan const& plan,
       void const* block);
void f([[maybe_unused]] tshift::tensor_view<float const> x, [[maybe_unused]] tshift::tensor_view<float> y,
       [[maybe_unused]] tshift::shift_plan const& plan, [[maybe_unused]] void const* block) {
  $body
}
TEXT
  done
fi

# Eigen lies in a folder of its own.
paths=(-I .)
if [[ -d /usr/include/eigen3 ]]; then paths+=(-isystem /usr/include/eigen3); fi
# once <compiler> <index>: nanoseconds of processor time, which other programs disturb less than the clock on the wall.
TIMEFORMAT='%3U %3S'
once() {
  local extra=()
  # OpenMP's header asks for its flag.
  if [[ ${units[$2]} == *openmp* ]]; then extra=(-fopenmp); fi
  { time "$1" "${flags[@]}" "${extra[@]}" "${paths[@]}" -MD -MF "$work/$2.d" -c "$work/$2.cpp" -o "$work/$2.o" \
    2>"$work/log"; } 2>"$work/time" || {
    cat -- "$work/log" >&2
    return 1
  }
  awk '{printf "%.0f\n", ($1 + $2) * 1e9}' "$work/time"
}

median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : int((v[NR / 2] + v[NR / 2 + 1]) / 2)}'; }

declare -A cost size with_simd
# A line that is written over, on a terminal; in a log, one line per round.
progress() {
  if [[ -t 2 ]]; then
    printf '\rbuild_cost.sh: %s, round %d of %d, %d of %d %-60s' \
      "$1" "$2" "$rounds" $(($3 + 1)) ${#units[@]} "${units[$3]}"
  elif (($3 == 0)); then
    printf 'build_cost.sh: %s, round %d of %d, %d units\n' "$1" "$2" "$rounds" ${#units[@]}
  fi >&2
}
for ((round = 1; round <= rounds; ++round)); do
  # Round by round, so that whatever the machine does meanwhile happens to all units.
  for compiler in "${compilers[@]}"; do
    for i in "${!units[@]}"; do
      progress "$compiler" "$round" "$i"
      if ! once "$compiler" "$i" >>"$work/$compiler.$i"; then
        if [[ -t 2 ]]; then printf '\n' >&2; fi
        fatal "$compiler cannot compile the unit of ${units[i]}; its message is above"
      fi
      size["$compiler $i"]=$(stat -c %s "$work/$i.o")
      if grep -q 'xsimd/xsimd\.hpp' "$work/$i.d"; then with_simd[$i]=yes; fi
    done
  done
done
if [[ -t 2 ]]; then printf '\n' >&2; fi
for compiler in "${compilers[@]}"; do
  for i in "${!units[@]}"; do cost["$compiler $i"]=$(median <"$work/$compiler.$i"); done
done

seconds() { awk -v ns="$1" 'BEGIN {printf "%.2f", ns / 1e9}'; }

table() {
  printf -- '- processor: %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
  for compiler in "${compilers[@]}"; do printf -- '- %s: %s\n' "$compiler" "$("$compiler" --version | head -n 1)"; done
  printf -- '- flags: %s\n' "${flags[*]}"
  printf -- '- date: %s\n' "$(date -u +%F)"
  printf -- '- seconds of processor time, medians of %d rounds; %d units\n\n' "$rounds" ${#units[@]}
  printf '| unit |'
  for compiler in "${compilers[@]}"; do printf ' %s: s | over xsimd: s | object: bytes |' "$compiler"; done
  printf '\n|---|'
  for compiler in "${compilers[@]}"; do printf -- '---:|---:|---:|'; done
  printf '\n'
  for i in "${!units[@]}"; do
    printf '| %s |' "${units[i]}"
    for compiler in "${compilers[@]}"; do
      local own=$((cost["$compiler $i"] - cost["$compiler 0"])) over=-
      if ((own < 0)); then own=0; fi  # as long as nothing, to the clock's grain
      if ((i > 1)) && [[ -n ${with_simd[$i]:-} ]]; then
        over=$(awk -v ns=$((cost["$compiler $i"] - cost["$compiler 1"])) 'BEGIN {printf "%+.2f", ns / 1e9}')
      fi
      if ((i == 0)); then own=${cost["$compiler $i"]}; fi
      printf ' %s | %s | %s |' "$(seconds "$own")" "$over" "${size["$compiler $i"]}"
    done
    printf '\n'
  done
}

if [[ -n $record ]]; then
  table >"$work/table"
  begin='<!-- begin build_cost -->' end='<!-- end build_cost -->'
  for marker in "$begin" "$end"; do grep -qxF -- "$marker" "$record" || fatal "$record has no line '$marker'"; done
  awk -v begin="$begin" -v end="$end" -v table="$work/table" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin { inside = 1; while ((getline line < table) > 0) print line }' "$record" >"$work/page"
  cat -- "$work/page" >"$record"
  printf 'build_cost.sh: the table is in %s\n' "$record" >&2
else
  table
fi

limit=300000000
status=0
for i in "${!units[@]}"; do
  [[ ${units[i]} == "$umbrella" ]] || continue
  for compiler in "${compilers[@]}"; do
    over=$((cost["$compiler $i"] - cost["$compiler 1"]))
    if ((over > limit)); then
      printf 'build_cost.sh: %s: %s costs %s s over xsimd; the limit is 0.30 s\n' "$compiler" "$umbrella" \
        "$(seconds "$over")" >&2
      status=1
    fi
  done
done
exit "$status"
