# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the checks of the programs here share. They set `binary`, the program, and count their cases.

: "${binary:?the program that is checked}"
cases=0
failed=0

complain() {
  echo "FAILED: $1" >&2
  failed=$((failed + 1))
}

# run CODE LINES STREAM PATTERN ARGUMENTS...: the exit code must be CODE, stderr must have so many LINES, and STREAM
# (out or err) must match the glob PATTERN.
run() {
  local code=$1 want=$2 stream=$3 pattern=$4 got text lines
  shift 4
  cases=$((cases + 1))
  "$binary" "$@" >out.txt 2>err.txt
  got=$?
  text=$(cat "$stream.txt")
  lines=$(wc -l <err.txt)
  [ "$got" -eq "$code" ] || complain "$*: exit code $got, expected $code; stderr: $(cat err.txt)"
  # shellcheck disable=SC2053  # the right side is a pattern
  [[ $text == $pattern ]] || complain "$*: std$stream does not match '$pattern': $text"
  [ "$lines" -eq "$want" ] || complain "$*: stderr has $lines lines, expected $want: $(cat err.txt)"
}
