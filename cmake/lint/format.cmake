# SPDX-License-Identifier: MIT
# Every source file is formatted as .clang-format says.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
require_version_14("${CLANG_FORMAT}")
list_files(files *.hpp *.cpp)
execute_process(COMMAND "${CLANG_FORMAT}" --dry-run -Werror ${files} WORKING_DIRECTORY "${SOURCE}"
                RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "Not formatted; clang-format -i <file> does it:\n${output}")
endif()
list(LENGTH files count)
message(STATUS "${count} files are formatted")
