// SPDX-License-Identifier: MIT
// An executor over Eigen's ThreadPool. Needs Eigen (unsupported/Eigen/CXX11/ThreadPool).
#pragma once

#include <tshift/macros/away.hpp>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V {

/// shift(eigen_executor{pool}, x, y, plan): the parts are shared out among the pool's threads and the calling one.
/// Scheduling allocates, as Eigen's pool does. Do not call it from a thread of the same pool: it waits for the others.
struct eigen_executor {
  Eigen::ThreadPoolInterface& pool;  ///< must outlive the call

  /// Runs body(i) once for every i in [0, n), and returns when all are done.
  template <class Body>
  void operator()(index_t n, Body const& body) const {
    index_t const threads = pool.NumThreads();
    index_t const helpers = threads < n - 1 ? threads : n - 1;  // the calling thread takes the last share
    if (helpers <= 0) {
      for (index_t i = 0; i < n; ++i) body(i);
      return;
    }
    Eigen::Barrier done(static_cast<unsigned>(helpers));
    auto const share = [&body, n, helpers](index_t k) {
      for (index_t i = k; i < n; i += helpers + 1) body(i);
    };
    for (index_t k = 0; k < helpers; ++k) {
      pool.Schedule([&done, &share, k] {
        share(k);
        done.Notify();
      });
    }
    share(helpers);
    done.Wait();
  }
};

}}  // namespace tshift

#include <tshift/macros/back.hpp>
