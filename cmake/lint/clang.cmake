# SPDX-License-Identifier: MIT
# All public headers in one unit compile with clang, without warnings. That each stands alone is tested with the project's
# compiler, whose standard library this is.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
include("${FLAGS_FILE}")
include("${CMAKE_CURRENT_LIST_DIR}/../TshiftHeaders.cmake")
tshift_headers(headers "${SOURCE}")
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n")
string(CONCAT text ${headers})
file(WRITE "${SCRATCH}/clang.cpp" "${text}")
execute_process(COMMAND "${CLANG}" ${FLAGS} ${WARNINGS} -Werror -fopenmp -fsyntax-only "${SCRATCH}/clang.cpp"
                RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${CLANG} objects:\n${output}")
endif()
list(LENGTH headers count)
message(STATUS "${count} headers compile with ${CLANG}")
