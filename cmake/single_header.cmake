# SPDX-License-Identifier: MIT
# cmake [-D OUTPUT=tshift_single.hpp] -P cmake/single_header.cmake
# Writes the whole operator (tshift.hpp, reference.hpp, conformance.hpp and what they include) as one header that needs
# xsimd and nothing else. The build's target tshift_single calls this.
cmake_minimum_required(VERSION 3.21)
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
if(NOT OUTPUT)
  set(OUTPUT tshift_single.hpp)
endif()
get_filename_component(OUTPUT "${OUTPUT}" ABSOLUTE)

# The operator is what stands neither in nn/, models/ and io/ nor in interop/.
file(GLOB headers RELATIVE "${root}/include" "${root}/include/tshift/*.hpp" "${root}/include/tshift/kernel/*.hpp")
# Not the doors: tshift.hpp is includes and nothing else, and the others open the floors above.
list(FILTER headers EXCLUDE REGEX "^tshift/(tshift|nn|models|train|audio)[.]hpp$")
if(NOT headers)
  message(FATAL_ERROR "No headers in ${root}/include/tshift")
endif()

# --- our headers, each once, in the order in which a compiler would see them -----------------------------------------

# Kept in global properties, because append() calls itself: done, our headers in the text; foreign, the others that they
# include; body, the text.

function(flush header text)
  string(REGEX REPLACE "\n\n\n+" "\n\n" text "\n${text}")
  string(STRIP "${text}" text)
  if(text)
    set_property(GLOBAL APPEND_STRING PROPERTY body "\n// ---- ${header}\n\n${text}\n")
  endif()
endfunction()

function(append header)
  get_property(done GLOBAL PROPERTY done)
  if(header IN_LIST done)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY done "${header}")
  if(NOT EXISTS "${root}/include/${header}")
    message(FATAL_ERROR "${header} is included, and is not in ${root}/include")
  endif()
  file(READ "${root}/include/${header}" text)
  string(REPLACE "// SPDX-License-Identifier: MIT\n" "" text "${text}")
  string(REPLACE "#pragma once\n" "" text "\n${text}")

  set(own "")  # this header's text without its includes, as far as it is not in the body yet
  while(text MATCHES "\n#include ([<\"][^>\"\n]+[>\"])")
    set(line "${CMAKE_MATCH_0}")
    set(included "${CMAKE_MATCH_1}")
    string(FIND "${text}" "${line}" at)
    string(SUBSTRING "${text}" 0 ${at} before)
    string(APPEND own "${before}")
    string(LENGTH "${line}" length)
    math(EXPR at "${at} + ${length}")
    string(SUBSTRING "${text}" ${at} -1 text)

    # Such an include may not move to the top.
    string(REGEX MATCHALL "\n#if" opened "${own}")
    string(REGEX MATCHALL "\n#endif" closed "${own}")
    list(LENGTH opened opened)
    list(LENGTH closed closed)
    if(NOT opened EQUAL closed)
      message(FATAL_ERROR "${header} includes ${included} under a condition, which this script does not understand")
    endif()

    if(included MATCHES "^<tshift/macros/(away|back)[.]hpp>$")
      continue()  # once around the whole file
    elseif(NOT included MATCHES "^<tshift/(.*)>$")
      set_property(GLOBAL APPEND PROPERTY foreign "${included}")
    else()
      set(included "tshift/${CMAKE_MATCH_1}")
      if(own MATCHES "\n[^/\n]")  # an include below code (presets.hpp in plan.hpp) stays below it
        flush("${header}" "${own}")
        set(own "")
      endif()
      append("${included}")
    endif()
  endwhile()
  flush("${header}" "${own}${text}")
endfunction()

foreach(header IN LISTS headers)
  append("${header}")
endforeach()
get_property(body GLOBAL PROPERTY body)

# --- head and foot ----------------------------------------------------------------------------------------------------

get_property(foreign GLOBAL PROPERTY foreign)
list(REMOVE_DUPLICATES foreign)
list(SORT foreign)
set(includes "")
foreach(header IN LISTS foreign)
  if(header MATCHES "^<[a-z_]+>$")
    string(APPEND includes "#include ${header}\n")
  elseif(NOT header STREQUAL "<xsimd/xsimd.hpp>")
    message(FATAL_ERROR "The operator includes ${header}: it may need xsimd and the standard library only")
  endif()
endforeach()
string(APPEND includes "\n#include <xsimd/xsimd.hpp>\n")

file(STRINGS "${root}/include/tshift/version.hpp" lines REGEX "define TSHIFT_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
list(GET numbers 0 major)
list(GET numbers 1 minor)
list(GET numbers 2 patch)
math(EXPR number "${major} * 10000 + ${minor} * 100 + ${patch}")

foreach(name away back)
  file(READ "${root}/include/tshift/macros/${name}.hpp" ${name})
  string(REPLACE "// SPDX-License-Identifier: MIT\n" "// ---- tshift/macros/${name}.hpp\n\n" ${name} "${${name}}")
endforeach()

file(READ "${root}/LICENSE" licence)
string(STRIP "${licence}" licence)
string(REPLACE "\n" "\n// " licence "// ${licence}")
string(REPLACE "// \n" "//\n" licence "${licence}")

file(WRITE "${OUTPUT}" "// SPDX-License-Identifier: MIT
// tshift ${major}.${minor}.${patch}: the temporal shift for C++20, the whole operator in one header.
// It needs xsimd 8.1 or newer.
//
// Made by cmake/single_header.cmake from the headers in include/tshift/; changes belong there.
//
${licence}
#pragma once

// Two copies of this file, at different places, count as one.
#if defined(TSHIFT_SINGLE_HEADER) && TSHIFT_SINGLE_HEADER != ${number}
#error \"tshift: this unit includes tshift_single.hpp of two versions; take one\"
#elif defined(TSHIFT_VERSION) && !defined(TSHIFT_SINGLE_HEADER)
#error \"tshift: this unit includes <tshift/...> and tshift_single.hpp; take one of the two\"
#elif !defined(TSHIFT_SINGLE_HEADER)

${away}
${includes}${body}
${back}
#define TSHIFT_SINGLE_HEADER ${number}
#endif
")
get_property(done GLOBAL PROPERTY done)
list(LENGTH done count)
message(STATUS "tshift: ${count} headers in ${OUTPUT}")
