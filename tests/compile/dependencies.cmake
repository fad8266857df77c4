# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D COMPILER= -D FLAGS_FILE= -D SOURCE= -D NEEDED= -D UNWANTED= -P dependencies.cmake
# What SOURCE includes, itself or through others: every file of NEEDED, none of UNWANTED. Both are regular
# expressions for the end of a path, between commas. <iostream> is unwanted because its constructors run in every program.
include("${FLAGS_FILE}")
execute_process(COMMAND "${COMPILER}" ${FLAGS} -M "${SOURCE}" RESULT_VARIABLE result OUTPUT_VARIABLE list
                ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} does not compile:\n${output}")
endif()
# One file a line; spaces in names come as "\ ".
string(REGEX REPLACE "\\\\\n" "" list "${list}")
string(REGEX REPLACE " +/" "\n/" list "${list}\n")
string(REPLACE "," ";" NEEDED "${NEEDED}")
string(REPLACE "," ";" UNWANTED "${UNWANTED}")
if(NOT NEEDED OR NOT UNWANTED)
  message(FATAL_ERROR "NEEDED and UNWANTED must name files")
endif()
foreach(needed IN LISTS NEEDED)
  if(NOT list MATCHES "${needed} *\n")
    message(FATAL_ERROR "The list of included files lacks ${needed}, so it would prove nothing:\n${list}")
  endif()
endforeach()
foreach(unwanted IN LISTS UNWANTED)
  if(list MATCHES "${unwanted} *\n")
    message(FATAL_ERROR "${SOURCE} includes ${CMAKE_MATCH_0}")
  endif()
endforeach()
string(REGEX MATCHALL "\n" lines "${list}")
list(LENGTH lines count)
list(LENGTH UNWANTED patterns)
message(STATUS "none of ${count} included files matches one of ${patterns} patterns")
