# SPDX-License-Identifier: MIT
# Installs the library, moves the installed tree, and uses it from there.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
set(project "${CMAKE_CURRENT_LIST_DIR}/find_package")

run("install" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/first place")
file(RENAME "${SCRATCH}/first place" "${SCRATCH}/second place")
set(prefix "${SCRATCH}/second place")

# Nothing installed knows where it was built or installed first.
file(GLOB_RECURSE files "${prefix}/*")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(FIND "${text}" "first place" position)
  if(NOT position EQUAL -1)
    message(FATAL_ERROR "${file} contains the first place")
  endif()
  # Where a path can begin: a checkout in /tshift must not be seen in share/cmake/tshift.
  string(PREPEND text " ")
  foreach(path "${SOURCE}" "${BUILD}")
    foreach(before " " "\"" "'" "=" "\;" "(" "<" ">" ":" "," "\n" "\t")
      string(FIND "${text}" "${before}${path}" position)
      if(NOT position EQUAL -1)
        message(FATAL_ERROR "${file} contains ${path}")
      endif()
    endforeach()
  endforeach()
endforeach()
file(GLOB_RECURSE headers RELATIVE "${SOURCE}/include" "${SOURCE}/include/*.hpp")
foreach(header IN LISTS headers)
  if(NOT EXISTS "${prefix}/include/${header}")
    message(FATAL_ERROR "${header} is not installed")
  endif()
endforeach()

run("configure" "${CMAKE_COMMAND}" -S "${project}" -B "${SCRATCH}/build" ${arguments} "-Dtshift_ROOT=${prefix}"
    "-DWANTED=${VERSION}")
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")

# Another major is refused, and so is a minor newer than this one.
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" ignored "${VERSION}")
math(EXPR major "${CMAKE_MATCH_1} + 1")
math(EXPR minor "${CMAKE_MATCH_2} + 1")
foreach(wrong "${major}.0" "${CMAKE_MATCH_1}.${minor}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${project}" -B "${SCRATCH}/refused" ${arguments}
                          "-Dtshift_ROOT=${prefix}" "-DWANTED=${wrong}"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0 OR NOT output MATCHES "requested version[ \n]+\"${wrong}\"")
    message(FATAL_ERROR "tshift ${VERSION} was accepted, or refused for another reason, where ${wrong} is asked for:\n"
                        "${output}")
  endif()
  message(STATUS "version ${wrong}: refused")
endforeach()

# The pkg-config file, with the compiler alone.
find_program(pkg_config NAMES pkg-config pkgconf)
if(NOT pkg_config)
  message(FATAL_ERROR "pkg-config is needed to test tshift.pc: install pkgconf (Debian, Ubuntu).")
endif()
set(ENV{PKG_CONFIG_PATH} "${prefix}/share/pkgconfig:$ENV{PKG_CONFIG_PATH}")
execute_process(COMMAND "${pkg_config}" --modversion tshift OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "tshift.pc says version '${version}', the library is ${VERSION}")
endif()
execute_process(COMMAND "${pkg_config}" --cflags tshift OUTPUT_VARIABLE flags RESULT_VARIABLE status
                OUTPUT_STRIP_TRAILING_WHITESPACE)
separate_arguments(flags UNIX_COMMAND "${flags}")
run("compile with pkg-config" "${COMPILER}" -std=c++20 ${flags} "${project}/main.cpp" -o "${SCRATCH}/pkg_config")
run("run" "${SCRATCH}/pkg_config")
