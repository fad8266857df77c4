# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D NM= -D CXXFILT= -D OBJECTS=<object,...> -P weak_symbols.cmake
# No weak symbol of ours has the same name in two objects that were built with different flags: the linker would keep
# one of the two, and a program could run instructions its processor does not know. Objects are named <part>.<unit>.o,
# and parts of one unit have one set of flags. Symbols of one set of flags carry its name, TSHIFT_ISA.
#
# The exceptions hold no machine code of ours:
#   shape_error, file_error   must be one type, or nobody could catch the other unit's: vtable, type information,
#                             and constructors and destructors, which do nothing but call those of the standard
#                             library (disassembly.cmake looks into them, too)
#   on_error                  must be one variable, or a handler would be installed in one unit only
set(error "tshift::v[0-9_]+::(shape_error|file_error)")
set(shared "${error}::|tshift::v[0-9_]+::on_error$|(vtable|typeinfo|typeinfo name) for ${error}$")

# weak_symbols(<object> <result>): mangled names in namespace tshift; those of std:: over our types are the standard
# library's (see disassembly.cmake).
function(weak_symbols object result)
  execute_process(COMMAND "${NM}" --defined-only "${object}" OUTPUT_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${NM} cannot read ${object}")
  endif()
  string(REGEX MATCHALL " [WwVvu] _Z[A-Z]*N[VKRO]*6tshift[^\n]*" found "${output}")
  list(TRANSFORM found REPLACE "^ [WwVvu] " "")
  list(LENGTH found count)
  if(count EQUAL 0)
    message(FATAL_ERROR "${object} has no weak symbol of tshift, so this would prove nothing.")
  endif()
  message(STATUS "${count} weak symbols of tshift in ${object}")
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

string(REPLACE "," ";" OBJECTS "${OBJECTS}")
list(LENGTH OBJECTS count)
if(count LESS 2)
  message(FATAL_ERROR "OBJECTS must name two objects at least")
endif()
set(number 0)
set(pairs 0)
set(bad "")
foreach(object IN LISTS OBJECTS)
  get_filename_component(name "${object}" NAME)
  string(REGEX MATCH "[.].*$" unit_${number} "${name}")
  weak_symbols("${object}" symbols_${number})
  foreach(other RANGE ${number})
    if(unit_${other} STREQUAL unit_${number})
      continue()
    endif()
    math(EXPR pairs "${pairs} + 1")
    foreach(symbol IN LISTS symbols_${number})
      if(symbol IN_LIST symbols_${other})
        if(NOT DEFINED name_of_${symbol})
          execute_process(COMMAND "${CXXFILT}" "${symbol}" OUTPUT_VARIABLE name_of_${symbol}
                          OUTPUT_STRIP_TRAILING_WHITESPACE)
        endif()
        if(NOT name_of_${symbol} MATCHES "^(${shared})")
          string(APPEND bad "\n  ${name_of_${symbol}}\n    in ${unit_${other}} and ${unit_${number}}")
        endif()
      endif()
    endforeach()
  endforeach()
  math(EXPR number "${number} + 1")
endforeach()
if(bad)
  message(FATAL_ERROR "The same weak symbol is in two objects that were built with different flags:${bad}")
endif()
if(pairs EQUAL 0)
  message(FATAL_ERROR "OBJECTS are all of one unit, so this would prove nothing.")
endif()
message(STATUS "${pairs} pairs of objects share no weak symbol but the ones that must be shared")
