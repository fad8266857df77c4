#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# WebAssembly under Node.js: the operator without vectors, and with its 128-bit ones
# packages: emscripten nodejs
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
source "$source_dir/cmake/machines.sh"

needs em++ emscripten
needs node nodejs

# Node.js reads the golden files itself. One file, because Emscripten 3.1.6 cannot load a second one in newer Node.js.
linking="-sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sSINGLE_FILE=1"
emscripten="em++ -fexceptions -DCATCH_CONFIG_NO_POSIX_SIGNALS"
operator=(golden/golden_test.cpp)
for name in index_limits shift inplace shift_add; do operator+=("unit/${name}_test.cpp"); done
tests='~[exhaustive]~"Sums too large for the caches*"'
tests+=',"shift is the reference for every small case - bytes<3>"'
tests+=',"shift_inplace is the reference for every small case - std::uint32_t"'

program=tests.js
build scalar "$emscripten" "$linking" "${operator[@]}"
run_tests scalar node "$tests"

# xsimd 8.1 does not know WebAssembly, but Emscripten has SSE2's intrinsics for it.
build simd128 "$emscripten -msimd128 -msse2" "$linking" "${operator[@]}"
run_tests simd128 node "$tests"
