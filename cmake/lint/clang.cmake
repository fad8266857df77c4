# SPDX-License-Identifier: MIT
# Every public header compiles alone with clang, without warnings.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
include("${FLAGS_FILE}")
include("${CMAKE_CURRENT_LIST_DIR}/../TshiftHeaders.cmake")
tshift_headers(headers "${SOURCE}")
set(failed "")
foreach(header IN LISTS headers)
  # A unit of its own, because a header given to the compiler directly is treated as a main file.
  file(CONFIGURE OUTPUT "${SCRATCH}/clang.cpp" CONTENT "#include <${header}>\n")
  execute_process(COMMAND "${CLANG}" ${FLAGS} ${WARNINGS} -Werror -fopenmp -fsyntax-only "${SCRATCH}/clang.cpp"
                  RESULT_VARIABLE status ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(APPEND failed "\n${header}:\n${output}")
  endif()
endforeach()
if(failed)
  message(FATAL_ERROR "${CLANG} objects:${failed}")
endif()
list(LENGTH headers count)
message(STATUS "${count} headers compile with ${CLANG}")
