// SPDX-License-Identifier: MIT
// The one place with the version. CMake, the package config and the inline namespace read it from here.
#pragma once

#ifdef TSHIFT_SINGLE_HEADER
#error "tshift: this unit includes <tshift/...> and tshift_single.hpp; take one of the two"
#endif

/// First number of the version.
#define TSHIFT_VERSION_MAJOR 0
/// Second number; the inline namespace TSHIFT_V has the first two.
#define TSHIFT_VERSION_MINOR 2
/// Third number.
#define TSHIFT_VERSION_PATCH 0

/// One integer for comparisons in the preprocessor: 10203 is version 1.2.3.
#define TSHIFT_VERSION (TSHIFT_VERSION_MAJOR * 10000 + TSHIFT_VERSION_MINOR * 100 + TSHIFT_VERSION_PATCH)
