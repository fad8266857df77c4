# SPDX-License-Identifier: MIT
# cmake -P versions.cmake: every file that repeats the version says what version.hpp says.
cmake_minimum_required(VERSION 3.21)
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
file(STRINGS "${root}/include/tshift/version.hpp" lines REGEX "define TSHIFT_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" version "${lines}")
string(REPLACE ";" "." version "${version}")
string(REPLACE "." "[.]" pattern "${version}")
set(wrong "")

# expect(<file> <pattern>): the file must match it; in the pattern, %v is the version.
macro(expect file wanted)
  file(READ "${root}/${file}" text)
  string(REPLACE "%v" "${pattern}" regex "${wanted}")
  if(NOT text MATCHES "${regex}")
    string(APPEND wrong "\n  ${file}")
  endif()
endmacro()

expect(cmake/packaging/vcpkg/ports/tshift/vcpkg.json "\n  \"version\": \"%v\",\n")
expect(cmake/packaging/conan/config.yml "\nversions:\n  \"%v\":\n    folder: all\n$")
expect(cmake/packaging/conan/all/conandata.yml "\nsources:\n  \"%v\":\n    url: \"[^\"\n]*/v%v[.]tar[.]gz\"\n")
expect(cmake/packaging/debian/changelog "^tshift [(]%v-[0-9]+[)] ")
expect(CITATION.cff "\nversion: %v\n")
if(wrong)
  message(FATAL_ERROR "Not the version of version.hpp, ${version}, in:${wrong}")
endif()
message(STATUS "5 files say ${version}")
