# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
# Helpers of the other scripts here.

# list_files(<result> <patterns...>): source files, relative to the repository.
function(list_files result)
  set(files "")
  foreach(folder include tests examples benchmarks cmake)
    foreach(pattern IN LISTS ARGN)
      file(GLOB_RECURSE found RELATIVE "${SOURCE}" "${SOURCE}/${folder}/${pattern}")
      list(APPEND files ${found})
    endforeach()
  endforeach()
  list(LENGTH files count)
  if(count EQUAL 0)
    message(FATAL_ERROR "No ${ARGN} in ${SOURCE}: nothing was checked.")
  endif()
  set(${result} "${files}" PARENT_SCOPE)
endfunction()

function(require_version_14 tool)
  execute_process(COMMAND "${tool}" --version OUTPUT_VARIABLE version)
  if(NOT version MATCHES "version 14\\.")
    string(REGEX MATCH "version [0-9.]+" version "${version}")
    # Seen by CTest, which reports the case as skipped.
    message(FATAL_ERROR "SKIPPED: ${tool} is ${version}, and this check is made for version 14.")
  endif()
endfunction()

# one_unit(<name> [more...]): a unit SCRATCH/<name> of those in tests/compile/ that together instantiate everything, and
# of more of them, so that the headers are read once.
function(one_unit name)
  set(text "")
  foreach(unit mixed_flags_operator mixed_flags_blocks models_unit train_unit rest_unit interop_unit ${ARGN})
    string(APPEND text "#include \"${SOURCE}/tests/compile/${unit}.cpp\"\n")
  endforeach()
  file(WRITE "${SCRATCH}/${name}" "${text}")
endfunction()
