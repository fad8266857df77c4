# SPDX-License-Identifier: MIT
# The operator's whole test suite, against the single header.

# tshift_add_single_header_tests(<test sources>)
function(tshift_add_single_header_tests sources)
  if(NOT TARGET tshift_single)
    message(STATUS "tshift: part of another project: no test of the single header")
    return()
  endif()
  # A folder in which every header of the operator is the single header, for the headers of nn/ and interop/, too.
  set(forwarders "${CMAKE_CURRENT_BINARY_DIR}/single_header_include")
  file(GLOB headers RELATIVE "${PROJECT_SOURCE_DIR}/include" CONFIGURE_DEPENDS
       "${PROJECT_SOURCE_DIR}/include/tshift/*.hpp" "${PROJECT_SOURCE_DIR}/include/tshift/kernel/*.hpp")
  # The other floors' doors, which the single header has not.
  list(FILTER headers EXCLUDE REGEX "/(nn|models|train|audio)[.]hpp$")
  foreach(header IN LISTS headers)
    file(CONFIGURE OUTPUT "${forwarders}/${header}" CONTENT "#include \"@TSHIFT_SINGLE_HEADER@\"\n" @ONLY)
  endforeach()

  # The operator's tests are those that include a header of the operator themselves. What some include besides, of nn/
  # for example, then stands on the single header, too.
  set(operator_sources "")
  foreach(source IN LISTS sources)
    file(STRINGS "${source}" used REGEX "^#include <tshift/[a-z_]+[.]hpp>")
    list(FILTER used EXCLUDE REGEX "/(nn|models|train|audio)[.]hpp>")
    if(used)
      list(APPEND operator_sources "${source}")
    elseif(source MATCHES "/operator/[^/]*$")
      message(FATAL_ERROR "${source} includes no header of the operator, so it would not test the single header.")
    endif()
  endforeach()
  list(LENGTH operator_sources count)
  message(STATUS "tshift: ${count} test files of the operator against the single header")
  if(count EQUAL 0)
    message(FATAL_ERROR "No test includes a header of the operator.")
  endif()

  # The same tests ran at -O2 and were compiled with warnings already: the last flag counts, and -O1 builds faster.
  tshift_add_tests(single_header "${operator_sources}" -O1)
  foreach(program IN LISTS tshift_programs)
    target_include_directories(${program} BEFORE PRIVATE "${forwarders}")
    target_compile_options(${program} PRIVATE -w)
    add_dependencies(${program} tshift_single)
  endforeach()
endfunction()
