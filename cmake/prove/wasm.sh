#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# WebAssembly under Node.js: the operator without vectors, and with its 128-bit ones
# packages: emscripten nodejs
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
source "$source_dir/cmake/tools/machines.sh"

needs em++ emscripten
needs node nodejs

# Node.js reads the golden files itself. One file, because Emscripten 3.1.6 cannot load a second one in newer Node.js.
linking="-sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sSINGLE_FILE=1"
emscripten="em++ -fexceptions -DCATCH_CONFIG_NO_POSIX_SIGNALS"
# The operator, PyTorch's bytes, and the limits of an index of 32 bits; but
#   allocation, guarded   need this system's allocator, and pages that can be closed
#   executor, [threads]   need threads
#   random, stream, shift_adjoint, shifted_view   no code of theirs has a side for this machine; they would make it long
mapfile -t tests < <(test_files operator | grep -vE '/(allocation|guarded|executor|random|stream|shift_adjoint|shifted_view)$')
tests+=(golden/golden base/index_limits)
filter='~[exhaustive]~[threads]~"Sums too large for the caches*"'
filter+=',"shift is the reference for every small case - bytes<3>"'
filter+=',"shift_inplace is the reference for every small case - std::uint32_t"'

program=tests.js
build scalar "$emscripten" "$linking" "${tests[@]}"
run_tests scalar node "$filter"

# xsimd 8.1 does not know WebAssembly, but Emscripten has SSE2's intrinsics for it.
build simd128 "$emscripten -msimd128 -msse2" "$linking" "${tests[@]}"
run_tests simd128 node "$filter"
