# SPDX-License-Identifier: MIT
# cppcheck over the headers, through units that use every operation, except:
set(off
    --suppress=missingIncludeSystem   # it is not meant to read the standard library, xsimd and Eigen
    --suppress=useStlAlgorithm        # a loop over a few elements reads better, and constexpr and kernels want it
    --suppress=shadowFunction         # a local variable named after a member function it does not call
    --suppress=noExplicitConstructor) # views convert to what the blocks take: that is the point of nn::input
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
# io/ refuses to go on without JSON and POSIX, so cppcheck must find the headers; it need not read them.
foreach(header nlohmann/json.hpp sys/mman.h unistd.h)
  file(WRITE "${SCRATCH}/cppcheck/${header}" "")
endforeach()
set(units tests/compile/mixed_flags_operator.cpp tests/compile/mixed_flags_blocks.cpp tests/compile/models_unit.cpp
          tests/compile/train_unit.cpp tests/compile/rest_unit.cpp tests/compile/interop_unit.cpp)
set(failed "")
set(runs 0)
# The two sides of the library's switches; _OPENMP because interop/openmp.hpp refuses to go on without.
foreach(switches "-D__SSE2__;-DNDEBUG;-D__cpp_exceptions=199711" "-D__AVX512F__;-D__AVX__;-D__SSE2__" "-DTSHIFT_DEBUG=1")
  execute_process(COMMAND "${CPPCHECK}" --quiet --language=c++ --std=c++20 --enable=warning,style,performance,portability
                          --inline-suppr --error-exitcode=1 ${off} -D_OPENMP=201511 ${switches} -I include
                          -I "${SCRATCH}/cppcheck" ${units}
                  WORKING_DIRECTORY "${SOURCE}" RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  math(EXPR runs "${runs} + 1")
  if(NOT status EQUAL 0)
    string(APPEND failed "\nwith ${switches}:\n${output}")
  endif()
endforeach()
if(failed)
  message(FATAL_ERROR "${CPPCHECK} objects:${failed}")
endif()
list(LENGTH units count)
message(STATUS "${count} units, ${runs} times, nothing found")
