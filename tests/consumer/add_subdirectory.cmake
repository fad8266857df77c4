# SPDX-License-Identifier: MIT
# Uses the source tree as part of another project, which must get the library and nothing else.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

run("configure" "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/add_subdirectory" -B "${SCRATCH}/build" ${arguments}
    "${library_alone}" "-DTSHIFT_SOURCE=${SOURCE}" "-Dnlohmann_json_DIR=${JSON}")
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")
run("run io" "${SCRATCH}/build/consumer_io")
nothing_of_ours_is_installed("${SCRATCH}/build")
