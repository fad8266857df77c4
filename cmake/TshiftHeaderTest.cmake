# SPDX-License-Identifier: MIT
# Every header compiles alone, as the first include, in a unit of its own, and once more in one unit with all others:
# linking them finds functions that forgot `inline`.
include(TshiftHeaders)
function(tshift_add_header_test target)
  tshift_headers(headers "${PROJECT_SOURCE_DIR}")
  file(CONFIGURE OUTPUT ${target}_sources/main.cpp CONTENT "int main() {}\n")
  set(sources "${CMAKE_CURRENT_BINARY_DIR}/${target}_sources/main.cpp")
  set(all "")
  foreach(header IN LISTS headers)
    string(MAKE_C_IDENTIFIER "${header}" id)
    file(CONFIGURE OUTPUT ${target}_sources/${id}.cpp CONTENT "#include <${header}>\n")
    list(APPEND sources "${CMAKE_CURRENT_BINARY_DIR}/${target}_sources/${id}.cpp")
    string(APPEND all "#include <${header}>\n")
  endforeach()
  file(CONFIGURE OUTPUT ${target}_sources/all.cpp CONTENT "${all}")
  list(APPEND sources "${CMAKE_CURRENT_BINARY_DIR}/${target}_sources/all.cpp")
  list(LENGTH headers count)
  message(STATUS "tshift: header test of ${count} headers")
  add_executable(${target} ${sources})
  # Adapters in interop/ may include what they adapt, io/ includes JSON; everything else must do without (see
  # compile/dependencies).
  target_link_libraries(${target} PRIVATE tshift::tshift Eigen3::Eigen OpenMP::OpenMP_CXX Threads::Threads
                                          nlohmann_json::nlohmann_json)
  target_compile_options(${target} PRIVATE -O0)
  tshift_warnings(${target})
  add_test(NAME compile.headers COMMAND ${target})
  set_tests_properties(compile.headers PROPERTIES LABELS compile)
endfunction()
