# SPDX-License-Identifier: MIT
# Warnings for tshift's own tests, examples and benchmarks; never on the library target.
set(TSHIFT_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)

function(tshift_warnings target)
  target_compile_options(${target} PRIVATE ${TSHIFT_WARNINGS} $<$<BOOL:${TSHIFT_WERROR}>:-Werror>)
endfunction()
