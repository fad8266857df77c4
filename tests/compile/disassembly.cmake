# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D OBJDUMP= -D AWK= -D OBJECTS=<object,...> -P disassembly.cmake
# cmake -D OBJDUMP= -D AWK= -D NM= -D CXXFILT= -D BASELINE=<object,...> -D PROGRAM= [-D ANY_STD=1] -P disassembly.cmake
# Which instructions the units' code is made of. Objects are named <part>.<flags>_<anything>.o.
#   baseline  no register but xmm, and no instruction in VEX or EVEX form (whose names begin with v)
#   avx2, f16c  ymm, but no zmm and no mask register
#   avx512    zmm
# In the linked PROGRAM, whatever the order of its objects: every function that carries the name of the baseline's
# flags, and every function that a baseline object defines and the linker may have taken from another one, is of the
# baseline's instructions too. With ANY_STD the latter is required of all but functions of the standard library and of
# xsimd, which are counted: blocks and models use containers and strings, whose functions carry no name of ours.

# disassemble(<file> <result>): for each function its name; after those with instructions in VEX or EVEX form, or with
# registers longer than xmm, "|<lines with ymm>|<lines with zmm or masks>|<the first of all these>".
function(disassemble file result)
  execute_process(COMMAND "${OBJDUMP}" -d --no-show-raw-insn "${file}"
                  COMMAND "${AWK}" [[
                    function done() {
                      if (name != "") print first == "" ? name : name "|" ymm + 0 "|" zmm + 0 "|" first
                    }
                    />:$/ { done(); name = $2; gsub(/[<>:]/, "", name); first = ""; ymm = zmm = 0; next }
                    /\tv[a-z]|%[yz]mm|%k[0-7]/ {
                      if (first == "") first = $0
                      if (/%ymm/) ++ymm
                      if (/%zmm|%k[0-7]/) ++zmm
                    }
                    END { done() }]]
                  OUTPUT_VARIABLE output RESULTS_VARIABLE statuses)
  if(NOT statuses STREQUAL "0;0")
    message(FATAL_ERROR "${OBJDUMP} or ${AWK} cannot read ${file}: ${statuses}")
  endif()
  string(REGEX MATCHALL "[^\n]+" functions "${output}")
  if(NOT functions)
    message(FATAL_ERROR "${file} has no function, so this would prove nothing.")
  endif()
  set(${result} "${functions}" PARENT_SCOPE)
endfunction()

string(REPLACE "," ";" OBJECTS "${OBJECTS}")
string(REPLACE "," ";" BASELINE "${BASELINE}")
if(NOT OBJECTS AND NOT (BASELINE AND PROGRAM))
  message(FATAL_ERROR "OBJECTS must name objects, or BASELINE objects and PROGRAM a program")
endif()
foreach(object IN LISTS OBJECTS)
  get_filename_component(name "${object}" NAME)
  disassemble("${object}" functions)
  list(LENGTH functions count)
  set(vex ${functions})
  list(FILTER vex INCLUDE REGEX "[|]")
  set(ymm ${functions})
  list(FILTER ymm INCLUDE REGEX "[|][1-9][0-9]*[|][0-9]+[|]")
  set(zmm ${functions})
  list(FILTER zmm INCLUDE REGEX "[|][0-9]+[|][1-9][0-9]*[|]")
  if(name MATCHES "[.]baseline_")
    set(wrong ${vex})
  elseif(name MATCHES "[.](avx2|f16c)_")
    set(wrong ${zmm})
    if(NOT ymm)
      message(FATAL_ERROR "${object} uses no ymm register: it is not what it should be.")
    endif()
  elseif(name MATCHES "[.]avx512_")
    set(wrong "")
    if(NOT zmm)
      message(FATAL_ERROR "${object} uses no zmm register: it is not what it should be.")
    endif()
  else()
    message(FATAL_ERROR "${object} is not named after its flags")
  endif()
  if(wrong)
    list(JOIN wrong "\n  " wrong)
    message(FATAL_ERROR "${object} has functions with instructions that its flags do not allow:\n  ${wrong}")
  endif()
  list(LENGTH ymm ymm)
  list(LENGTH zmm zmm)
  message(STATUS "${name}: ${count} functions, ${ymm} with ymm, ${zmm} with zmm or masks")
endforeach()
if(NOT PROGRAM)
  return()
endif()

set(baseline_symbols "")
set(baseline_tags "")
foreach(object IN LISTS BASELINE)
  execute_process(COMMAND "${NM}" --defined-only "${object}" OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${NM} cannot read ${object}")
  endif()
  string(REGEX MATCHALL " [WwVvuT] [^\n]*" symbols "${symbols}")
  list(TRANSFORM symbols REPLACE "^ [WwVvuT] " "")
  list(APPEND baseline_symbols ${symbols})
  # _ZN6tshift4v0_17sse2_dx...: the name of the flags is the third one, after its length.
  foreach(symbol IN LISTS symbols)
    if(symbol MATCHES "6tshift[0-9]+v[0-9_]+((s?sse[0-9]_?[0-9]?|generic)_[a-z]*)")
      string(LENGTH "${CMAKE_MATCH_1}" length)
      list(APPEND baseline_tags "${length}${CMAKE_MATCH_1}")
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES baseline_symbols)
list(REMOVE_DUPLICATES baseline_tags)
list(LENGTH baseline_symbols count)
if(NOT baseline_tags OR count EQUAL 0)
  message(FATAL_ERROR "The baseline objects name no flags, so the program cannot be checked.")
endif()
# Looked up by variable, because a list of some thousand names would be searched for each function.
foreach(symbol IN LISTS baseline_symbols)
  set("own_${symbol}" 1)
endforeach()
list(JOIN baseline_tags "|" tags)
disassemble("${PROGRAM}" functions)
set(seen 0)
set(bad "")
set(foreign "")
foreach(line IN LISTS functions)
  string(REGEX REPLACE "[|].*" "" function "${line}")
  # A function that is the baseline's, or of which the linker kept one copy for all.
  string(REGEX MATCH "v[0-9_]+(${tags})" tagged "${function}")
  if(NOT tagged AND NOT DEFINED "own_${function}")
    continue()
  endif()
  math(EXPR seen "${seen} + 1")
  if(NOT line MATCHES "[|]")
    continue()
  endif()
  execute_process(COMMAND "${CXXFILT}" "${function}" OUTPUT_VARIABLE name OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(ANY_STD AND NOT tagged AND NOT function MATCHES "^_Z[A-Z]*N[VKRO]*6tshift" AND
     name MATCHES "(^|[ *&])(std|__gnu_cxx|xsimd)::|^decltype \\(::new")
    list(APPEND foreign "${name}")
  else()
    string(APPEND bad "\n  ${name}\n    ${line}")
  endif()
endforeach()
if(seen EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} has no function of the baseline's, so this would prove nothing.")
endif()
if(bad)
  message(FATAL_ERROR "${PROGRAM} has functions of the baseline's with other instructions:${bad}")
endif()
list(LENGTH foreign count)
message(STATUS "${PROGRAM}: ${seen} functions of the baseline's (${tags}), ${count} of the standard library and xsimd \
taken from units of other flags")
foreach(name IN LISTS foreign)
  message(STATUS "  ${name}")
endforeach()
