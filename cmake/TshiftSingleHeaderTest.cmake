# SPDX-License-Identifier: MIT
# The tests of one instruction set, against the single header.

# tshift_use_single_header(<target>): the programs that this target of tshift_add_tests builds take the operator from the
# single header, those of nn/ and models/ as well. They are no other tests than those of the other instruction sets, which
# take it from include/tshift.
function(tshift_use_single_header target)
  if(NOT TARGET tshift_single)
    message(STATUS "tshift: part of another project: no test of the single header")
    return()
  endif()
  # A folder in which every header of the operator is the single header.
  set(forwarders "${CMAKE_CURRENT_BINARY_DIR}/single_header_include")
  file(GLOB headers RELATIVE "${PROJECT_SOURCE_DIR}/include" CONFIGURE_DEPENDS
       "${PROJECT_SOURCE_DIR}/include/tshift/*.hpp" "${PROJECT_SOURCE_DIR}/include/tshift/kernel/*.hpp")
  # The other floors' doors, which the single header has not.
  list(FILTER headers EXCLUDE REGEX "/(nn|models|train|audio)[.]hpp$")
  foreach(header IN LISTS headers)
    file(CONFIGURE OUTPUT "${forwarders}/${header}" CONTENT "#include \"@TSHIFT_SINGLE_HEADER@\"\n" @ONLY)
  endforeach()
  get_target_property(programs ${target} TSHIFT_PROGRAMS)
  foreach(program IN LISTS programs)
    target_include_directories(${program} BEFORE PRIVATE "${forwarders}")
    add_dependencies(${program} tshift_single)
  endforeach()
  list(LENGTH programs count)
  message(STATUS "tshift: ${count} test programs against the single header")
endfunction()
