# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# Helpers of the scripts here. Each of them takes the library in as its name says, in the empty folder SCRATCH.

# run(<what> <command...>): ends the test with the output if the command fails.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}):\n${output}")
  endif()
  message(STATUS "${what}: ok")
endfunction()

# refused(<what> <sentence> <command...>): ends the test unless the command fails and says so. CMake breaks lines, so
# any space in the sentence may be a line's end.
function(refused what sentence)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " line "${output}")
  string(FIND "${line}" "${sentence}" at)
  if(status EQUAL 0 OR at EQUAL -1)
    message(FATAL_ERROR "${what} was accepted, or refused for another reason than '${sentence}':\n${output}")
  endif()
  message(STATUS "${what}: refused")
endfunction()

# nothing_of_ours_is_installed(<build folder>): by the install of a project that has the library in its tree.
function(nothing_of_ours_is_installed build)
  run("install" "${CMAKE_COMMAND}" --install "${build}" --prefix "${SCRATCH}/prefix")
  file(GLOB_RECURSE installed "${SCRATCH}/prefix/*")
  if(installed)
    message(FATAL_ERROR "The parent's install contains files of tshift: ${installed}")
  endif()
endfunction()

# The same environment as the tests, nothing from the network.
set(arguments -G "${GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${MAKE}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
              "-DCMAKE_BUILD_TYPE=Release" "-Dxsimd_DIR=${XSIMD}" -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
# For a project called consumer that has the library in its tree.
set(library_alone "-DCMAKE_PROJECT_consumer_INCLUDE=${CMAKE_CURRENT_LIST_DIR}/library_alone.cmake")

# The compiler alone, for the ways that need no CMake. xsimd may stand where the compiler looks by itself.
set(compile "${COMPILER}" -std=c++20)
set(xsimd "")
foreach(directory IN LISTS XSIMD_INCLUDE)
  list(APPEND xsimd -isystem "${directory}")
endforeach()

file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")
