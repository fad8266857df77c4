# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D COMPILER= -D FLAGS_FILE= -D SOURCE= -D NM= -D CXXFILT= -D SCRATCH=<folder> -P fft_across_units.cmake
# Eigen's FFT, which stands in nobody's namespace of flags, is compiled for each set of flags under a name of its own: of
# two units with features no weak symbol of Eigen's FFT is shared, nor any of ours but what weak_symbols.cmake lets pass.
include("${FLAGS_FILE}")
file(MAKE_DIRECTORY "${SCRATCH}")

# symbols(<result> <object> <flags...>): weak symbols of Eigen's FFT.
function(symbols result object)
  execute_process(COMMAND "${COMPILER}" ${FLAGS} -march=x86-64 ${ARGN} -c "${SOURCE}" -o "${SCRATCH}/${object}.o"
                  RESULT_VARIABLE status ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${SOURCE} does not compile with ${ARGN}:\n${output}")
  endif()
  execute_process(COMMAND "${NM}" --defined-only "${SCRATCH}/${object}.o" OUTPUT_VARIABLE output)
  string(REGEX MATCHALL " [WwVu] [^\n]*(kiss|3FFT)[^\n]*" found "${output}")
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

# shared(<result> <name> <flags...>): how many of them units for two instruction sets share.
function(shared result name)
  symbols(baseline "${name}.baseline" ${ARGN})
  symbols(avx2 "${name}.avx2" -mavx2 -mfma ${ARGN})
  if(NOT baseline OR NOT avx2)
    message(FATAL_ERROR "${SOURCE} has no symbols of Eigen's FFT with ${ARGN}, so this would prove nothing.")
  endif()
  set(both "")
  foreach(symbol IN LISTS baseline)
    if(symbol IN_LIST avx2)
      list(APPEND both "${symbol}")
    endif()
  endforeach()
  list(LENGTH baseline count)
  message(STATUS "${name}: ${count} symbols of Eigen's FFT")
  set(${result} "${both}" PARENT_SCOPE)
endfunction()

foreach(optimised O0 O1)
  shared(both "features_${optimised}" -${optimised})
  if(both)
    message(FATAL_ERROR "Units for two instruction sets share, at -${optimised}:\n${both}")
  endif()
  execute_process(COMMAND "${CMAKE_COMMAND}" -D "NM=${NM}" -D "CXXFILT=${CXXFILT}"
                          -D "OBJECTS=${SCRATCH}/features_${optimised}.baseline.o,${SCRATCH}/features_${optimised}.avx2.o"
                          -P "${CMAKE_CURRENT_LIST_DIR}/weak_symbols.cmake"
                  RESULT_VARIABLE status ERROR_VARIABLE output OUTPUT_QUIET)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "At -${optimised}:\n${output}")
  endif()
endforeach()

# That there is something to be shared.
shared(both eigens_own -O0 -DEIGENS_OWN)
if(NOT both)
  message(FATAL_ERROR "Two units with Eigen::FFT<double> share no symbol of it: this test would not notice one.")
endif()
file(REMOVE_RECURSE "${SCRATCH}")
