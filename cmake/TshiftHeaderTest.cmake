# SPDX-License-Identifier: MIT
# Every public header compiles alone, as the first include, and twice in one library: the second copy finds functions
# that forgot `inline`.
function(tshift_add_header_test target)
  file(GLOB_RECURSE headers RELATIVE "${PROJECT_SOURCE_DIR}/include" CONFIGURE_DEPENDS
       "${PROJECT_SOURCE_DIR}/include/tshift/*.hpp")
  set(sources "")
  foreach(header IN LISTS headers)
    string(MAKE_C_IDENTIFIER "${header}" id)
    foreach(copy first second)
      file(CONFIGURE OUTPUT ${target}/${id}_${copy}.cpp CONTENT "#include <${header}>\n")
      list(APPEND sources "${CMAKE_CURRENT_BINARY_DIR}/${target}/${id}_${copy}.cpp")
    endforeach()
  endforeach()
  list(LENGTH headers count)
  message(STATUS "tshift: header test of ${count} headers")
  add_library(${target} SHARED ${sources})
  # Adapters in interop/ may include what they adapt, io/ includes JSON; everything else must do without (see
  # compile/dependencies).
  target_link_libraries(${target} PRIVATE tshift::tshift Eigen3::Eigen OpenMP::OpenMP_CXX Threads::Threads
                                          nlohmann_json::nlohmann_json)
  target_compile_options(${target} PRIVATE -O0)
  tshift_warnings(${target})
endfunction()
