# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D COMPILER= -D FLAGS_FILE= -D SOURCE= -P expect.cmake
# SOURCE compiles as it is; with TSHIFT_WRONG it does not, and the compiler says what its line "// expect:" says.
include("${FLAGS_FILE}")
file(STRINGS "${SOURCE}" expected REGEX "^// expect: ")
string(REPLACE "// expect: " "" expected "${expected}")
if(expected STREQUAL "")
  message(FATAL_ERROR "${SOURCE} has no line '// expect: <what the compiler must say>'")
endif()

execute_process(COMMAND "${COMPILER}" ${FLAGS} -fsyntax-only "${SOURCE}" RESULT_VARIABLE right ERROR_VARIABLE output
                OUTPUT_VARIABLE output)
if(NOT right EQUAL 0)
  message(FATAL_ERROR "The right half of ${SOURCE} does not compile:\n${output}")
endif()

execute_process(COMMAND "${COMPILER}" ${FLAGS} -DTSHIFT_WRONG -fsyntax-only "${SOURCE}" RESULT_VARIABLE wrong
                ERROR_VARIABLE output OUTPUT_VARIABLE output)
if(wrong EQUAL 0)
  message(FATAL_ERROR "The wrong half of ${SOURCE} compiles.")
endif()
if(NOT output MATCHES "${expected}")
  message(FATAL_ERROR "The wrong half of ${SOURCE} is refused, but not with '${expected}':\n${output}")
endif()
message(STATUS "refused with '${expected}'")
