# SPDX-License-Identifier: MIT
# The components of the installed package: what each finds, and that none looks for more than it needs.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
run("install" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/prefix")
set(configure "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/components" ${arguments} "-DCMAKE_BUILD_TYPE=Debug"
              "-Dtshift_ROOT=${SCRATCH}/prefix")
set(no_json -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
set(no_eigen -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)

# Operator, blocks and models need xsimd alone.
run("configure operator, nn, models" ${configure} -B "${SCRATCH}/build" "-DWANTED=operator,nn,models" ${no_json}
    ${no_eigen})
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")

# io brings nlohmann/json.
run("configure io" ${configure} -B "${SCRATCH}/build_io" "-DWANTED=io" "-Dnlohmann_json_DIR=${JSON}" ${no_eigen})
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build_io")
run("run" "${SCRATCH}/build_io/consumer")

refused("io without nlohmann/json" "tshift's component io needs nlohmann/json, and CMake found none: install"
        ${configure} -B "${SCRATCH}/refused" "-DWANTED=operator,io" ${no_json})
refused("an unknown component" "tshift has no component 'gpu'; its components are operator, nn, models and io."
        ${configure} -B "${SCRATCH}/refused" "-DWANTED=nn,gpu")
# What is only optional may be missing; the project asserts that it is.
run("optional components" ${configure} -B "${SCRATCH}/optional" "-DWANTED=operator" "-DWITHOUT=gpu,io" ${no_json})
