#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the tests on other machines: ARM (NEON), big-endian, 32 bits, and x86-64 with SSE4.2 and AVX
# packages: qemu-user g++-aarch64-linux-gnu g++-s390x-linux-gnu g++-i686-linux-gnu
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
source "$source_dir/cmake/tools/machines.sh"

needs qemu-aarch64 qemu-user
needs aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
needs s390x-linux-gnu-g++ g++-s390x-linux-gnu
needs i686-linux-gnu-g++ g++-i686-linux-gnu

# PyTorch's bytes in every operation, the exhaustive sets, streams cut in every way, the description, and the limits of
# an index. Of the operator not
#   allocation, guarded   which replace this system's allocator, and close pages of this system's size
#   executor              qemu runs threads one after the other; Eigen and OpenMP are this machine's
#   random                minutes under qemu, where shift, shift_add, shift_inplace and stream have all small cases
mapfile -t operator < <(test_files operator | grep -vE '/(allocation|guarded|executor|random)$')
# Of base not reference, which runs in constant expressions, and version, which builds nothing of the machine's.
mapfile -t base < <(test_files base | grep -vE '/(reference|version)$')
operator+=(golden/golden "${base[@]}")
# Sentences with the 64 bits of an index in them; index_limits has them for any number of bits.
mapfile -t any_index < <(printf '%s\n' "${operator[@]}" | grep -vE '^base/(plan|view|errors)$')

# Under qemu: the exhaustive sets of one type for each operation, models and encoders in float and at small sizes, and nothing
# that takes minutes there. Tensors larger than the caches go through no other code: only x86 has streaming stores.
emulated='~[exhaustive]~[streaming]~"*too large for the caches*"~"*in double to 1e-*"~"models of full size*"'
emulated+='~"Every usual mistake*"'
emulated+='~"Every way of cutting*","shift is the reference for every small case - bytes<3>"'
emulated+=',"shift_inplace is the reference for every small case - std::uint32_t"'
emulated+=',"Every way of cutting a sequence gives what the whole gives - std::int8_t"'
# NEON: blocks and models too.
build aarch64 aarch64-linux-gnu-g++ -static "${operator[@]}" golden/golden_models golden/golden_speech
run_tests aarch64 qemu-aarch64 "$emulated"

# Big-endian, 64 bits, no registers that xsimd knows: the operator's scalar path, and reading little-endian files.
build s390x s390x-linux-gnu-g++ -static "${operator[@]}"
run_tests s390x qemu-s390x "$emulated"

# 32 bits with SSE2, on this processor itself. Two more tests compare such sentences.
build i686 "i686-linux-gnu-g++ -msse2 -mfpmath=sse" -static "${any_index[@]}"
run_tests i686 env '~"A stream counts frames up to*"~"A stream that cannot be is refused"'

# The instruction sets between baseline, AVX2 and AVX-512, which run.sh test has: operator and models in every byte.
for flags in -mavx -msse4.2; do
  machine=x86-64${flags/-m/-}
  grep -qw "$(tr . _ <<<"${flags#-m}")" /proc/cpuinfo || die "this processor has no ${flags#-m}"
  build "$machine" "g++ $flags -DTSHIFT_STREAMING_BYTES=1024" "" "${any_index[@]}" golden/golden_models
  run_tests "$machine" env
done
