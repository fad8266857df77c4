# SPDX-License-Identifier: MIT
# The installed pkg-config file, from a tree that was moved, with the compiler alone.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
run("install" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/first place")
file(RENAME "${SCRATCH}/first place" "${SCRATCH}/second place")

find_program(pkg_config NAMES pkg-config pkgconf)
if(NOT pkg_config)
  message(FATAL_ERROR "pkg-config is needed to test tshift.pc: install pkgconf (Debian, Ubuntu).")
endif()
set(ENV{PKG_CONFIG_PATH} "${SCRATCH}/second place/share/pkgconfig:$ENV{PKG_CONFIG_PATH}")
execute_process(COMMAND "${pkg_config}" --modversion tshift OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "tshift.pc says version '${version}', the library is ${VERSION}")
endif()
execute_process(COMMAND "${pkg_config}" --cflags tshift OUTPUT_VARIABLE flags RESULT_VARIABLE status
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "pkg-config --cflags tshift failed")
endif()
separate_arguments(flags UNIX_COMMAND "${flags}")
run("compile" ${compile} ${flags} "${CMAKE_CURRENT_LIST_DIR}/main.cpp" -o "${SCRATCH}/consumer")
run("run" "${SCRATCH}/consumer")
