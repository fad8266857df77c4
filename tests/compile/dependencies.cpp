// SPDX-License-Identifier: MIT
// What a user of the umbrella header includes with it: see dependencies.cmake.
#include <tshift/tshift.hpp>
