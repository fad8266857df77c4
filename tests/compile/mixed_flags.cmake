# SPDX-License-Identifier: MIT
# One program of units built for different instruction sets, by g++, by clang, and by both. Included by CMakeLists.txt.
#
# A unit is <flags>_<compiler>_<build>. Debug units are not optimised, so that more functions stay in the object;
# release units are, so that the compiler adds some of its own. The commands are ours, and not targets: nothing of
# CMAKE_CXX_FLAGS may get in, and there are two compilers.
set(folder "${CMAKE_CURRENT_BINARY_DIR}/mixed")
file(MAKE_DIRECTORY "${folder}")

set(flags_baseline -march=x86-64)
set(flags_avx2 -march=x86-64 ${TSHIFT_AVX2_FLAGS})
set(flags_f16c -march=x86-64 ${TSHIFT_F16C_FLAGS})  # only the operator knows the difference
set(flags_avx512 -march=x86-64 ${TSHIFT_AVX512_FLAGS})
set(flags_debug_gcc -O0)
set(flags_debug_clang -O0)
set(flags_release_gcc -O2 -DNDEBUG -Wno-uninitialized -Wno-maybe-uninitialized)  # GCC bug 105593, see ../
set(flags_release_clang -O2 -DNDEBUG)

# The project's compiler, and the other one if there is one that can compile the library.
set(compiler_gcc "")
set(compiler_clang "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(compiler_gcc "${CMAKE_CXX_COMPILER}")
  find_program(TSHIFT_OTHER_COMPILER NAMES clang++ clang++-19 clang++-14)
  set(other clang)
else()
  set(compiler_clang "${CMAKE_CXX_COMPILER}")
  find_program(TSHIFT_OTHER_COMPILER NAMES g++ g++-12)
  set(other gcc)
endif()

# As in flags.cmake: directories that the compiler searches anyway must stay where they are in its list.
set(directories "$<TARGET_PROPERTY:tshift::xsimd,INTERFACE_INCLUDE_DIRECTORIES>")
foreach(directory IN LISTS CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  string(REPLACE "." "[.]" directory "${directory}")
  string(REPLACE "+" "[+]" directory "${directory}")
  set(directories "$<FILTER:${directories},EXCLUDE,^${directory}$>")
endforeach()
set(common -std=c++20 "-I${PROJECT_SOURCE_DIR}/include"
           "$<$<BOOL:${directories}>:-isystem$<JOIN:${directories},$<SEMICOLON>-isystem>>" ${TSHIFT_WARNINGS}
           $<$<BOOL:${TSHIFT_WERROR}>:-Werror>)

# mixed_object(<result> <compiler's name> <source> <object> <flags...>)
function(mixed_object result compiler source object)
  set(path "${folder}/${object}.o")
  add_custom_command(OUTPUT "${path}"
                     COMMAND "${compiler_${compiler}}" ${common} ${ARGN} -MD -MF "${path}.d" -c
                             "${CMAKE_CURRENT_SOURCE_DIR}/${source}" -o "${path}"
                     DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${source}" DEPFILE "${path}.d"
                     COMMENT "Building ${object}.o" VERBATIM COMMAND_EXPAND_LISTS)
  set(${result} "${path}" PARENT_SCOPE)
endfunction()

# mixed_program(<result> <name> <compiler's name> <objects...>)
function(mixed_program result name compiler)
  add_custom_command(OUTPUT "${folder}/${name}"
                     COMMAND "${compiler_${compiler}}" ${ARGN} -o "${folder}/${name}" DEPENDS ${ARGN}
                     COMMENT "Linking ${name}" VERBATIM)
  set(${result} "${folder}/${name}" PARENT_SCOPE)
  set_property(GLOBAL APPEND PROPERTY tshift_mixed_programs "${folder}/${name}")
endfunction()

# mixed_test(<case> <arguments of a command...>)
function(mixed_test case)
  add_test(NAME compile.${case} COMMAND ${ARGN})
  set_tests_properties(compile.${case} PROPERTIES LABELS compile SKIP_RETURN_CODE 77)
endfunction()

# mixed_set(<name> <compiler's name that links> <units...>): programs in both orders of objects, and what is checked.
function(mixed_set name compiler)
  foreach(part operator blocks)
    set(units "${ARGN}")
    set(objects "")
    if(part STREQUAL "blocks")
      list(TRANSFORM units REPLACE "^(.+)$" "${folder}/operator.\\1.o" OUTPUT_VARIABLE objects)
      list(FILTER units EXCLUDE REGEX "^f16c_")
    endif()
    foreach(unit IN LISTS units)
      list(APPEND objects "${folder}/${part}.${unit}.o")
    endforeach()
    list(TRANSFORM units REPLACE "^(.+)$" "X(\\1)" OUTPUT_VARIABLE unit_list)
    list(JOIN unit_list " " unit_list)
    # A user's main is built for the baseline; it comes first in both orders, as CMake and make link it.
    set(source mixed_flags_main.cpp)
    if(part STREQUAL "blocks")
      set(source mixed_flags_blocks_main.cpp)
    endif()
    mixed_object(main ${compiler} ${source} main_${part}.${name} ${flags_baseline} -O1 "-DUNITS=${unit_list}")
    # Both orders, because the linker keeps the first of two equal weak symbols.
    set(reversed ${objects})
    list(REVERSE reversed)
    mixed_program(program ${part}_${name}_a ${compiler} ${main} ${objects})
    mixed_test(mixed_flags_${part}_${name}_a "${program}")
    mixed_program(program_reversed ${part}_${name}_b ${compiler} ${main} ${reversed})
    mixed_test(mixed_flags_${part}_${name}_b "${program_reversed}")

    # A test's arguments cannot hold semicolons.
    set(baseline ${objects})
    list(FILTER baseline INCLUDE REGEX "/[a-z]+[.]baseline_")
    list(JOIN baseline "," baseline)
    list(JOIN objects "," object_list)
    set(tools -D "NM=${CMAKE_NM}" -D "CXXFILT=${TSHIFT_CXXFILT}")
    set(disassembler -D "OBJDUMP=${CMAKE_OBJDUMP}" -D "AWK=${TSHIFT_AWK}")
    foreach(order a b)
      set(any_std "")
      if(part STREQUAL "blocks" AND order STREQUAL "b")
        set(any_std -D ANY_STD=1)
      endif()
      mixed_test(disassembly_${part}_${name}_${order} "${CMAKE_COMMAND}" ${tools} ${disassembler}
                 -D "BASELINE=${baseline}" -D "PROGRAM=${folder}/${part}_${name}_${order}" ${any_std}
                 -P "${CMAKE_CURRENT_SOURCE_DIR}/disassembly.cmake")
    endforeach()
    if(part STREQUAL "blocks" AND NOT name STREQUAL "gcc_and_clang")  # those were checked with each compiler
      mixed_test(disassembly_${name} "${CMAKE_COMMAND}" ${disassembler} -D "OBJECTS=${object_list}"
                 -P "${CMAKE_CURRENT_SOURCE_DIR}/disassembly.cmake")
      mixed_test(weak_symbols_${name} "${CMAKE_COMMAND}" ${tools} -D "OBJECTS=${object_list}"
                 -P "${CMAKE_CURRENT_SOURCE_DIR}/weak_symbols.cmake")
    endif()
  endforeach()
endfunction()

find_program(TSHIFT_CXXFILT NAMES c++filt llvm-cxxfilt REQUIRED)
find_program(TSHIFT_AWK NAMES awk gawk mawk REQUIRED)
set(all_units "")
foreach(compiler gcc clang)
  if(compiler STREQUAL other)
    # One that is there but finds no standard library, or is too old, is none.
    set(works 1)
    if(TSHIFT_OTHER_COMPILER)
      file(WRITE "${folder}/works.cpp" "#include <concepts>\n#include <span>\nstatic_assert(std::integral<int>);\n")
      execute_process(COMMAND "${TSHIFT_OTHER_COMPILER}" -std=c++20 -fsyntax-only "${folder}/works.cpp"
                      RESULT_VARIABLE works OUTPUT_QUIET ERROR_QUIET)
    endif()
    if(NOT works EQUAL 0)
      foreach(case mixed_flags disassembly weak_symbols)
        add_test(NAME compile.${case}_${other} COMMAND "${CMAKE_COMMAND}" -E echo
                 "SKIPPED: no second compiler (${other}) with a C++20 standard library was found")
        set_tests_properties(compile.${case}_${other} PROPERTIES LABELS compile SKIP_REGULAR_EXPRESSION "SKIPPED:")
      endforeach()
      continue()
    endif()
    set(compiler_${other} "${TSHIFT_OTHER_COMPILER}")
  endif()
  set(units "")
  foreach(flags baseline avx2 f16c avx512)
    foreach(build debug release)
      set(unit ${flags}_${compiler}_${build})
      list(APPEND units ${unit})
      set(parts operator blocks)
      if(flags STREQUAL "f16c")
        set(parts operator)
      endif()
      foreach(part IN LISTS parts)
        mixed_object(object ${compiler} mixed_flags_${part}.cpp ${part}.${unit} ${flags_${flags}}
                     ${flags_${build}_${compiler}} -DUNIT=${unit})
      endforeach()
    endforeach()
  endforeach()
  mixed_set(${compiler} ${compiler} ${units})
  list(APPEND all_units ${units})
endforeach()

# Objects of both compilers in one program.
if(compiler_gcc AND compiler_clang)
  mixed_set(gcc_and_clang gcc ${all_units})
endif()

# Flags that a unit may have beyond these: their code has names of its own, which needs no processor to see.
set(flags_newer -march=x86-64 ${TSHIFT_AVX512BF16_FLAGS} -mf16c)
set(newer_objects "")
foreach(flags avx512 newer)
  set(unit ${flags}_gcc_release)
  if(NOT compiler_gcc)
    set(unit ${flags}_clang_release)
  endif()
  string(REGEX REPLACE "^.*_(gcc|clang)_.*$" "\\1" compiler ${unit})
  foreach(part operator blocks)
    if(flags STREQUAL "newer")
      mixed_object(object ${compiler} mixed_flags_${part}.cpp ${part}.${unit} ${flags_newer}
                   ${flags_release_${compiler}} -DUNIT=${unit})
      set_property(GLOBAL APPEND PROPERTY tshift_mixed_programs "${object}")
    endif()
    list(APPEND newer_objects "${folder}/${part}.${unit}.o")
  endforeach()
endforeach()
list(JOIN newer_objects "," newer_objects)
mixed_test(weak_symbols_newer "${CMAKE_COMMAND}" -D "NM=${CMAKE_NM}" -D "CXXFILT=${TSHIFT_CXXFILT}"
           -D "OBJECTS=${newer_objects}" -P "${CMAKE_CURRENT_SOURCE_DIR}/weak_symbols.cmake")

get_property(programs GLOBAL PROPERTY tshift_mixed_programs)
add_custom_target(tshift_mixed_flags ALL DEPENDS ${programs})
