# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D COMPILER= -D FLAGS_FILE= -D SOURCE= -P dependencies.cmake
# The umbrella header brings neither Eigen nor <iostream> (whose constructors run in every program that includes it).
include("${FLAGS_FILE}")
execute_process(COMMAND "${COMPILER}" ${FLAGS} -M "${SOURCE}" RESULT_VARIABLE result OUTPUT_VARIABLE list
                ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} does not compile:\n${output}")
endif()
# One file a line; spaces in names come as "\ ".
string(REGEX REPLACE "\\\\\n" "" list "${list}")
string(REGEX REPLACE " +/" "\n/" list "${list}\n")
foreach(needed "/tshift/shift[.]hpp\n" "/xsimd/xsimd[.]hpp\n")
  if(NOT list MATCHES "${needed}")
    message(FATAL_ERROR "The list of included files lacks ${needed}, so it would prove nothing:\n${list}")
  endif()
endforeach()
foreach(unwanted "/iostream *\n" "/[Ee]igen[^\n]*\n" "/tshift/interop/[^\n]*\n")
  if(list MATCHES "${unwanted}")
    message(FATAL_ERROR "tshift/tshift.hpp includes ${CMAKE_MATCH_0}")
  endif()
endforeach()
string(REGEX MATCHALL "\n" lines "${list}")
list(LENGTH lines count)
message(STATUS "none of ${count} included files is Eigen, <iostream> or an adapter")
