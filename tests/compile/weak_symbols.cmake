# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D NM= -D FIRST=<object> -D SECOND=<object> -P weak_symbols.cmake
# No weak function of ours has the same name in both objects: the linker would keep one of the two, and a program
# could run instructions its processor does not know.
#
# The exceptions: shape_error must be one type, or nobody could catch the other unit's; on_error must be one variable.
set(shared "tshift::v[0-9_]+::(shape_error::|on_error)|(vtable|typeinfo|typeinfo name) for tshift::v[0-9_]+::shape_error")

function(weak_symbols object result)
  execute_process(COMMAND "${NM}" --defined-only "${object}" OUTPUT_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${NM} cannot read ${object}")
  endif()
  # Mangled names in namespace tshift; those of std:: over our types are the standard library's.
  string(REGEX MATCHALL " [WwVvu] _Z[A-Z]*N[VKRO]*6tshift[^\n]*" found "${output}")
  list(TRANSFORM found REPLACE "^ [WwVvu] " "")
  list(LENGTH found count)
  if(count EQUAL 0)
    message(FATAL_ERROR "${object} has no weak symbol of tshift, so this would prove nothing.")
  endif()
  message(STATUS "${count} weak symbols of tshift in ${object}")
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

weak_symbols("${FIRST}" first)
weak_symbols("${SECOND}" second)
set(bad "")
foreach(symbol IN LISTS first)
  if(symbol IN_LIST second)
    execute_process(COMMAND c++filt "${symbol}" OUTPUT_VARIABLE name OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT name MATCHES "^(${shared})")
      string(APPEND bad "\n  ${name}")
    endif()
  endif()
endforeach()
if(bad)
  message(FATAL_ERROR "The same weak symbol is in two objects that were built with different flags:${bad}")
endif()
