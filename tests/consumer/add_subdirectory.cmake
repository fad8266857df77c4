# SPDX-License-Identifier: MIT
# Uses the source tree as part of another project, which must get the library and nothing else.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

run("configure" "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/add_subdirectory" -B "${SCRATCH}/build" ${arguments}
    "-DTSHIFT_SOURCE=${SOURCE}")
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")
run("install" "${CMAKE_COMMAND}" --install "${SCRATCH}/build" --prefix "${SCRATCH}/prefix")
file(GLOB_RECURSE installed "${SCRATCH}/prefix/*")
if(installed)
  message(FATAL_ERROR "The parent's install contains files of tshift: ${installed}")
endif()
