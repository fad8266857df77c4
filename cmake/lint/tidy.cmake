# SPDX-License-Identifier: MIT
# clang-tidy over the headers, through a unit that uses every operation (so that templates are looked into).
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
require_version_14("${CLANG_TIDY}")
include("${FLAGS_FILE}")
one_unit(tidy.cpp mixed_flags_main)
execute_process(COMMAND "${CLANG_TIDY}" --quiet "--config-file=${SOURCE}/.clang-tidy" --warnings-as-errors=*
                        "--header-filter=.*/(include/tshift/.*|tests/compile/[^/]*[.]cpp)"
                        --checks=-bugprone-suspicious-include "${SCRATCH}/tidy.cpp" -- ${FLAGS} -fopenmp
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}\n${errors}")
endif()
