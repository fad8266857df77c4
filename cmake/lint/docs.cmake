# SPDX-License-Identifier: MIT
# Every public name is documented: Doxygen says so, and is seen to notice names that are not.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
set(OUTPUT "${SCRATCH}/docs")
include("${CMAKE_CURRENT_LIST_DIR}/../docs/docs.cmake")

# Nothing is overlooked: each public header has a page, and so have some names from everywhere.
file(GLOB_RECURSE headers RELATIVE "${SOURCE}/include/tshift" "${SOURCE}/include/tshift/*.hpp")
list(FILTER headers EXCLUDE REGEX "(^|/)(kernel|macros)/")
file(GLOB pages "${OUTPUT}/xml/*_8hpp.xml")
list(LENGTH headers count)
list(LENGTH pages seen)
if(NOT count EQUAL seen)
  message(FATAL_ERROR "${count} public headers, of which Doxygen read ${seen}: ${headers}")
endif()
file(GLOB pages "${OUTPUT}/xml/*.xml")
set(everything "")
foreach(page IN LISTS pages)
  file(READ "${page}" text)
  string(APPEND everything "${text}")
endforeach()
foreach(name tshift::shift tshift::shift_adjoint tshift::shift_plan::latency tshift::tensor_view::slice_sequences
             tshift::shift_stream::push tshift::presets::shift_gcn tshift::reference::shift tshift::conformance::check
             tshift::nn::wrap tshift::nn::lstm::hidden tshift::nn::calls::forward tshift::models::shift_cnn::classes tshift::io::safetensors::open
             tshift::audio::log_mel::forward tshift::audio::presets::whisper)
  string(FIND "${everything}" "<qualifiedname>${name}</qualifiedname>" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "Doxygen did not see ${name}")
  endif()
endforeach()

# Names without a word about them must be noticed.
file(WRITE "${SCRATCH}/docs_bad/undocumented.hpp" "// SPDX-License-Identifier: MIT
// A header for this check.
#pragma once
#define TSHIFT_SILENT_MACRO 1
namespace tshift { inline namespace TSHIFT_V {
void silent_function(int);
struct silent_struct {};
/// Says something.
struct loud_struct {
  int silent_member;
  TSHIFT_INLINE int silent_getter() const noexcept { return 1; }
};
/// Says something.
enum class loud_enum { silent_value };
}}  // namespace tshift
")
run_doxygen(warnings "${SCRATCH}/docs_bad/out" "${SCRATCH}/docs_bad/undocumented.hpp")
# Doxygen doubles underscores in the names of pages.
foreach(name TSHIFT_SILENT_MACRO silent_function silent__struct silent_member silent_getter silent_value)
  if(NOT warnings MATCHES "${name}")
    message(FATAL_ERROR "${name} is undocumented, and nobody noticed")
  endif()
endforeach()
message(STATUS "${count} public headers; names without documentation are noticed")
