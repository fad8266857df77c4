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

# A library as tshift::<name>, of which Debian ships neither a CMake config nor a find module.
macro(tshift_require_library name header package purpose)
  if(NOT TARGET tshift::${name})
    find_path(TSHIFT_${name}_INCLUDE ${header})
    find_library(TSHIFT_${name}_LIBRARY ${name})
    if(NOT TSHIFT_${name}_INCLUDE OR NOT TSHIFT_${name}_LIBRARY)
      message(FATAL_ERROR "${purpose} need lib${name}, and CMake found none: install ${package} (Debian, Ubuntu), \
or configure without them (TSHIFT_BUILD_EXAMPLES).")
    endif()
    add_library(tshift::${name} UNKNOWN IMPORTED)
    set_target_properties(tshift::${name} PROPERTIES IMPORTED_LOCATION "${TSHIFT_${name}_LIBRARY}"
                                                     INTERFACE_INCLUDE_DIRECTORIES "${TSHIFT_${name}_INCLUDE}")
  endif()
endmacro()

# The flag sets that tests and examples are built with besides the compiler's default. Empty where the processor is
# another one.
set(TSHIFT_AVX2_FLAGS "")
set(TSHIFT_F16C_FLAGS "")
set(TSHIFT_AVX512_FLAGS "")
set(TSHIFT_AVX512BF16_FLAGS "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(TSHIFT_X86_64 TRUE)
  set(TSHIFT_AVX2_FLAGS -mavx2 -mfma)
  set(TSHIFT_F16C_FLAGS ${TSHIFT_AVX2_FLAGS} -mf16c)  # which every processor with AVX2 has
  set(TSHIFT_AVX512_FLAGS -mfma -mavx512f -mavx512cd -mavx512dq -mavx512bw)
  set(TSHIFT_AVX512BF16_FLAGS ${TSHIFT_AVX512_FLAGS} -mavx512bf16)
else()
  set(TSHIFT_X86_64 FALSE)
  message(STATUS "tshift: processor is ${CMAKE_SYSTEM_PROCESSOR}, not x86-64: no AVX2 and AVX-512 tests, no example 05")
endif()
