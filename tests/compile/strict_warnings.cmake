# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D COMPILER= -D FLAGS_FILE= -D SOURCE= -P strict_warnings.cmake
# SOURCE compiles without a warning, however many a user asks for, and those warnings are on.
include("${FLAGS_FILE}")
set(strict -Werror -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast)
execute_process(COMMAND "${COMPILER}" --version OUTPUT_VARIABLE version)
if(NOT version MATCHES "clang")
  list(APPEND strict -Wuseless-cast)  # which clang does not have
endif()

foreach(optimised -O0 -O2)
  execute_process(COMMAND "${COMPILER}" ${FLAGS} ${strict} ${optimised} -c -o "${SCRATCH}.o" "${SOURCE}"
                  RESULT_VARIABLE status ERROR_VARIABLE output OUTPUT_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${SOURCE} with ${strict} ${optimised}:\n${output}")
  endif()
endforeach()

file(WRITE "${SCRATCH}.cpp" "long f(unsigned char const* x) { return (long)x[0]; }\n")
execute_process(COMMAND "${COMPILER}" ${FLAGS} ${strict} -fsyntax-only "${SCRATCH}.cpp" RESULT_VARIABLE status
                OUTPUT_QUIET ERROR_QUIET)
if(status EQUAL 0)
  message(FATAL_ERROR "An old-style cast gives no warning: this test would not notice one.")
endif()
