# SPDX-License-Identifier: MIT
# What the library needs to be used: xsimd, and nlohmann/json for tshift/io/. Shared by the build and by the installed
# config, so they cannot drift.

# Defines tshift::xsimd, or sets TSHIFT_MISSING to a sentence that says what to install.
macro(tshift_find_xsimd)
  set(TSHIFT_MISSING "")
  if(NOT TARGET tshift::xsimd)
    # No version in the call: xsimd's version file refuses every other major, and we work with all from 8.1 on.
    # A project that has xsimd in its own tree brings the target with it.
    if(NOT TARGET xsimd)
      find_package(xsimd CONFIG QUIET)
    endif()
    if(NOT TARGET xsimd)
      set(TSHIFT_MISSING "tshift needs xsimd 8.1 or newer, and CMake found none: install libxsimd-dev (Debian, Ubuntu), \
xsimd (Fedora: xsimd-devel, conda, Homebrew, vcpkg), or set xsimd_DIR.")
    elseif(xsimd_VERSION AND xsimd_VERSION VERSION_LESS 8.1)
      set(TSHIFT_MISSING "tshift needs xsimd 8.1 or newer, and CMake found ${xsimd_VERSION} in ${xsimd_DIR}: install \
a newer one, or set xsimd_DIR.")
    else()
      # Headers only: Debian 12's target also links xtl, which Debian does not install with it.
      get_target_property(tshift_xsimd_directories xsimd INTERFACE_INCLUDE_DIRECTORIES)
      add_library(tshift::xsimd INTERFACE IMPORTED GLOBAL)
      target_include_directories(tshift::xsimd SYSTEM INTERFACE ${tshift_xsimd_directories})
      unset(tshift_xsimd_directories)
    endif()
  endif()
endmacro()

# Defines nlohmann_json::nlohmann_json, or sets TSHIFT_MISSING.
macro(tshift_find_json)
  set(TSHIFT_MISSING "")
  if(NOT TARGET nlohmann_json::nlohmann_json)
    find_package(nlohmann_json CONFIG QUIET)
  endif()
  if(NOT TARGET nlohmann_json::nlohmann_json)
    set(TSHIFT_MISSING "tshift's component io needs nlohmann/json, and CMake found none: install nlohmann-json3-dev \
(Debian, Ubuntu), nlohmann-json (Homebrew, vcpkg), nlohmann_json (conda; Fedora: json-devel), or set nlohmann_json_DIR.")
  endif()
endmacro()

# tshift::io: tshift::tshift with what tshift/io/ needs. That goes by its name: a project may bring it later, and CMake
# names it if it is missing where tshift::io is linked.
macro(tshift_add_io)
  if(NOT TARGET tshift::io)
    add_library(tshift::io INTERFACE IMPORTED GLOBAL)
    target_link_libraries(tshift::io INTERFACE tshift::tshift nlohmann_json::nlohmann_json)
  endif()
endmacro()
