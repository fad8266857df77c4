# SPDX-License-Identifier: MIT
# Runs the vcpkg port, and uses what it installs. vcpkg's functions are stood in for by short ones that do the same to
# the source tree: they show that the port's calls fit this project, not that vcpkg accepts the port.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
set(port "${SOURCE}/cmake/packaging/vcpkg/ports/tshift")
file(READ "${port}/vcpkg.json" json)
string(JSON PORT GET "${json}" name)
string(JSON VERSION_OF_PORT GET "${json}" version)
set(CURRENT_PACKAGES_DIR "${SCRATCH}/installed")

# Each stand-in refuses arguments that vcpkg's function does not have.
function(vcpkg_from_github)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_SOURCE_PATH;REPO;REF;SHA512;HEAD_REF" "")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_REPO OR NOT arg_REF STREQUAL "v${VERSION_OF_PORT}" OR NOT DEFINED arg_SHA512)
    message(FATAL_ERROR "vcpkg_from_github: ${ARGN}")
  endif()
  set(${arg_OUT_SOURCE_PATH} "${SOURCE}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  if(arg_UNPARSED_ARGUMENTS OR NOT VCPKG_BUILD_TYPE STREQUAL "release")
    message(FATAL_ERROR "vcpkg_cmake_configure: ${ARGN}")
  endif()
  run("configure the port" "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${SCRATCH}/port" ${arguments}
      "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
  run("build the port" "${CMAKE_COMMAND}" --build "${SCRATCH}/port")
  run("install the port" "${CMAKE_COMMAND}" --install "${SCRATCH}/port")
endfunction()

# Moves the package to share/<port>, one folder higher, and corrects the way back to the prefix.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  if(arg_UNPARSED_ARGUMENTS OR NOT EXISTS "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/${PORT}Config.cmake")
    message(FATAL_ERROR "vcpkg_cmake_config_fixup: no package in ${arg_CONFIG_PATH}")
  endif()
  file(RENAME "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" "${CURRENT_PACKAGES_DIR}/share/${PORT}")
  set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
  foreach(name Config Targets)
    file(READ "${CURRENT_PACKAGES_DIR}/share/${PORT}/${PORT}${name}.cmake" text)
    string(REPLACE "${up}${up}${up}" "${up}${up}" text "${text}")
    string(REPLACE "/../../../" "/../../" text "${text}")
    file(WRITE "${CURRENT_PACKAGES_DIR}/share/${PORT}/${PORT}${name}.cmake" "${text}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
  if(ARGN OR NOT EXISTS "${CURRENT_PACKAGES_DIR}/share/pkgconfig/${PORT}.pc")
    message(FATAL_ERROR "vcpkg_fixup_pkgconfig: ${ARGN}")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "COMMENT" "FILE_LIST")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "vcpkg_install_copyright: ${ARGN}")
  endif()
  file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/share/${PORT}")
  file(COPY_FILE "${arg_FILE_LIST}" "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright")
endfunction()

set(VERSION "${VERSION_OF_PORT}")
include("${port}/portfile.cmake")

foreach(file copyright usage tshiftConfig.cmake tshiftConfigVersion.cmake)
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/share/tshift/${file}")
    message(FATAL_ERROR "The port installs no share/tshift/${file}")
  endif()
endforeach()
# What vcpkg's checks after a build ask of a header-only port.
file(GLOB others RELATIVE "${CURRENT_PACKAGES_DIR}" "${CURRENT_PACKAGES_DIR}/*")
if(NOT others STREQUAL "include;share")
  message(FATAL_ERROR "The port installs ${others}, and should install include and share")
endif()

run("configure" "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/find_package" -B "${SCRATCH}/build" ${arguments}
    "-DCMAKE_PREFIX_PATH=${CURRENT_PACKAGES_DIR}" "-DWANTED=${VERSION}")
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")
