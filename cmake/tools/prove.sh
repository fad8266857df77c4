#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Proofs that take longer than tests should. Every leg is a script cmake/prove/<leg>.sh, which says what it proves.
# run.sh prove calls this, once the packages are there.
set -euo pipefail

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
me=prove failure=2
source "$source_dir/cmake/tools/say.sh"

usage() {
  cat <<'TEXT'
usage: bash cmake/run.sh prove [--list | --packages] [leg...]
Runs the legs named, or all of them, two at a time, each with half of the cores: a leg has stretches that keep one core
busy alone, and two legs fill each other's. Each prints what it covered when it has ended, and fails if that is less than
cmake/proved.txt says. --list prints the legs and what they prove; --packages what Debian must install for them.
TEXT
}

# In the order in which they begin: what fails soonest stands first, and the short ones among the rest stand last, so
# that both halves of the machine end at about the same time.
legs=(packages tsan wasm valgrind fast-math compilers asan coverage machines mutants asan-clang scale fuzz)
for file in "$source_dir"/cmake/prove/*.sh; do
  leg=$(basename -- "$file" .sh)
  if [[ $leg != common && " ${legs[*]} " != *" $leg "* ]]; then
    die "cmake/prove/$leg.sh stands in no order: name it in cmake/tools/prove.sh"
  fi
done

action=run
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  --list | --packages) action=${1#--}; shift ;;
esac
if (($# > 0)); then
  for leg in "$@"; do
    if [[ " ${legs[*]} " != *" $leg "* ]]; then
      die "there is no leg '$leg'; the legs are: ${legs[*]}"
    fi
  done
  legs=("$@")
fi

# Prints the leg's line that begins so, without its beginning.
line_of() { sed -n "s/^# $2//p" "$source_dir/cmake/prove/$1.sh" | head -n 1; }

case $action in
  list)
    for leg in "${legs[@]}"; do printf '%-12s %s\n' "$leg" "$(sed -n '3s/^# //p' "$source_dir/cmake/prove/$leg.sh")"; done
    exit 0
    ;;
  packages)
    for leg in "${legs[@]}"; do line_of "$leg" packages:; done | tr -s ' ' '\n' | sed '/^$/d' | sort -u
    exit 0
    ;;
esac

cores=$(nproc)
at_once=2
if ((${#legs[@]} < 2 || cores < 2)); then at_once=1; fi
export TSHIFT_JOBS=$((cores / at_once))
export TSHIFT_PROVE_DIR=${TSHIFT_PROVE_DIR:-${TMPDIR:-/tmp}/tshift-prove-$EUID}
mkdir -p -- "$TSHIFT_PROVE_DIR"

# one_leg <leg>: its output, and how it ended, go to <leg>.txt.
one_leg() {
  local start=$SECONDS out=$TSHIFT_PROVE_DIR/$1.txt
  if bash "$source_dir/cmake/prove/$1.sh" </dev/null >"$out" 2>&1; then
    printf '%s: done in %d s\n' "$1" $((SECONDS - start)) >>"$out"
    touch -- "$TSHIFT_PROVE_DIR/$1.passed"
  else
    printf '%s: FAILED after %d s\n' "$1" $((SECONDS - start)) >>"$out"
  fi
  cat -- "$out"
}

set -m  # a leg is a process group, so that an interrupt ends all of it
trap 'for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_of_all=$SECONDS
for leg in "${legs[@]}"; do
  while (($(jobs -rp | wc -l) >= at_once)); do wait -n || true; done
  rm -f -- "$TSHIFT_PROVE_DIR/$leg.passed"
  say "$leg begins"
  one_leg "$leg" &
done
wait
failed=()
for leg in "${legs[@]}"; do [[ -f $TSHIFT_PROVE_DIR/$leg.passed ]] || failed+=("$leg"); done
if ((${#failed[@]} > 0)); then
  printf '%d of %d legs failed: %s\n' "${#failed[@]}" "${#legs[@]}" "${failed[*]}"
  exit 1
fi
printf 'all %d legs passed in %d s\n' "${#legs[@]}" $((SECONDS - start_of_all))
