# SPDX-License-Identifier: MIT
# clang-tidy over the headers, through units that use every operation (so that templates are looked into).
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
require_version_14("${CLANG_TIDY}")
include("${FLAGS_FILE}")
execute_process(COMMAND "${CLANG_TIDY}" --quiet "--header-filter=.*/include/tshift/.*" --warnings-as-errors=*
                        tests/compile/mixed_flags_operator.cpp tests/compile/mixed_flags_blocks.cpp
                        tests/compile/mixed_flags_main.cpp tests/compile/models_unit.cpp
                        tests/compile/rest_unit.cpp tests/compile/interop_unit.cpp -- ${FLAGS} -fopenmp
                WORKING_DIRECTORY "${SOURCE}" RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}\n${errors}")
endif()
