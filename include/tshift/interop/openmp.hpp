// SPDX-License-Identifier: MIT
// An executor over OpenMP. Needs -fopenmp in the including unit, and says so otherwise.
#pragma once

#include <tshift/macros/away.hpp>

#include <tshift/error.hpp>

#if !defined(_OPENMP)
#error "tshift/interop/openmp.hpp needs OpenMP: compile with -fopenmp, or link OpenMP::OpenMP_CXX in CMake"
#endif

namespace tshift { inline namespace TSHIFT_V {

/// shift(openmp_executor{}, x, y, plan): the parts are shared out among the current team size of OpenMP.
/// Inside a parallel region it runs on the calling thread, as nested parallelism does by default.
struct openmp_executor {
  /// Runs body(i) once for every i in [0, n), and returns when all are done.
  template <class Body>
  TSHIFT_INLINE void operator()(index_t n, Body const& body) const {
#pragma omp parallel for schedule(static)
    for (index_t i = 0; i < n; ++i) body(i);
  }
};

}}  // namespace tshift

#include <tshift/macros/back.hpp>
