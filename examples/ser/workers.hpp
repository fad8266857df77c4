// SPDX-License-Identifier: MIT
// The threads of a training.
#pragma once

#include <cstddef>
#include <memory>
#include <tshift/interop/eigen_thread_pool.hpp>

namespace ser {

using tshift::index_t;

/// An executor: shares work out among its threads and the calling one. No result depends on how many they are.
class workers {
 public:
  /// @param threads  >= 1, the calling one counted
  explicit workers(index_t threads = 1) {
    if (threads > 1) pool_ = std::make_unique<Eigen::ThreadPool>(static_cast<int>(threads - 1));
  }

  template <class Body>
  void operator()(index_t n, Body const& body) const {
    if (pool_ != nullptr) return tshift::eigen_executor{*pool_}(n, body);
    for (index_t i = 0; i < n; ++i) body(i);
  }

 private:
  std::unique_ptr<Eigen::ThreadPool> pool_;
};

}  // namespace ser
