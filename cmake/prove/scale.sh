#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sizes beyond 2^31 and 2^32, a million sequences, ten million frames, a stream of 10^8, models shared by eight threads.
# packages:
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

needed=$((10 << 20))  # KiB: two tensors of 4.3 GB, and what the system wants
available=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
((${available:-0} >= needed)) ||
  die "needs 10 GiB of free memory for tensors of more than 2^32 bytes, $((${available:-0} >> 20)) GiB are there"

program=$build_dir/scale
quietly "$program.build.log" g++ -std=c++20 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror -pthread \
  -I "$source_dir/include" "$source_dir/tests/scale/scale.cpp" -o "$program"
for part in strides batches models stream large; do
  quietly "$program.$part.log" "$program" "$part"
  sed -n 's/^  /  /p' "$program.$part.log"
  figure=$(awk -v name="scale.$part" '$1 == name { print $2 }' "$program.$part.log")
  covered "scale.$part" "${figure:-none}" "$(sed -n "s/^scale\\.$part [0-9]* //p" "$program.$part.log")"
done
