// SPDX-License-Identifier: MIT
// The namespaces, and every macro of the library.
//
// A program writes tshift::, or tshift::presets, nn, models, io, interop, reference, conformance. Inside, every header
// opens `namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA {`, one keyword a level, because
// Universal Ctags finds nothing in `namespace a::inline b {`.
//   TSHIFT_V    such as v0_1: the version, so that two of them in one program stay apart. Public types stand in it
//               alone: they hold data, look the same under all flags, and may cross translation units.
//   TSHIFT_ISA  such as avx2fb: the unit's flags. Every function stands in it. Units built with different -m flags are
//               linked into one program, and the linker keeps one copy of each inline function: without this a baseline
//               unit would run AVX-512 code, and die on an older processor. That is what it buys. It costs no time at
//               run time, but longer symbols, a copy of the code for each set of flags, and TSHIFT_INLINE on members.
//   detail      checks and helpers                                                   } not for users, and may change
//   types       data structures inside public types, therefore in TSHIFT_V alone     }
//   kernel      loops: noexcept, unchecked                                           }
//
// All macros begin with TSHIFT_, all are defined after this include, and a definition given by the user wins. Switches
// are 0 or 1. None of them chooses a backend: that is the template argument Arch.
#pragma once

#include <tshift/version.hpp>

/// Failures throw shape_error (1), or go to the handler of error.hpp (0). Default: what the compiler was told.
/// May differ between translation units.
#ifndef TSHIFT_EXCEPTIONS
#if defined(__cpp_exceptions)
#define TSHIFT_EXCEPTIONS 1
#else
#define TSHIFT_EXCEPTIONS 0
#endif
#endif

/// Kernels check their own invariants (1) or not (0). Default: on unless NDEBUG. May differ between translation units.
#ifndef TSHIFT_DEBUG
#if defined(NDEBUG)
#define TSHIFT_DEBUG 0
#else
#define TSHIFT_DEBUG 1
#endif
#endif

/// Tensors of at least this many bytes are written around the caches, because the caches could not hold them anyway.
/// Default: input and output together fill three quarters of 32 MiB, the last-level cache of a server's core complex.
/// Speed only; may differ between units.
#ifndef TSHIFT_STREAMING_BYTES
#define TSHIFT_STREAMING_BYTES (std::ptrdiff_t{12} << 20)
#endif

/// Whether the compiler has a type _Float16, and whether it has one __bf16 that it adds: they are added as float16 and
/// bfloat16 are (float16.hpp). Default: what its macros and its version tell. The same in all translation units.
#ifndef TSHIFT_HAS_FLOAT16
#if !defined(__FLT16_MANT_DIG__)
#define TSHIFT_HAS_FLOAT16 0
#elif defined(__clang__) || __GNUC__ >= 13 || defined(__SSE2__)  // g++ 12 has the macro also where it has no type
#define TSHIFT_HAS_FLOAT16 1
#else
#define TSHIFT_HAS_FLOAT16 0
#endif
#endif
/// Whether the compiler adds __bf16 (1) or not (0).
#ifndef TSHIFT_HAS_BF16
#if defined(__BFLT16_MANT_DIG__) || (defined(__clang__) && __clang_major__ >= 19 && defined(__SSE2__))
#define TSHIFT_HAS_BF16 1
#else
#define TSHIFT_HAS_BF16 0
#endif
#endif

/// An invariant of ours, not a check of the caller's values (those are shape_error).
#if TSHIFT_DEBUG
#define TSHIFT_ASSERT(condition) \
  ((condition) ? void(0) : ::tshift::detail::invariant_broken(#condition, __FILE__, __LINE__))
#else
#define TSHIFT_ASSERT(condition) void(0)
#endif

/// Members of public types are always inlined, so that no copy compiled for one instruction set can be linked into a
/// unit built for another; longer functions stand in the namespace TSHIFT_ISA instead (see below).
#define TSHIFT_INLINE __attribute__((always_inline)) inline

#define TSHIFT_CONCAT_(a, b, c, d, e, f, g) a##_##b##c##d##e##f##g
#define TSHIFT_CONCAT(a, b, c, d, e, f, g) TSHIFT_CONCAT_(a, b, c, d, e, f, g)
#define TSHIFT_VERSION_NAME_(major, minor) v##major##_##minor
#define TSHIFT_VERSION_NAME(major, minor) TSHIFT_VERSION_NAME_(major, minor)

/// TSHIFT_V: inline namespace of the public types, named after the version.
#define TSHIFT_V TSHIFT_VERSION_NAME(TSHIFT_VERSION_MAJOR, TSHIFT_VERSION_MINOR)

/// TSHIFT_ISA: inline namespace of every function, named after the flags its machine code depends on.
#if defined(__AVX512BW__)
#define TSHIFT_ISA_BASE_ avx512bw
#elif defined(__AVX512F__)
#define TSHIFT_ISA_BASE_ avx512f
#elif defined(__AVX2__)
#define TSHIFT_ISA_BASE_ avx2
#elif defined(__AVX__)
#define TSHIFT_ISA_BASE_ avx
#elif defined(__SSE4_2__)
#define TSHIFT_ISA_BASE_ sse4_2
#elif defined(__SSE4_1__)
#define TSHIFT_ISA_BASE_ sse4_1
#elif defined(__SSSE3__)
#define TSHIFT_ISA_BASE_ ssse3
#elif defined(__SSE3__)
#define TSHIFT_ISA_BASE_ sse3
#elif defined(__SSE2__)
#define TSHIFT_ISA_BASE_ sse2
#elif defined(__ARM_FEATURE_SVE)
#define TSHIFT_ISA_BASE_ sve
#elif defined(__ARM_NEON)
#define TSHIFT_ISA_BASE_ neon
#else
#define TSHIFT_ISA_BASE_ generic
#endif

#if defined(__FMA__)
#define TSHIFT_ISA_FMA_ f
#else
#define TSHIFT_ISA_FMA_
#endif
#if defined(__BMI2__)  // with BMI2 come LZCNT, MOVBE and the like
#define TSHIFT_ISA_BMI_ b
#else
#define TSHIFT_ISA_BMI_
#endif
#if defined(__AVX512FP16__) && defined(__F16C__)  // what converts 16-bit floats, and what adds them
#define TSHIFT_ISA_HALF_ cp
#elif defined(__AVX512FP16__) || defined(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC)
#define TSHIFT_ISA_HALF_ p
#elif defined(__F16C__)
#define TSHIFT_ISA_HALF_ c
#else
#define TSHIFT_ISA_HALF_
#endif
#if defined(__AVX512BF16__)
#define TSHIFT_ISA_NEW_ h
#elif defined(__AVX512VNNI__)  // stands for everything newer than AVX-512BW
#define TSHIFT_ISA_NEW_ n
#elif defined(__AVX512VL__)
#define TSHIFT_ISA_NEW_ v
#else
#define TSHIFT_ISA_NEW_
#endif
#if TSHIFT_DEBUG
#define TSHIFT_ISA_DEBUG_ d
#else
#define TSHIFT_ISA_DEBUG_
#endif
#if TSHIFT_EXCEPTIONS
#define TSHIFT_ISA_EXCEPTIONS_ x
#else
#define TSHIFT_ISA_EXCEPTIONS_
#endif

#define TSHIFT_ISA                                                                                     \
  TSHIFT_CONCAT(TSHIFT_ISA_BASE_, TSHIFT_ISA_FMA_, TSHIFT_ISA_BMI_, TSHIFT_ISA_HALF_, TSHIFT_ISA_NEW_, \
                TSHIFT_ISA_DEBUG_, TSHIFT_ISA_EXCEPTIONS_)
