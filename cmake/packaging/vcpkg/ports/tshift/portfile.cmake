# SPDX-License-Identifier: MIT
set(VCPKG_BUILD_TYPE release)  # header-only library

# REPO and SHA512 belong to a published release: with SHA512 0, vcpkg prints the value that it wants.
vcpkg_from_github(
    OUT_SOURCE_PATH SOURCE_PATH
    REPO "@TSHIFT_REPOSITORY@"
    REF "v${VERSION}"
    SHA512 0
    HEAD_REF main
)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DTSHIFT_BUILD_TESTS=OFF
        -DTSHIFT_BUILD_EXAMPLES=OFF
        -DTSHIFT_BUILD_BENCHMARKS=OFF
        -DTSHIFT_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/tshift)
vcpkg_fixup_pkgconfig()

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
