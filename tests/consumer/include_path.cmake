# SPDX-License-Identifier: MIT
# A copy of include/ and the compiler: no CMake, no package.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
file(COPY "${SOURCE}/include" DESTINATION "${SCRATCH}")
run("compile" ${compile} "-I${SCRATCH}/include" ${xsimd} "${CMAKE_CURRENT_LIST_DIR}/main.cpp" -o "${SCRATCH}/consumer")
run("run" "${SCRATCH}/consumer")
