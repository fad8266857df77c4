# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# How the scripts of this repository speak. A script sets `me`, the name before its messages, and reads this file.

: "${me:?}"

say() { printf '%s: %s\n' "$me" "$*" >&2; }

# die <sentence>: ends the script with status 1, or the script's own `failure`.
die() {
  say "$@"
  exit "${failure:-1}"
}

# quietly <log> <command...>: output goes to the log, and its end to the terminal only if the command fails. What is piped
# into the script is not the command's.
quietly() {
  local log=$1
  shift
  "$@" </dev/null >"$log" 2>&1 || {
    tail -n 100 -- "$log" >&2
    die "failed, the whole output is in $log: $*"
  }
}
