// SPDX-License-Identifier: MIT
#include <string_view>
#include <type_traits>

#include <tshift/config.hpp>
#include <tshift/plan.hpp>
#include <tshift/presets.hpp>
#include <tshift/version.hpp>
#include <tshift/view.hpp>

#include "../support/catch.hpp"

#define TSHIFT_TEST_TEXT_(name) #name
#define TSHIFT_TEST_TEXT(name) TSHIFT_TEST_TEXT_(name)

TEST_CASE("The version's one integer orders versions", "[version]") {
  STATIC_REQUIRE(TSHIFT_VERSION == TSHIFT_VERSION_MAJOR * 10000 + TSHIFT_VERSION_MINOR * 100 + TSHIFT_VERSION_PATCH);
  // Two decimal digits each, or a later version could compare smaller.
  STATIC_REQUIRE(TSHIFT_VERSION_MINOR >= 0);
  STATIC_REQUIRE(TSHIFT_VERSION_MINOR < 100);
  STATIC_REQUIRE(TSHIFT_VERSION_PATCH >= 0);
  STATIC_REQUIRE(TSHIFT_VERSION_PATCH < 100);
#if TSHIFT_VERSION < 100
  FAIL("the preprocessor does not read the version");
#endif
}

TEST_CASE("Public types live in a namespace named after the version", "[version]") {
  STATIC_REQUIRE(std::is_same_v<tshift::shift_plan, tshift::TSHIFT_V::shift_plan>);
  STATIC_REQUIRE(std::is_same_v<tshift::tensor_view<float>, tshift::TSHIFT_V::tensor_view<float>>);
  STATIC_REQUIRE(std::is_same_v<tshift::shape_error, tshift::TSHIFT_V::shape_error>);
  STATIC_REQUIRE(std::string_view(TSHIFT_TEST_TEXT(TSHIFT_V)) ==
                 "v" TSHIFT_TEST_TEXT(TSHIFT_VERSION_MAJOR) "_" TSHIFT_TEST_TEXT(TSHIFT_VERSION_MINOR));
}

TEST_CASE("Functions live in a namespace named after the flags their machine code depends on", "[version]") {
  constexpr std::string_view name = TSHIFT_TEST_TEXT(TSHIFT_ISA);
  STATIC_REQUIRE_FALSE(name.empty());
  STATIC_REQUIRE(name.find("TSHIFT") == std::string_view::npos);  // every part was expanded
  STATIC_REQUIRE(
      std::is_same_v<decltype(tshift::presets::tsm(8)), decltype(tshift::TSHIFT_V::TSHIFT_ISA::presets::tsm(8))>);
#if defined(__AVX512BW__)
  STATIC_REQUIRE(name.starts_with("avx512bw"));
#elif defined(__AVX2__) && !defined(__AVX512F__)
  STATIC_REQUIRE(name.starts_with("avx2"));
#elif defined(__SSE2__) && !defined(__SSE3__)
  STATIC_REQUIRE(name.starts_with("sse2"));
#endif
#if defined(__F16C__)
  STATIC_REQUIRE(name.find('c', name.find_first_of("0123456789")) != std::string_view::npos);
#endif
}

TEST_CASE("Switches are 0 or 1", "[version]") {
  STATIC_REQUIRE((TSHIFT_EXCEPTIONS == 0 || TSHIFT_EXCEPTIONS == 1));
  STATIC_REQUIRE((TSHIFT_DEBUG == 0 || TSHIFT_DEBUG == 1));
  STATIC_REQUIRE(TSHIFT_STREAMING_BYTES > 0);
}
