# SPDX-License-Identifier: MIT
# What only tshift's own tests, examples and benchmarks need. Not installed, not seen by users of the library.

# tshift_require(<package> <Debian package> <purpose> [arguments of find_package...])
# find_package, or one sentence that says what to install.
macro(tshift_require package debian purpose)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${purpose} need ${package}, and CMake found none: install ${debian} (Debian, Ubuntu), or \
configure without them (TSHIFT_BUILD_TESTS, TSHIFT_BUILD_EXAMPLES, TSHIFT_BUILD_BENCHMARKS).")
  endif()
endmacro()

# libsndfile as tshift::sndfile. Debian ships neither a CMake config nor a find module for it.
macro(tshift_require_sndfile purpose)
  if(NOT TARGET tshift::sndfile)
    find_path(TSHIFT_SNDFILE_INCLUDE sndfile.h)
    find_library(TSHIFT_SNDFILE_LIBRARY sndfile)
    if(NOT TSHIFT_SNDFILE_INCLUDE OR NOT TSHIFT_SNDFILE_LIBRARY)
      message(FATAL_ERROR "${purpose} need libsndfile, and CMake found none: install libsndfile1-dev (Debian, Ubuntu), \
or configure without them (TSHIFT_BUILD_EXAMPLES).")
    endif()
    add_library(tshift::sndfile UNKNOWN IMPORTED)
    set_target_properties(tshift::sndfile PROPERTIES IMPORTED_LOCATION "${TSHIFT_SNDFILE_LIBRARY}"
                                                     INTERFACE_INCLUDE_DIRECTORIES "${TSHIFT_SNDFILE_INCLUDE}")
  endif()
endmacro()

# The flag sets that tests and examples are built with besides the compiler's default. Empty where the processor is
# another one.
set(TSHIFT_AVX2_FLAGS "")
set(TSHIFT_AVX512_FLAGS "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(TSHIFT_X86_64 TRUE)
  set(TSHIFT_AVX2_FLAGS -mavx2 -mfma)
  set(TSHIFT_AVX512_FLAGS -mfma -mavx512f -mavx512cd -mavx512dq -mavx512bw)
else()
  set(TSHIFT_X86_64 FALSE)
  message(STATUS "tshift: processor is ${CMAKE_SYSTEM_PROCESSOR}, not x86-64: no AVX2 and AVX-512 tests, no example 05")
endif()
