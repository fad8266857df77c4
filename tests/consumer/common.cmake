# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# Helpers of find_package.cmake and add_subdirectory.cmake.

# run(<what> <command...>): ends the test with the output if the command fails.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}):\n${output}")
  endif()
  message(STATUS "${what}: ok")
endfunction()

# The same environment as the tests, nothing from the network.
set(arguments -G "${GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${MAKE}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
              "-DCMAKE_BUILD_TYPE=Release" "-Dxsimd_DIR=${XSIMD}" -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
file(REMOVE_RECURSE "${SCRATCH}")
