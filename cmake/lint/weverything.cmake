# SPDX-License-Identifier: MIT
# None of the warnings that clang knows, in a unit that instantiates everything, except:
set(off
    -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-c++20-compat -Wno-pre-c++20-compat-pedantic  # this is C++20
    -Wno-padded                # says that a type has padding, not that anything is wrong with it
    -Wno-weak-vtables          # wants a class's virtual functions in one object file; a header library has none
    -Wno-float-equal           # != is meant where a fill value must be zero
    -Wno-switch-enum           # wants every name in a switch with a default,
    -Wno-switch-default        # a default in one with every name, where -Wswitch reports a new name
    -Wno-unsafe-buffer-usage   # wants no pointer moved; kernels do nothing else
    -Wno-unknown-warning-option)  # version 14 does not know the last two
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
include("${FLAGS_FILE}")
one_unit(weverything.cpp)
execute_process(COMMAND "${CLANG}" ${FLAGS} -Weverything ${off} -Werror -fopenmp -fsyntax-only
                        "${SCRATCH}/weverything.cpp" RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${CLANG} objects:\n${output}")
endif()
list(FILTER off EXCLUDE REGEX "unknown-warning-option")
list(LENGTH off count)
message(STATUS "no warning, of all but ${count} kinds")
