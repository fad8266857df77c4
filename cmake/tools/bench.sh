#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the benchmarks, writes their numbers as JSON and draws them; with --record also renews the pages and pictures in
# benchmarks/. Called by `run.sh bench`, which installs the packages and builds first.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash cmake/tools/bench.sh [--packages] BUILD [options]
  BUILD         folder in which tshift_bench was built; the results go to BUILD/results: results.json and *.svg
  --record      measures what benchmarks/RESULTS.md, cost.md, build_cost.md and plots/*.svg show, and renews them and the
                tables made from them (benchmarks/README.md, README.md); for a quiet machine. --quick for a trial, which
                the pages then say
  --no-plots    draws nothing
  --packages    prints the Debian packages this needs besides those of the build, and does nothing
All other options are tshift_bench's (see --help there): --quick, --smoke, --benchmark_filter=REGEX, ...
PYTHON (/usr/bin/python3) is the Python that has matplotlib.
TEXT
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
me=bench.sh failure=2
source "$source_dir/cmake/tools/say.sh"
benchmarks=$source_dir/benchmarks
python=${PYTHON:-/usr/bin/python3}
case ${1:-} in
  --packages)
    printf '%s\n' python3-matplotlib
    for argument in "${@:2}"; do
      if [[ $argument != --record ]]; then continue; fi
      # To compile every public header with both compilers.
      printf '%s\n' clang libomp-dev libeigen3-dev nlohmann-json3-dev
    done
    exit ;;
  -h | --help) usage; exit ;;
  '' | -*) usage >&2; exit 2 ;;
esac
build_dir=$(cd -- "$1" && pwd -P)
shift
program=$build_dir/benchmarks/tshift_bench
[[ -x $program ]] || die "there is no $program; bash cmake/run.sh bench builds it"

record=no plots=yes json=yes
options=()
for argument in "$@"; do
  case $argument in
    --record) record=yes ;;
    --no-plots) plots=no ;;
    -h | --help) usage && echo && exec "$program" --help ;;
    # Nothing is measured, or the caller wants the numbers elsewhere.
    --smoke | --benchmark_list_tests* | --benchmark_out=*) json=no && options+=("$argument") ;;
    *) options+=("$argument") ;;
  esac
done
if [[ $record == yes && ($plots == no || $json == no) ]]; then
  die "--record goes with none of --no-plots, --smoke, --benchmark_list_tests and --benchmark_out"
fi
if [[ $json == no ]]; then exec "$program" "${options[@]}"; fi
has_matplotlib() { "$python" -c 'import matplotlib' 2>/dev/null; }

results=$build_dir/results
mkdir -p -- "$results"
cd -- "$results" # so that the command that the numbers name holds no folder of this machine
measure() {
  local status=0
  # On one core, the last: the first serves most interrupts.
  "${pinned[@]}" "$program" --benchmark_out=results.json "$@" || status=$?
  if ((status != 0)); then
    rm -f -- results.json
    exit "$status"
  fi
}
pinned=()

if [[ $record == no ]]; then
  measure "${options[@]}"
  say "numbers: $results/results.json"
  if [[ $plots == no ]]; then exit; fi
  if ! has_matplotlib; then
    say "no pictures: $python has no matplotlib (Debian: python3-matplotlib)"
    exit
  fi
  rm -f -- *.svg
  "$python" "$benchmarks/plots/draw.py" results.json --out . --models "$benchmarks/RESULTS.md"
  say "pictures: $results/*.svg"
  exit
fi

# --- what is committed ------------------------------------------------------------------------------------------------

has_matplotlib || die "$python has no matplotlib (Debian: python3-matplotlib)"
for page in RESULTS.md README.md cost.md build_cost.md plots/sizes.svg ../README.md; do
  if [[ -e $benchmarks/$page && ! -w $benchmarks/$page ]]; then die "cannot write $benchmarks/$page"; fi
done
# Cores that others keep busy, over 3 seconds. The load average would still count the build.
cpu_times() { awk '/^cpu / {for (i = 2; i <= 9; ++i) all += $i; print all, $5 + $6}' /proc/stat; }
before=$(cpu_times)
sleep 3
busy=$(echo "$before $(cpu_times)" | awk -v cores="$(nproc --all)" '{printf "%.2f", cores * (1 - ($4 - $2) / ($3 - $1))}')
if awk -v busy="$busy" 'BEGIN {exit !(busy > 0.2)}'; then
  say "the machine is not quiet (others keep $busy cores busy): the pages will say so"
fi
if command -v taskset >/dev/null; then pinned=(taskset -c "$(($(nproc) - 1))"); fi
began=$SECONDS
# All but the row whose second thread would stay on this core.
measure --benchmark_context=cores_busy_before="$busy" --markdown tables.md --benchmark_filter=-2_threads "${options[@]}"
"$python" "$benchmarks/plots/fill.py" results.json "$benchmarks/cost.md"
"$python" "$benchmarks/plots/fill.py" results.json --tables tables.md "$benchmarks/RESULTS.md"
"$python" "$benchmarks/plots/fill.py" --derive "$benchmarks/RESULTS.md" "$benchmarks/README.md" "$source_dir/README.md"
"$python" "$benchmarks/plots/draw.py" results.json --out "$benchmarks/plots" --models "$benchmarks/RESULTS.md"
rounds=3
for option in "${options[@]}"; do [[ $option != --quick ]] || rounds=1; done
status=0
bash "$benchmarks/build_cost.sh" --rounds "$rounds" --record "$benchmarks/build_cost.md" || status=$?
say "took $((SECONDS - began)) s; renewed: README.md, benchmarks/{README,RESULTS,cost,build_cost}.md, benchmarks/plots/*.svg"
exit "$status"
