# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# cmake -D COMPILER= -D FLAGS_FILE= -D ROOT= -D SCRATCH= -D SOURCE= -P hostile_macros.cmake
# SOURCE compiles: every public header behind macros with the names that it uses. Every header that declares something
# puts them away itself, so that each can be the first.
include("${FLAGS_FILE}")
include("${ROOT}/cmake/TshiftHeaders.cmake")
tshift_headers(headers "${ROOT}" PUBLIC)
set(includes "")
set(bare "")
foreach(header IN LISTS headers)
  string(APPEND includes "#include <${header}>\n")
  file(READ "${ROOT}/include/${header}" text)
  if(text MATCHES "\nnamespace " AND
     NOT text MATCHES "\n#pragma once\n\n#include <tshift/macros/away[.]hpp>\n.*\n#include <tshift/macros/back[.]hpp>\n$")
    string(APPEND bare "\n  ${header}")
  endif()
endforeach()
if(bare)
  message(FATAL_ERROR "Without <tshift/macros/away.hpp> as the first include and back.hpp as the last line:${bare}")
endif()
# What is put away comes back, and nothing else does.
foreach(way away back)
  file(STRINGS "${ROOT}/include/tshift/macros/${way}.hpp" ${way} REGEX "^#pragma p.*_macro")
  list(TRANSFORM ${way} REPLACE ".*\"(.*)\".*" "\\1")
endforeach()
if(NOT away STREQUAL back)
  message(FATAL_ERROR "macros/away.hpp and macros/back.hpp differ:\n${away}\n${back}")
endif()

file(CONFIGURE OUTPUT "${SCRATCH}/every_public_header.hpp" CONTENT "${includes}")
execute_process(COMMAND "${COMPILER}" ${FLAGS} -Wall -Wextra -Werror -fopenmp "-I${SCRATCH}" -fsyntax-only "${SOURCE}"
                RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}")
endif()
list(LENGTH headers count)
list(LENGTH away names)
message(STATUS "${count} headers survive macros, of which they put ${names} away")
