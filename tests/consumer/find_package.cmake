# SPDX-License-Identifier: MIT
# Installs the library as a machine would that has xsimd and nothing else, moves the installed tree, and uses it from
# there.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
set(project "${CMAKE_CURRENT_LIST_DIR}/find_package")

set(nothing_else "")
foreach(package Catch2 benchmark Eigen3 OpenMP Threads PNG nlohmann_json CLI11)
  list(APPEND nothing_else "-DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON")
endforeach()
run("preset library" "${CMAKE_COMMAND}" --preset library -S "${SOURCE}" -B "${SCRATCH}/library" ${arguments}
    ${nothing_else})
run("install" "${CMAKE_COMMAND}" --install "${SCRATCH}/library" --prefix "${SCRATCH}/first place")
file(RENAME "${SCRATCH}/first place" "${SCRATCH}/second place")
set(prefix "${SCRATCH}/second place")

# Nothing installed knows where it was built or installed first.
file(GLOB_RECURSE files "${prefix}/*")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(FIND "${text}" "first place" position)
  if(NOT position EQUAL -1)
    message(FATAL_ERROR "${file} contains the first place")
  endif()
  # Where a path can begin: a checkout in /tshift must not be seen in share/cmake/tshift.
  string(PREPEND text " ")
  foreach(path "${SOURCE}" "${BUILD}")
    foreach(before " " "\"" "'" "=" "\;" "(" "<" ">" ":" "," "\n" "\t")
      string(FIND "${text}" "${before}${path}" position)
      if(NOT position EQUAL -1)
        message(FATAL_ERROR "${file} contains ${path}")
      endif()
    endforeach()
  endforeach()
endforeach()
file(GLOB_RECURSE headers RELATIVE "${SOURCE}/include" "${SOURCE}/include/*.hpp")
foreach(header IN LISTS headers)
  if(NOT EXISTS "${prefix}/include/${header}")
    message(FATAL_ERROR "${header} is not installed")
  endif()
endforeach()

set(configure "${CMAKE_COMMAND}" -S "${project}" ${arguments} "-Dtshift_ROOT=${prefix}")
run("configure" ${configure} -B "${SCRATCH}/build" "-DWANTED=${VERSION}")
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")

# Another major is refused, and so is a minor newer than this one.
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" ignored "${VERSION}")
math(EXPR major "${CMAKE_MATCH_1} + 1")
math(EXPR minor "${CMAKE_MATCH_2} + 1")
foreach(wrong "${major}.0" "9" "${CMAKE_MATCH_1}.${minor}")
  refused("version ${wrong}" "requested version \"${wrong}\"" ${configure} -B "${SCRATCH}/refused" "-DWANTED=${wrong}")
endforeach()

# A 32-bit consumer is served by a tree that a 64-bit machine installed, and the other way round.
set(PACKAGE_FIND_VERSION "${VERSION}")
string(REGEX MATCH "^[0-9]+" PACKAGE_FIND_VERSION_MAJOR "${VERSION}")
foreach(CMAKE_SIZEOF_VOID_P 4 8)
  include("${prefix}/share/cmake/tshift/tshiftConfigVersion.cmake")
  if(NOT PACKAGE_VERSION_COMPATIBLE OR PACKAGE_VERSION_UNSUITABLE)
    message(FATAL_ERROR "tshiftConfigVersion.cmake refuses pointers of ${CMAKE_SIZEOF_VOID_P} bytes")
  endif()
endforeach()

# What is missing is named.
refused("a machine without xsimd" "tshift needs xsimd 8.1 or newer, and CMake found none: install libxsimd-dev (Debian"
        ${configure} -B "${SCRATCH}/no_xsimd" "-DWANTED=${VERSION}" -DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON)
refused("the source without xsimd" "tshift needs xsimd 8.1 or newer, and CMake found none: install libxsimd-dev (Debian"
        "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${SCRATCH}/no_xsimd_source" ${arguments}
        -DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON)
