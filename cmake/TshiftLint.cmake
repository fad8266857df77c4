# SPDX-License-Identifier: MIT
# CTest cases about the sources: format, licence lines, a second compiler, clang-tidy, cppcheck. On with TSHIFT_LINT.
function(tshift_lint_tool variable program)
  find_program(${variable} NAMES ${program}-14 ${program})
  if(NOT ${variable})
    message(FATAL_ERROR "TSHIFT_LINT needs ${program}, and CMake found none: install ${ARGN} (Debian, Ubuntu).")
  endif()
endfunction()
tshift_lint_tool(TSHIFT_CLANG clang++ clang)
tshift_lint_tool(TSHIFT_CLANG_FORMAT clang-format clang-format)
tshift_lint_tool(TSHIFT_CLANG_TIDY clang-tidy clang-tidy)
tshift_lint_tool(TSHIFT_CPPCHECK cppcheck cppcheck)
tshift_lint_tool(TSHIFT_DOXYGEN doxygen doxygen)

# The pages show what the examples print.
set(examples "")
if(TSHIFT_BUILD_EXAMPLES)
  set(examples -D "EXAMPLES=$<TARGET_FILE_DIR:01_hello_shift>")
endif()

foreach(case format spdx clang weverything tidy cppcheck docs docs_pages)
  add_test(NAME lint.${case}
           COMMAND "${CMAKE_COMMAND}" -D "SOURCE=${PROJECT_SOURCE_DIR}" -D "SCRATCH=${CMAKE_CURRENT_BINARY_DIR}/lint"
                   -D "FLAGS_FILE=${TSHIFT_FLAGS_FILE}" -D "WARNINGS=${TSHIFT_WARNINGS}" -D "CLANG=${TSHIFT_CLANG}"
                   -D "CLANG_FORMAT=${TSHIFT_CLANG_FORMAT}" -D "CLANG_TIDY=${TSHIFT_CLANG_TIDY}"
                   -D "CPPCHECK=${TSHIFT_CPPCHECK}" -D "TSHIFT_DOXYGEN=${TSHIFT_DOXYGEN}" ${examples}
                   -P "${PROJECT_SOURCE_DIR}/cmake/lint/${case}.cmake")
  # Other versions of clang's format and tidy have other opinions: the case says so and shows as skipped.
  set_tests_properties(lint.${case} PROPERTIES LABELS lint SKIP_REGULAR_EXPRESSION "SKIPPED:")
endforeach()
