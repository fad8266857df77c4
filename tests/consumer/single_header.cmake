# SPDX-License-Identifier: MIT
# The operator as one header: what it needs, and what becomes of it beside the headers of include/tshift.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
set(project "${CMAKE_CURRENT_LIST_DIR}/single_header")
set(header "${SCRATCH}/one/tshift_single.hpp")
run("generate" "${CMAKE_COMMAND}" -D "OUTPUT=${header}" -P "${SOURCE}/cmake/single_header.cmake")
set(single "-I${SCRATCH}/one")
set(ordinary "-I${SOURCE}/include")
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

file(STRINGS "${header}" lines LIMIT_COUNT 2)
if(NOT lines MATCHES "^// SPDX-License-Identifier: MIT;// tshift ${VERSION}: ")
  message(FATAL_ERROR "The single header begins with other lines: ${lines}")
endif()

# One unit with it, one with the ordinary headers, one program.
run("compile" ${compile} ${warnings} ${single} ${xsimd} -c "${project}/main.cpp" -o "${SCRATCH}/main.o")
run("compile the other unit" ${compile} ${warnings} ${ordinary} ${xsimd} -c "${project}/other_unit.cpp"
    -o "${SCRATCH}/other.o")
run("link" "${COMPILER}" "${SCRATCH}/main.o" "${SCRATCH}/other.o" -o "${SCRATCH}/consumer")
run("run" "${SCRATCH}/consumer")

# Beside itself it needs xsimd and the standard library.
execute_process(COMMAND ${compile} ${single} ${xsimd} -M "${project}/main.cpp" RESULT_VARIABLE status
                OUTPUT_VARIABLE used)
if(NOT status EQUAL 0 OR NOT used MATCHES "/xsimd[.]hpp" OR used MATCHES "/include/tshift/|/[Ee]igen|/nlohmann|/iostream")
  message(FATAL_ERROR "The single header includes more than it may, or nothing at all:\n${used}")
endif()

# Two copies in one unit are one; other mixtures are an error that says what to do.
file(MAKE_DIRECTORY "${SCRATCH}/two")
file(COPY "${header}" DESTINATION "${SCRATCH}/two/copy")
file(READ "${header}" text)
string(REGEX REPLACE "SINGLE_HEADER ([!=]*) ?[0-9]+" "SINGLE_HEADER \\1 99" text "${text}")
file(WRITE "${SCRATCH}/two/other_version/tshift_single.hpp" "${text}")
function(unit name)
  file(WRITE "${SCRATCH}/two/${name}.cpp" "")
  foreach(include IN LISTS ARGN)
    file(APPEND "${SCRATCH}/two/${name}.cpp" "#include ${include}\n")
  endforeach()
endfunction()
set(check ${compile} ${single} ${ordinary} ${xsimd} -fsyntax-only)
unit(copies "\"copy/tshift_single.hpp\"" "<tshift_single.hpp>")
run("two copies" ${check} "${SCRATCH}/two/copies.cpp")
run("beside macros with short names" ${check} -DA=1 -DN=2 -DT=3 -DI=4 -Dmajor=5 -Dfar= "${SCRATCH}/two/copies.cpp")
unit(versions "\"other_version/tshift_single.hpp\"" "<tshift_single.hpp>")
refused("two versions" "tshift: this unit includes tshift_single.hpp of two versions; take one"
        ${check} "${SCRATCH}/two/versions.cpp")
unit(after "<tshift/plan.hpp>" "<tshift_single.hpp>")
unit(before "<tshift_single.hpp>" "<tshift/plan.hpp>")
foreach(order after before)
  refused("the single header ${order} an ordinary one"
          "tshift: this unit includes <tshift/...> and tshift_single.hpp; take one of the two"
          ${check} "${SCRATCH}/two/${order}.cpp")
endforeach()
