// SPDX-License-Identifier: MIT
// Catch2, whichever major is installed: Debian 12 has version 2, one header; version 3 has another one.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
