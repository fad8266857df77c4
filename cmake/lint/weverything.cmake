# SPDX-License-Identifier: MIT
# None of the warnings that clang knows, in units that instantiate everything, except:
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
set(failed "")
foreach(unit mixed_flags_operator mixed_flags_blocks models_unit rest_unit interop_unit)
  execute_process(COMMAND "${CLANG}" ${FLAGS} -Weverything ${off} -Werror -fopenmp -fsyntax-only
                          "${SOURCE}/tests/compile/${unit}.cpp"
                  RESULT_VARIABLE status ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(APPEND failed "\n${unit}:\n${output}")
  endif()
endforeach()
if(failed)
  message(FATAL_ERROR "${CLANG} objects:${failed}")
endif()
list(FILTER off EXCLUDE REGEX "unknown-warning-option")
list(LENGTH off count)
message(STATUS "five units without a warning, of all but ${count} kinds")
