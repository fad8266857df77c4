# SPDX-License-Identifier: MIT
# Headers, CMake package and pkg-config file. Nothing in them depends on the machine: share/, not lib/.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(directory "${CMAKE_INSTALL_DATADIR}/cmake/tshift")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/tshiftConfig.cmake.in" "${PROJECT_BINARY_DIR}/tshiftConfig.cmake"
                              INSTALL_DESTINATION "${directory}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tshiftConfigVersion.cmake" COMPATIBILITY SameMajorVersion
                                 ARCH_INDEPENDENT)
# The way back from share/pkgconfig, so that the tree can be moved.
file(RELATIVE_PATH TSHIFT_PC_PREFIX "/p/${CMAKE_INSTALL_DATADIR}/pkgconfig" "/p")
configure_file("${PROJECT_SOURCE_DIR}/cmake/tshift.pc.in" "${PROJECT_BINARY_DIR}/tshift.pc" @ONLY)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/tshift" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
install(TARGETS tshift EXPORT tshiftTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT tshiftTargets NAMESPACE tshift:: DESTINATION "${directory}")
install(FILES "${PROJECT_BINARY_DIR}/tshiftConfig.cmake" "${PROJECT_BINARY_DIR}/tshiftConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/TshiftDependencies.cmake" DESTINATION "${directory}")
install(FILES "${PROJECT_BINARY_DIR}/tshift.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
