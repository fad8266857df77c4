#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Proofs that take longer than tests should. Every leg is a script cmake/prove/<leg>.sh, which says what it proves.
# run.sh prove calls this, once the packages are there.
set -euo pipefail

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

usage() {
  cat <<'TEXT'
usage: bash cmake/run.sh prove [--list | --packages] [leg...]
Runs the legs named, or all of them, one after the other. Each prints what it covered, and fails if that is less than
cmake/proved.txt says. --list prints the legs and what they prove; --packages what Debian must install for them.
TEXT
}

say() { printf 'prove: %s\n' "$*" >&2; }

# In the order in which they run: what fails soonest stands first.
legs=(packages tsan valgrind wasm scale modes machines compilers coverage asan asan-clang fuzz mutants)
for file in "$source_dir"/cmake/prove/*.sh; do
  leg=$(basename -- "$file" .sh)
  if [[ $leg != common && " ${legs[*]} " != *" $leg "* ]]; then
    say "cmake/prove/$leg.sh stands in no order: name it in cmake/prove.sh"
    exit 2
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
      say "there is no leg '$leg'; the legs are: ${legs[*]}"
      exit 2
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

failed=()
start_of_all=$SECONDS
for leg in "${legs[@]}"; do
  start=$SECONDS
  if bash "$source_dir/cmake/prove/$leg.sh" </dev/null; then
    printf '%s: done in %d s\n' "$leg" $((SECONDS - start))
  else
    printf '%s: FAILED after %d s\n' "$leg" $((SECONDS - start))
    failed+=("$leg")
  fi
done
if ((${#failed[@]} > 0)); then
  printf '%d of %d legs failed: %s\n' "${#failed[@]}" "${#legs[@]}" "${failed[*]}"
  exit 1
fi
printf 'all %d legs passed in %d s\n' "${#legs[@]}" $((SECONDS - start_of_all))
