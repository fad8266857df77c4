# SPDX-License-Identifier: MIT
# What the library needs to be used: xsimd. Shared by the build and by the installed config, so they cannot drift.
#
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
