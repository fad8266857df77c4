# SPDX-License-Identifier: MIT
# The operator's whole test suite, against the single header.

# tshift_add_single_header_test(<target> <case> <test sources>)
function(tshift_add_single_header_test target case sources)
  if(NOT TARGET tshift_single)
    message(STATUS "tshift: part of another project: no test of the single header")
    return()
  endif()
  # A folder in which every header of the operator is the single header, for the headers of nn/ and interop/, too.
  set(forwarders "${CMAKE_CURRENT_BINARY_DIR}/${target}_include")
  file(GLOB headers RELATIVE "${PROJECT_SOURCE_DIR}/include" CONFIGURE_DEPENDS
       "${PROJECT_SOURCE_DIR}/include/tshift/*.hpp" "${PROJECT_SOURCE_DIR}/include/tshift/kernel/*.hpp")
  foreach(header IN LISTS headers)
    file(CONFIGURE OUTPUT "${forwarders}/${header}" CONTENT "#include \"@TSHIFT_SINGLE_HEADER@\"\n" @ONLY)
  endforeach()

  # The operator's tests are those that include a header of the operator themselves. What some include besides, of nn/
  # for example, then stands on the single header, too.
  set(operator_sources "")
  foreach(source IN LISTS sources)
    file(STRINGS "${source}" used REGEX "^#include <tshift/[a-z_]+[.]hpp>")
    if(used)
      list(APPEND operator_sources "${source}")
    endif()
  endforeach()
  list(LENGTH operator_sources count)
  message(STATUS "tshift: ${count} test files of the operator against the single header")
  if(count LESS 18)
    message(FATAL_ERROR "They were 18 at least: ${operator_sources}")
  endif()

  tshift_add_tests(${target} ${case} "${operator_sources}")
  target_include_directories(${target} BEFORE PRIVATE "${forwarders}")
  # The same tests ran at -O2 and were compiled with warnings already: the last flag counts, and -O1 builds faster.
  target_compile_options(${target} PRIVATE -O1 -w)
  add_dependencies(${target} tshift_single)
endfunction()
