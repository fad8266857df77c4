# SPDX-License-Identifier: MIT
# tshift_headers(<result> <root of the repository> [PUBLIC]): the headers that tests look at, relative to include/; with
# PUBLIC, those that a user includes: not kernel/, not macros/.
function(tshift_headers result root)
  set(watch CONFIGURE_DEPENDS)
  if(CMAKE_SCRIPT_MODE_FILE)
    set(watch "")
  endif()
  file(GLOB_RECURSE headers ${watch} RELATIVE "${root}/include" "${root}/include/tshift/*.hpp")
  # These need PyTorch, which few machines have; what tests them compiles them. The other adapters compile everywhere:
  # Eigen and OpenMP are there for the tests, and mdspan.hpp and dlpack.hpp include nothing of what they adapt.
  list(FILTER headers EXCLUDE REGEX "/interop/torch")
  # Gives back what macros/away.hpp put away, and is nothing alone.
  list(FILTER headers EXCLUDE REGEX "/macros/back[.]hpp$")
  if(ARGN STREQUAL "PUBLIC")
    list(FILTER headers EXCLUDE REGEX "/(kernel|macros)/")
  endif()
  if(NOT headers)
    message(FATAL_ERROR "No headers in ${root}/include: nothing would be checked.")
  endif()
  set(${result} "${headers}" PARENT_SCOPE)
endfunction()
